/**
 * MLflow's fluent functions, for a program that doesn't want to carry a tracker and its runs around: which run is
 * active is remembered. docs/from-mlflow.md puts MLflow's Python beside them.
 */
import type { FlushOptions, ParamTree, ParamValue, Receipt, Run, StartRunOptions } from './api.js';
import { OptionError, RunActiveError } from './errors.js';
import { ActiveRun } from './fluent/active-run.js';
import { currentScope, inScope, Scope } from './fluent/scope.js';
import { currentTracker, flushTrackers } from './fluent/trackers.js';
import { resolveOptions, shown } from './options.js';
import type { Report } from './report.js';
import type { RunStatus } from './store/store.js';
import { endUnreported } from './tracker.js';

/** MLflow's options of `start_run`, and headrace's `experiment` (a name) and `params`. */
export interface RunOptions extends Omit<StartRunOptions, 'name'> {
  /** Default: a random one, as MLflow does. */
  runName?: string;
  /** Start it inside the active run: without it, `startRun` and `withRun` throw where a run is active. */
  nested?: boolean;
  /** The run's description in MLflow's pages: the tag `mlflow.note.content`. */
  description?: string;
}

const DESCRIPTION_TAG = 'mlflow.note.content';

/** By `setExperiment`. */
let experiment: string | undefined;

/**
 * Where runs that start from now on are kept: `sqlite:///mlflow.db`, `http://host:5000`, `databricks`, `offline`, as
 * createTracker's `uri`. Goes into MLFLOW_TRACKING_URI, so child processes inherit it, and throws OptionError for a uri
 * that isn't served. Runs that are active stay where they are. Default: MLFLOW_TRACKING_URI, else `sqlite:///mlflow.db`.
 */
export function setTrackingUri(uri: string): void {
  checkText('setTrackingUri', uri);
  resolveOptions({ uri }, process.env, process.cwd());
  process.env.MLFLOW_TRACKING_URI = uri;
}

/**
 * The experiment of runs that start from now on, by name; made with its first run if it is missing. Goes into
 * MLFLOW_EXPERIMENT_NAME for child processes. Throws OptionError for what is no text.
 */
export function setExperiment(name: string): void {
  checkText('setExperiment', name);
  experiment = name;
  process.env.MLFLOW_EXPERIMENT_NAME = name;
  // MLflow refuses an environment whose two names for the experiment disagree.
  delete process.env.MLFLOW_EXPERIMENT_ID;
}

/**
 * Starts a run and makes it the active one, until `endRun` or the end of the process. The first of a process goes on
 * with the run of MLFLOW_RUN_ID, if that is set. Throws RunActiveError where a run is active, unless `nested`: then
 * that is its parent. Throws OptionError for an option, or an environment, that can't be.
 *
 * Outside `withRun` the program has one active run, whoever started it, in whatever function; inside, each `withRun`
 * has its own.
 */
export function startRun(options: RunOptions = {}): Run {
  const scope = currentScope();
  return open(options, scope, scope);
}

/**
 * Runs `fn` with a run that is active in it and in all that it starts and awaits, and nowhere else: calls side by side
 * don't mix. Ends the run FINISHED and gives back what `fn` did, or ends it FAILED and throws what `fn` threw. Runs
 * that were started in `fn` and not ended end likewise. Rejects as `startRun` throws, and with LogFailuresError when
 * `fn` is done but records were refused that nobody awaited.
 */
export async function withRun<T>(options: RunOptions, fn: (run: Run) => Promise<T> | T): Promise<T> {
  const outer = currentScope();
  const inner = new Scope();
  const run = open(options, outer, inner);
  const leave = (): ActiveRun[] => {
    outer.saw(run);
    return inner.close(run);
  };
  let result: T;
  try {
    result = await inScope(inner, () => fn(run));
  } catch (error) {
    // What was refused stays for the next report: `fn`'s error is what the caller must see.
    for (const left of new Set([...leave(), run])) await endUnreported(left.run, 'FAILED');
    throw error;
  }
  const active = leave();
  for (const left of active) await (left === run ? run.run.end() : endUnreported(left.run, 'FINISHED'));
  // `fn` has ended it itself: that end tells how it went, but need not have been awaited.
  if (!active.includes(run)) await endUnreported(run.run, 'FINISHED');
  return result;
}

