import type { HeadraceError } from './errors.js';

/** What `flush`, `end` and `close` found. Counts are of the run or tracker since it was started. */
export interface Report {
  readonly accepted: number;
  readonly landed: number;
  readonly failed: number;
  /** Accepted, neither landed nor failed when the wait ended. */
  readonly pending: number;
  /** Of those pending: in the journal, from where they reach the store also when this process ends. */
  readonly durable: number;
  /** Folder of the journal that holds what is pending, starts and ends of runs among it; of several, the folder they are in. */
  readonly journal: string | undefined;
  /** Failures that nobody awaited and that no earlier report named; at most 20 of them. */
  readonly failures: readonly HeadraceError[];
}
