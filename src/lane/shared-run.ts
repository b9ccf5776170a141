import type { RunQueue } from './run-queue.js';

/** A run that several threads log to: each has a queue of its own, and the store gets one call of it at a time. */
export class SharedRun {
  /** Not ended. */
  readonly queues: Set<RunQueue> = new Set<RunQueue>();
  /** One of them has a call of the store under way. */
  isBusy = false;
}
