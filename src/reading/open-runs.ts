import { OptionError } from '../errors.js';
import { shown } from '../options.js';
import { parseStoreUri } from '../store/uri.js';
import { parseFilter } from './filter/parse.js';
import { findRun } from './find-run.js';
import { LoadedRun } from './loaded-run.js';
import { inOrder } from './metric-point.js';
import { parseOrder } from './order.js';
import type { RunQuery, RunSource } from './run-source.js';
import type { MetricPoint, RunSearch, Runs, StoredRun } from './stored-run.js';

export interface OpenRunsOptions {
  /** Milliseconds that a store which is locked or away is tried again, then StoreUnavailableError. Default 5000. */
  patienceMs?: number;
}

const SEARCH_FIELDS: readonly string[] = ['experiment', 'filter', 'orderBy', 'limit'] satisfies (keyof RunSearch)[];

/**
 * The runs of a store, to be read: by default that of MLFLOW_TRACKING_URI, else `sqlite:///mlflow.db`. Takes what
 * `createTracker` takes, and throws OptionError for a uri that can't be. Nothing is read or connected to before the
 * first question, and nothing is ever written: neither a file that is missing nor one that could be migrated.
 */
export function openRuns(uri?: string, { patienceMs = 5000 }: OpenRunsOptions = {}): Runs {
  const place = uri ?? (process.env.MLFLOW_TRACKING_URI || 'sqlite:///mlflow.db');
  if (typeof place !== 'string' || place === '') throw unfit('uri', place, 'a text that is not empty');
  if (typeof patienceMs !== 'number' || !(patienceMs >= 0)) throw unfit('patienceMs', patienceMs, 'a number from 0');
  const location = parseStoreUri(place, process.cwd(), process.env);
  switch (location.kind) {
    case 'sqlite':
      return new OpenRuns(async () => {
        const { SqliteRuns } = await import('./sqlite-runs/sqlite-runs.js');
        return new SqliteRuns({ ...location, patienceMs });
      });
    case 'server':
      return new OpenRuns(async () => {
        const { ServerRuns } = await import('./server-runs/server-runs.js');
        return new ServerRuns({ ...location, patienceMs });
      });
    case 'postgres':
      return new OpenRuns(async () => {
        const { PostgresRuns } = await import('./postgres-runs/postgres-runs.js');
        return new PostgresRuns({ ...location, patienceMs });
      });
    case 'offline':
      throw unfit('uri', place, 'a store to read from; what was logged offline is there after "headrace sync --uri …"');
  }
}

class OpenRuns implements Runs {
  /** Loaded with the first question: most programs only log. */
  readonly #load: () => Promise<RunSource>;
  /** Not seen when it is printed: a server's settings hold a password. */
  #loaded: Promise<RunSource> | undefined;

  constructor(load: () => Promise<RunSource>) {
    this.#load = load;
  }

  async getRun(idOrName: string): Promise<StoredRun> {
    const source = await this.#source();
    return new LoadedRun(await findRun(source, idOrName), source);
  }

  searchRuns(search: RunSearch = {}): AsyncIterable<StoredRun> {
    const query = queryOf(search);
    return { [Symbol.asyncIterator]: () => this.#search(query) };
  }

  async metricHistory(run: StoredRun | string, key: string): Promise<readonly MetricPoint[]> {
    const source = await this.#source();
    const id = typeof run === 'string' ? (await findRun(source, run)).id : run.id;
    return inOrder(await source.history(id, key));
  }

  async close(): Promise<void> {
    await (await this.#source()).close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #source(): Promise<RunSource> {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }

  async *#search(query: RunQuery): AsyncGenerator<StoredRun, void, undefined> {
    const source = await this.#source();
    for await (const record of source.search(query)) yield new LoadedRun(record, source);
  }
}

function queryOf(search: RunSearch): RunQuery {
  for (const name of Object.keys(search)) {
    if (!SEARCH_FIELDS.includes(name)) throw unfit(name, 'an unknown option', `one of ${SEARCH_FIELDS.join(', ')}`);
  }
  const { filter = '', limit = Number.POSITIVE_INFINITY } = search;
  if (typeof filter !== 'string') throw unfit('filter', filter, 'a text');
  if (typeof limit !== 'number' || !(limit === Number.POSITIVE_INFINITY || (Number.isInteger(limit) && limit >= 0))) {
    throw unfit('limit', limit, 'a whole number from 0');
  }
  return {
    experiments: textsOf('experiment', search.experiment),
    filter: parseFilter(filter),
    order: parseOrder(textsOf('orderBy', search.orderBy) ?? []),
    limit,
  };
}

function textsOf(option: string, given: string | readonly string[] | undefined): readonly string[] | undefined {
  if (given === undefined) return undefined;
  const texts: readonly unknown[] = Array.isArray(given) ? given : [given];
  return texts.map((text) => {
    if (typeof text !== 'string') throw unfit(option, text, 'a text or a list of texts');
    return text;
  });
}

function unfit(option: string, received: unknown, expected: string): OptionError {
  return new OptionError({ option, received: shown(received), expected });
}
