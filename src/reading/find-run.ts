/** The one run that somebody means by an id, the beginning of one, or a name. */
import { AmbiguousRunError, RunNotFoundError } from '../errors.js';
import { RUN_ID } from '../store/run-id.js';
import { OWN_ID_TAG, RUN_NAME_TAG } from '../store/run-tags.js';
import type { Filter, Operand } from './filter/tree.js';
import type { RunRecord, RunSource } from './run-source.js';

/** Fewer letters of an id are more likely a slip. */
export const SHORTEST_PREFIX = 4;

/** One more than an error lists, so that it can say that there are more. */
const MOST = 11;

const equals = (of: Operand['of'], key: string, value: string): Filter => ({
  kind: 'compare',
  operand: { of, key },
  comparator: '=',
  value,
});

export async function findRun(source: RunSource, asked: string): Promise<RunRecord> {
  if (RUN_ID.test(asked)) {
    const exact = (await source.get(asked)) ?? (await found(source, equals('tags', OWN_ID_TAG, asked)))[0];
    if (exact !== undefined) return exact;
  }
  const candidates = await found(source, equals('tags', RUN_NAME_TAG, asked));
  if (RUN_ID.test(asked) && asked.length >= SHORTEST_PREFIX) {
    const operand: Operand = { of: 'attributes', key: 'run_id' };
    const alike = await found(source, { kind: 'like', operand, pattern: `${asked}%`, ignoreCase: false });
    // `_` stands for any character in a pattern.
    candidates.push(...alike.filter(({ id }) => id.startsWith(asked)));
  }
  const runs = [...new Map(candidates.map((run) => [run.id, run])).values()];
  const [first] = runs;
  if (first === undefined) throw new RunNotFoundError({ runId: asked });
  if (runs.length === 1) return first;
  throw new AmbiguousRunError({ asked, runs: runs.map(({ id, name, startTime }) => ({ id, name, startTime })) });
}

async function found(source: RunSource, filter: Filter): Promise<RunRecord[]> {
  const runs: RunRecord[] = [];
  for await (const run of source.search({ experiments: undefined, filter, order: [], limit: MOST })) runs.push(run);
  return runs;
}
