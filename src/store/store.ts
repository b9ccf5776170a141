/**
 * The seam between a lane and the place where runs are kept. A new backend implements `Store` and
 * nothing else; it never sees rings, receipts or options of the caller.
 *
 * Everything is idempotent: whatever throws `StoreBusyError` comes again unchanged, and doing it twice
 * must equal doing it once.
 */
import type { HeadraceError } from '../errors.js';

/** Value already as text, key already checked by `params/key.ts`, length already checked. */
export interface ParamItem {
  readonly kind: 'param';
  readonly key: string;
  readonly value: string;
}

/** `value` may be NaN or infinite: the store applies MLflow's storage rule. `timestamp` in ms, `step` a safe integer. */
export interface MetricItem {
  readonly kind: 'metric';
  readonly key: string;
  readonly value: number;
  readonly timestamp: number;
  readonly step: number;
}

export interface TagItem {
  readonly kind: 'tag';
  readonly key: string;
  readonly value: string;
}

export type Item = ParamItem | MetricItem | TagItem;

/** Records of one run that go to the store in one call, in the order logged. A param key stands in it at most once. */
export interface Batch {
  /** As the store knows the run: what `createRun` returned. */
  readonly runId: string;
  readonly items: readonly Item[];
  /** A worker or a process that died may have sent items of it: that request may be done after this one. Default false. */
  readonly triedBefore?: boolean | undefined;
}

/** `undefined`: landed (or the same param was there already). Otherwise refused for good, and why. */
export type Outcome = HeadraceError | undefined;

/** Name set in code or by the environment, id by the environment; none of the two: MLflow's experiment 0. */
export interface ExperimentChoice {
  /** Made if it is missing. */
  readonly name?: string | undefined;
  /** Must exist. Both given and naming different experiments is an ExperimentError. */
  readonly id?: string | undefined;
}

export interface NewRun {
  /** Our id, 32 hex digits. For a resumed run: the id that the user gave. */
  readonly id: string;
  /** True: the run must exist already; it is set back to RUNNING, its end time stays (as MLflow's client does). */
  readonly resume: boolean;
  /** An earlier worker may have made it already, and the answer got lost: it is looked for before it is made. */
  readonly mayExist: boolean;
  readonly experiment: ExperimentChoice;
  readonly name: string | undefined;
  readonly userId: string;
  /** Milliseconds since 1970. */
  readonly startTime: number;
  /** MLflow's default tags and the caller's, later ones win. */
  readonly tags: ReadonlyArray<readonly [key: string, value: string]>;
}

export type RunStatus = 'FINISHED' | 'FAILED' | 'KILLED';

export interface RunEnd {
  readonly runId: string;
  readonly status: RunStatus;
  /** Milliseconds since 1970. */
  readonly endTime: number;
  /**
   * Only if it is still RUNNING: the process that had it died, and another one may have ended it meanwhile. One that
   * is deleted or gone has nothing to end, which is no error then. Default false.
   */
  readonly ifRunning?: boolean | undefined;
}

/** What a store knows about why a call could not be done now. */
export interface Busy {
  /** `store`, the default: no other call would do better. `run`: other runs are none the worse for it. */
  readonly scope?: 'store' | 'run' | undefined;
  /** Milliseconds until it is worth another try; undefined: as the retry policy says. */
  readonly retryAfterMs?: number | undefined;
  /** Time alone doesn't mend it (credentials, a wrong address): somebody has to be told. */
  readonly needsPerson?: boolean | undefined;
  readonly cause?: unknown;
}

/**
 * Thrown by a store that can't tell, or can't do it just now: the same call comes again after a pause.
 * Anything else that it throws must be a HeadraceError and is final for the run's waiting records.
 */
export class StoreBusyError extends Error {
  override readonly name = 'StoreBusyError';
  readonly scope: 'store' | 'run';
  readonly retryAfterMs: number | undefined;
  readonly needsPerson: boolean;

  constructor(message: string, { scope = 'store', retryAfterMs, needsPerson = false, cause }: Busy = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.scope = scope;
    this.retryAfterMs = retryAfterMs;
    this.needsPerson = needsPerson;
  }
}

export interface Store {
  /**
   * True: behind a network. Its outages are told when the first try fails, and last as long as they last: no
   * record fails for one. False: a file of this machine, whose locks are everyday life for a second and whose
   * retries end with `retry.maxRetryTime`.
   */
  readonly remote: boolean;
  /** Makes the store usable, or throws a HeadraceError that names the remedy. */
  open(): Promise<void>;
  /** Returns the run's id in the store. */
  createRun(run: NewRun): Promise<string>;
  /**
   * Commits the batch and answers one outcome per item, in order. Never overlaps for one run; several
   * runs' calls may, and a store may commit those together.
   */
  land(batch: Batch): Promise<readonly Outcome[]>;
  endRun(end: RunEnd): Promise<void>;
  /**
   * The id in the store of a run that was made with this id of ours; undefined: there is none. Where the store keeps
   * our ids there is nothing to find.
   */
  find?(ownId: string): Promise<string | undefined>;
  close(): Promise<void>;
}

/**
 * The store's sign of life towards the caller's thread, which can't ask. The same word carries the
 * coarse clock that metric timestamps are read from.
 */
export interface Pulse {
  /** Call at least every few milliseconds while working. */
  beat(): void;
  /** Call before anything that may block the thread for longer (a commit, a wait for a lock). */
  pause(): void;
}
