/** The public surface as types: what a caller can hold, and nothing of how it is made. */
import type { HeadraceError, ParamConflictError } from './errors.js';
import type { Report } from './report.js';
import type { RunStatus } from './store/store.js';
import type { TrackerHandle } from './threads/handle.js';

/**
 * What a param can be. Objects: arrays, typed arrays, plain objects, Map, Set, Date, URL, instances with
 * `toJSON`; docs/values.md says what text each becomes. Functions and symbols fail the receipt.
 */
export type ParamValue = string | number | boolean | bigint | null | object;

/** Nested objects and Maps become one param per leaf, their keys joined by the tracker's `separator`. */
export type ParamTree = object;

export type RecordState = 'accepted' | 'durable' | 'landed' | 'failed';

/**
 * What a logging call returns. Awaiting it waits until the record has landed in the store, or rejects
 * with the error that refused it. Nobody has to await: failures that nobody awaited are reported by the
 * next `flush`, `end` or `close`.
 */
export interface Receipt extends PromiseLike<void> {
  readonly state: RecordState;
  /**
   * Resolves when the record survives the end of this process: it is in the journal, at the tracker's `durability`, or
   * has landed. Rejects when it was refused before that; what the store refuses later, the receipt itself tells.
   */
  durable(): Promise<void>;
  catch<T = never>(onRejected?: ((reason: unknown) => T | PromiseLike<T>) | null): Promise<void | T>;
  finally(onFinally?: (() => void) | null): Promise<void>;
}

export interface FlushOptions {
  /**
   * Milliseconds to wait at most; default 30,000. Then, if everything is in the journal, it is a success, and the
   * report says so. If not: FlushTimeoutError, while the work goes on behind.
   */
  timeoutMs?: number;
  /** Reject with LogFailuresError when records were refused that nobody awaited; default true. */
  throwOnFailure?: boolean;
}

export interface StartRunOptions {
  /** Name of the experiment; made if it is missing. Default: the tracker's. */
  experiment?: string;
  /** Default: a random one, as MLflow does. */
  name?: string;
  tags?: Readonly<Record<string, string>>;
  /** Logged as by `logParams`. */
  params?: ParamTree;
  /** Id of the run that this one is nested under: `run.id` or the one in the store. */
  parentRunId?: string;
  /**
   * Resume this run instead of starting one: by `run.id` or by its id in the store. Of a run that is open in this
   * tracker, either gives the same Run.
   */
  runId?: string;
}

export interface Run extends AsyncDisposable {
  /**
   * Known at once: 32 hex digits of our own, or the id that `startRun({ runId })` was given. In SQL stores it is the
   * run_uuid; a server's run carries it as the tag `headrace.run_id`.
   */
  readonly id: string;
  /**
   * The id in the store, once the run is there: the same, or the one that an MLflow server chose, by which MLflow's
   * pages and other clients know the run. Rejects with the error that kept the run from being made.
   */
  readonly storeId: Promise<string>;
  logParam(key: string, value: ParamValue): Receipt;
  /** One receipt for all leaves; each leaf lands or fails on its own. Rejects with LogFailuresError. */
  logParams(params: ParamTree, options?: { prefix?: string }): Receipt;
  /** `.json`, `.yaml`, `.yml`, `.toml`, `.env`; read by the worker, its path made absolute at the call. */
  logConfig(path: string, options?: { prefix?: string }): Receipt;
  /** `step` defaults to 0, `timestamp` (milliseconds since 1970) to now, within 5 ms. */
  logMetric(key: string, value: number, step?: number, timestamp?: number): Receipt;
  logMetrics(metrics: Readonly<Record<string, number>>, step?: number): Receipt;
  setTag(key: string, value: string): Receipt;
  setTags(tags: Readonly<Record<string, string>>): Receipt;
  flush(options?: FlushOptions): Promise<Report>;
  /** Sets status and end time once everything of the run has landed; also behind a wait that `timeoutMs` ended. Default FINISHED. */
  end(status?: RunStatus, options?: FlushOptions): Promise<Report>;
}

/** Counts since `createTracker`. Reading them costs no message to the worker. */
export interface TrackerStats {
  readonly accepted: number;
  /** In the journal, or landed. */
  readonly durable: number;
  readonly landed: number;
  readonly failed: number;
  /** Bytes taken in the rings now, and their size, over all lanes. */
  readonly ringBytes: { readonly used: number; readonly capacity: number };
  readonly batches: number;
  readonly retries: number;
  readonly lastError: HeadraceError | undefined;
}

export interface TrackerEvents {
  /** A record was refused. Once per failure, awaited or not. */
  error: (error: HeadraceError) => void;
  /** The same for param conflicts alone, besides `error`. */
  conflict: (error: ParamConflictError) => void;
  /** The store did not take a batch and is tried again. */
  'backend-down': (error: HeadraceError) => void;
  'backend-up': () => void;
}

export interface Tracker extends AsyncDisposable {
  startRun(options?: StartRunOptions): Run;
  /** Runs `fn` with a new run; ends it FINISHED, or FAILED when `fn` throws. */
  withRun<T>(options: StartRunOptions, fn: (run: Run) => Promise<T> | T): Promise<T>;
  /** Waits until everything accepted so far has landed or failed. */
  flush(options?: FlushOptions): Promise<Report>;
  /**
   * Ends open runs, waits for everything, lets the workers go. What is then in the journal alone is sent by the next
   * tracker of the same uri, or by `npx headrace sync`; whoever awaits its receipt gets a StoreUnavailableError.
   */
  close(options?: FlushOptions): Promise<Report>;
  stats(): TrackerStats;
  /**
   * For other threads of this process: post it to them, or give it as their workerData; `attachTracker` makes a tracker
   * of it there. Throws OptionError after `close`.
   */
  handle(): TrackerHandle;
  on<E extends keyof TrackerEvents>(event: E, listener: TrackerEvents[E]): this;
  off<E extends keyof TrackerEvents>(event: E, listener: TrackerEvents[E]): this;
}