/** The innermost active run; undefined: there is none. */
export function activeRun(): Run | undefined {
  return currentScope().active;
}

/** The active run, or the one that ended last: here, or in a `withRun` that was called here. */
export function lastActiveRun(): Run | undefined {
  return currentScope().last;
}

/**
 * Ends the innermost active run and waits until all of it has landed, 30 s at most (`timeoutMs`); nothing, where none
 * is active. Rejects with LogFailuresError when records were refused that nobody awaited.
 */
export async function endRun(status: RunStatus = 'FINISHED', options?: FlushOptions): Promise<Report | undefined> {
  return await currentScope().active?.end(status, options);
}

/**
 * Waits until everything logged so far, to whatever run, has landed or failed, 30 s at most for each uri (`timeoutMs`).
 * Rejects as a tracker's `flush`: with LogFailuresError or FlushTimeoutError.
 */
export function flush(options?: FlushOptions): Promise<Report> {
  return flushTrackers(options);
}

// Where no run is active these start one, as MLflow does, and that throws OptionError for an environment that can't be:
// in silence, hours of training would leave nothing. With a run they never throw.

/** Logs to the active run, or starts one. A key keeps its first value: another is a ParamConflictError of the receipt. */
export function logParam(key: string, value: ParamValue): Receipt {
  return target().logParam(key, value);
}

/** Nested objects flatten to dotted keys; one receipt for all. Otherwise as `logParam`. */
export function logParams(params: ParamTree, options?: { prefix?: string }): Receipt {
  return target().logParams(params, options);
}

/** `step` defaults to 0, `timestamp` (milliseconds since 1970) to now. Logs to the active run, or starts one. */
export function logMetric(key: string, value: number, step?: number, timestamp?: number): Receipt {
  return target().logMetric(key, value, step, timestamp);
}

/** One receipt for all. Otherwise as `logMetric`. */
export function logMetrics(metrics: Readonly<Record<string, number>>, step?: number): Receipt {
  return target().logMetrics(metrics, step);
}

/** A tag may change: the last one stays. Logs to the active run, or starts one. */
export function setTag(key: string, value: string): Receipt {
  return target().setTag(key, value);
}

/** One receipt for all. Otherwise as `setTag`. */
export function setTags(tags: Readonly<Record<string, string>>): Receipt {
  return target().setTags(tags);
}

function target(): Run {
  return currentScope().target ?? startRun();
}

/** `from`: where it is called, whose active run is the parent; `into`: where the run will be active. */
function open(options: RunOptions, from: Scope, into: Scope): ActiveRun {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null)
    throw new OptionError({ option: 'startRun', received: shown(given), expected: 'an object' });
  const { nested = false, runName, description, ...others } = options;
  const outer = from.active;
  if (outer !== undefined && !nested) throw new RunActiveError({ runId: outer.id });
  const start: StartRunOptions = { ...others };
  if (start.experiment === undefined && experiment !== undefined) start.experiment = experiment;
  // A run that is resumed has its place already.
  if (start.parentRunId === undefined && start.runId === undefined && outer !== undefined) start.parentRunId = outer.id;
  if (runName !== undefined) start.name = runName;
  if (description !== undefined) start.tags = { ...start.tags, [DESCRIPTION_TAG]: description };
  return new ActiveRun(currentTracker().startRun(start), into);
}

function checkText(option: string, value: unknown): void {
  if (typeof value === 'string' && value !== '') return;
  throw new OptionError({ option, received: shown(value), expected: 'a text that is not empty' });
}
