/** Which colour a run has in all pictures: by its place among the runs, the best in the strongest. */
import type { ComparedMetric, Comparison } from '../comparison.js';
import { ranks } from '../rank-correlation.js';

export const SHADES = 12;

export interface Shades {
  /** A class for each run. */
  readonly classes: readonly string[];
  /** Runs from the worst to the best, before them those without a value: what is drawn last lies on top. */
  readonly order: readonly number[];
}

/** By rank and not by value: one run that diverged would leave all others the same colour. */
export function shadesOf({ runs }: Comparison, metric: ComparedMetric | undefined): Shades {
  const merits = runs.map((_, run) => {
    const best = metric?.summaries[run]?.best ?? null;
    return best === null ? undefined : metric?.goal === 'min' ? -best : best;
  });
  const known = merits.filter((merit) => merit !== undefined);
  const places = ranks(known);
  const highest = known.length - 1;
  let next = 0;
  const shares = merits.map((merit) => (merit === undefined ? undefined : highest === 0 ? 1 : (places[next++] ?? 0) / highest));
  return {
    classes: shares.map((share) => {
      if (metric === undefined) return `shade-${SHADES - 4}`;
      return share === undefined ? 'shadeless' : `shade-${Math.round(share * (SHADES - 1))}`;
    }),
    order: runs.map((_, run) => run).sort((a, b) => (shares[a] ?? -1) - (shares[b] ?? -1)),
  };
}
