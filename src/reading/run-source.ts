/** The seam between reading and the place where runs are kept. */
import { StoreUnavailableError } from '../errors.js';
import type { Filter } from './filter/tree.js';
import type { Order } from './order.js';
import type { MetricPoint, StoredRun } from './stored-run.js';

/** A run as a store has it. */
export interface RunRecord extends Omit<StoredRun, 'history' | 'config'> {
  readonly artifactUri: string | undefined;
}

export interface RunQuery {
  /** Names or ids; undefined: all that are not deleted. */
  readonly experiments: readonly string[] | undefined;
  readonly filter: Filter | undefined;
  readonly order: Order;
  readonly limit: number;
}

/** Nothing that is deleted is shown. Whatever fails is a HeadraceError. */
export interface RunSource {
  /** By its id in the store. */
  get(id: string): Promise<RunRecord | undefined>;
  search(query: RunQuery): AsyncGenerator<RunRecord, void, undefined>;
  history(id: string, key: string): Promise<readonly MetricPoint[]>;
  close(): Promise<void>;
}

/** `store`: its name in messages. */
export function closedRuns(store: string): StoreUnavailableError {
  return new StoreUnavailableError({ store, reason: 'what openRuns opened is closed; open it again' });
}
