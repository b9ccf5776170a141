import type { Experiment } from '../experiments.js';
import { matches } from '../filter/evaluate.js';
import type { RunQuery, RunRecord } from '../run-source.js';

/** By their ids. */
export type Experiments = ReadonlyMap<string, Experiment>;

/** A database's answers to the parts of a search. */
interface SearchedTables {
  experiments(asked: readonly string[] | undefined): Soon<Experiments>;
  /** The first ones, in order, of the runs that the query may mean; which of them it does mean is seen when they are loaded. */
  ids(query: RunQuery, experiments: Experiments, most: number): Soon<readonly string[]>;
  /** Those that are deleted, or not in these experiments, are left out. */
  load(ids: readonly string[], experiments: Experiments): Soon<ReadonlyMap<string, RunRecord>>;
}

/** A file is read in the thread that asks. */
type Soon<T> = T | Promise<T>;

/** Asks a database that may be busy, until it answers. */
type Ask = <T>(question: (tables: SearchedTables) => Soon<T>) => Promise<T>;

/** Runs that are loaded at once, some 30 ms for 50 params each. */
const PAGE = 500;

export async function* searchIn(ask: Ask, query: RunQuery): AsyncGenerator<RunRecord, void, undefined> {
  const { filter, limit } = query;
  const seen = new Set<string>();
  let left = limit;
  // What the database finds is mostly what is meant: to ask for no more than that saves ordering and carrying the rest.
  for (let most = limit; left > 0; most = Number.POSITIVE_INFINITY) {
    const experiments = await ask((tables) => tables.experiments(query.experiments));
    const found = await ask((tables) => tables.ids(query, experiments, most));
    const ids = found.filter((id) => !seen.has(id));
    for (let from = 0; from < ids.length && left > 0; from += PAGE) {
      const page = ids.slice(from, from + PAGE);
      const records = await ask((tables) => tables.load(page, experiments));
      for (const id of page) {
        seen.add(id);
        const record = records.get(id);
        if (record === undefined || left === 0 || (filter !== undefined && !matches(filter, record))) continue;
        left--;
        yield record;
      }
    }
    if (found.length < most) return;
  }
}
