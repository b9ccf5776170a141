import type { HeadraceError } from '../errors.js';
import type { PendingBatch, Refused, Stretch } from './pending-batch.js';
import type { EndRequest, RunRequest } from './task.js';

/** Makes or resumes the run. `seq` is undefined for a worker that takes over a run made by its predecessor. */
export interface Creation {
  readonly kind: 'create';
  readonly request: RunRequest;
  readonly seq: number | undefined;
  readonly stretch: Stretch | undefined;
  /** See `NewRun.mayExist`. */
  readonly mayExist: boolean;
}

/** `seq` is undefined for a run that its process left without an end. */
export interface Ending {
  readonly kind: 'end';
  readonly request: EndRequest;
  readonly seq: number | undefined;
  readonly stretch: Stretch | undefined;
}

export type Step = Creation | PendingBatch | Ending;

/** How one step of a run ended. */
export interface Settlement {
  readonly failures: readonly Refused[];
  /** The same error for every record of the step. */
  readonly all: HeadraceError | undefined;
}
