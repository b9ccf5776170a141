/** The shape of a metric's history in few points. */
import type { MetricPoint } from '../reading/stored-run.js';
import type { Curve } from './comparison.js';

/** Below it the first, the last and one stretch with its three points don't fit. */
export const LEAST_POINTS = 5;

export function curveOf(points: readonly MetricPoint[], limit: number): Curve {
  const isOneStep = points.length > 1 && points.every(({ step }) => step === points[0]?.step);
  return thinned(
    {
      along: isOneStep ? 'order' : 'step',
      at: points.map(({ step }, index) => (isOneStep ? index : step)),
      values: points.map(({ value }) => value),
    },
    limit,
  );
}

export function thinned(curve: Curve, limit: number): Curve {
  const { along, at, values } = curve;
  if (values.length <= limit) return curve;
  const kept = telling(values, limit);
  return { along, at: kept.map((index) => at[index] ?? 0), values: kept.map((index) => values[index] ?? Number.NaN) };
}

/**
 * Indices of at most `limit` values: the first, the last, and of each stretch between them the lowest, the highest and the
 * first that is not finite. Averages would hide the one spike or NaN that somebody looks for.
 */
function telling(values: readonly number[], limit: number): number[] {
  const stretches = Math.floor((limit - 2) / 3);
  const inner = values.length - 2;
  const kept = [0];
  for (let stretch = 0; stretch < stretches; stretch++) {
    const start = 1 + Math.floor((stretch * inner) / stretches);
    const end = 1 + Math.floor(((stretch + 1) * inner) / stretches);
    kept.push(...extremes(values, start, end));
  }
  kept.push(values.length - 1);
  return kept;
}

function extremes(values: readonly number[], start: number, end: number): number[] {
  let lowest = -1;
  let highest = -1;
  let gap = -1;
  for (let index = start; index < end; index++) {
    const value = values[index] ?? Number.NaN;
    if (!Number.isFinite(value)) gap = gap < 0 ? index : gap;
    else {
      if (lowest < 0 || value < (values[lowest] ?? 0)) lowest = index;
      if (highest < 0 || value > (values[highest] ?? 0)) highest = index;
    }
  }
  return [...new Set([lowest, highest, gap])].filter((index) => index >= 0).sort((a, b) => a - b);
}
