/** Params and metrics that somebody speaks of and no run has: a wrong name finds nothing, and nothing says why. */
import { nearest } from '../nearest.js';
import { parseFilter } from '../reading/filter/parse.js';
import type { Filter, Operand } from '../reading/filter/tree.js';
import type { RunSearch, Runs } from '../reading/stored-run.js';

/** Runs whose keys are looked at: the latest, which a person's filter is mostly about. */
const LOOKED_THROUGH = 200;

/** What was perhaps meant: `lr` is `optimizer.lr` before it is `l2`. */
export function nearestKey(asked: string, known: readonly string[]): string | undefined {
  return known.find((key) => key.endsWith(`.${asked}`) || key.endsWith(`/${asked}`)) ?? nearest(asked, known);
}

/** A sentence about each of them in the filter. */
export async function unknownKeys(runs: Runs, { filter = '', experiment }: RunSearch): Promise<string[]> {
  const tree = parseFilter(filter);
  const operands = tree === undefined ? [] : operandsOf(tree).filter(({ of }) => of === 'params' || of === 'metrics');
  if (operands.length === 0) return [];
  const known = { params: new Set<string>(), metrics: new Set<string>() };
  for await (const run of runs.searchRuns({ experiment, limit: LOOKED_THROUGH })) {
    for (const key of run.params.keys()) known.params.add(key);
    for (const key of run.metrics.keys()) known.metrics.add(key);
  }
  const told = operands.flatMap(({ of, key }) => {
    const keys = known[of === 'params' ? 'params' : 'metrics'];
    if (keys.has(key)) return [];
    const meant = nearestKey(key, [...keys]);
    const hint = meant === undefined ? '' : ` Did you mean ${meant}?`;
    return [`none of the latest runs has a ${of === 'params' ? 'param' : 'metric'} ${JSON.stringify(key)}.${hint}`];
  });
  return [...new Set(told)];
}

function operandsOf(filter: Filter): Operand[] {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return filter.parts.flatMap(operandsOf);
    case 'not':
      return operandsOf(filter.part);
    default:
      return [filter.operand];
  }
}
