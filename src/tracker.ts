import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { FlushOptions, Report, Run, StartRunOptions, Tracker, TrackerEvents, TrackerStats } from './api.js';
import { DisabledTracker } from './disabled.js';
import { FlushTimeoutError, type HeadraceError, LogFailuresError, OptionError, ParamConflictError } from './errors.js';
import { type Exiting, endingStatus, finishAtExit, forgetAtExit, updateSignals } from './exit.js';
import type { Failures } from './failures.js';
import { KnownRuns } from './known-runs.js';
import { Lane, type LaneEvents } from './lane/lane.js';
import type { RunRequest } from './lane/task.js';
import { Ledger, MAX_LISTED } from './ledger.js';
import { resolveOptions, type Settings, type TrackerOptions } from './options.js';
import { LaneRun, type RunHost } from './run.js';
import { checkRunId, checkRunOptions, runTagsOf } from './run-options.js';
import type { RunStatus } from './store/store.js';
import { userName } from './user-name.js';

const DEFAULT_FLUSH_MS = 30_000;

/**
 * Starts a tracker. Synchronous; the worker boots behind it. Throws OptionError for an option that can't
 * be, and nothing else: a store that can't be used is told by the receipts.
 */
export function createTracker(options: TrackerOptions = {}): Tracker {
  const settings = resolveOptions(options, process.env, process.cwd());
  return settings.enabled ? new LaneTracker(settings) : new DisabledTracker();
}

class LaneTracker implements Tracker, RunHost, Exiting, LaneEvents {
  private readonly settings: Settings;
  private readonly lanes: readonly Lane[];
  private readonly emitter = new EventEmitter();
  /** Runs that have not ended, or whose end has not settled. */
  private readonly runs = new Set<LaneRun>();
  private readonly known = new KnownRuns<LaneRun>();
  /** What ended runs leave behind for `stats` and for the next report. */
  private readonly past = { accepted: 0, landed: 0, failed: 0 };
  private unreported: Failures[] = [];
  /** Runs that have just ended, or were logged to afterwards: what they refused is to be reported, too. */
  private readonly unread = new Set<LaneRun>();
  private nextLane = 0;
  private flushes = 0;
  private closing: Promise<Report> | undefined;
  private lastError: HeadraceError | undefined;
  /** Why the store takes nothing, by what a lane told last. */
  private storeError: HeadraceError | undefined;
  private lastNotice: string | undefined;

  constructor(settings: Settings) {
    this.settings = settings;
    this.lanes = Array.from({ length: settings.workers }, (_, number) => new Lane(settings, number, this));
    finishAtExit(this);
  }

  startRun(options: StartRunOptions = {}): Run {
    return this.open(options);
  }

  private open(options: StartRunOptions): LaneRun {
    checkRunOptions(options);
    const tags = runTagsOf(options.tags, this.settings.onLongValue);
    if (this.closing !== undefined)
      throw new OptionError({ option: 'startRun', received: 'a call after close', expected: 'an open tracker' });
    const resumed = options.runId ?? takeRunIdFromEnvironment();
    // Either may be an id that a store chose, and has told since this thread looked last.
    if (resumed !== undefined || options.parentRunId !== undefined) for (const lane of this.lanes) lane.drainFailures();
    const id = resumed === undefined ? randomUUID().replaceAll('-', '') : this.known.idOf(resumed);
    const open = this.known.find(id);
    const run = open?.isOpen ? open : this.begin(id, resumed !== undefined, options, tags);
    if (open === run && tags.length > 0) run.setTags(Object.fromEntries(tags));
    if (options.params !== undefined) run.logParams(options.params);
    return run;
  }

  async withRun<T>(options: StartRunOptions, fn: (run: Run) => Promise<T> | T): Promise<T> {
    const run = this.open(options);
    let result: T;
    try {
      result = await fn(run);
    } catch (error) {
      // What `fn` threw is what the caller must see; records refused meanwhile stay for the next report.
      const over = run.finish('FAILED').then(() => this.ended(run));
      await within(DEFAULT_FLUSH_MS, over);
      throw error;
    }
    await run.end();
    return result;
  }

  flush(options?: FlushOptions): Promise<Report> {
    const runs = [...this.runs];
    return this.settle(runs, Promise.all(runs.map(({ ledger }) => ledger.whenSettled())), options, true);
  }

  close(options?: FlushOptions): Promise<Report> {
    this.closing ??= this.closeOnce(options);
    return this.closing;
  }

  stats(): TrackerStats {
    const total = { ...this.past };
    for (const { ledger } of this.runs) {
      const { accepted, landed, failed } = ledger.counts();
      total.accepted += accepted;
      total.landed += landed;
      total.failed += failed;
    }
    const { lanes } = this;
    return {
      ...total,
      // Without a journal in front of the store, what is durable is what has landed.
      durable: total.landed,
      ringBytes: { used: sum(lanes, (lane) => lane.ring.used), capacity: lanes.length * this.settings.ringBytes },
      batches: sum(lanes, (lane) => lane.batches),
      retries: sum(lanes, (lane) => lane.retries),
      lastError: this.lastError,
    };
  }

  on<E extends keyof TrackerEvents>(event: E, listener: TrackerEvents[E]): this {
    this.emitter.on(event, listener);
    return this;
  }

  off<E extends keyof TrackerEvents>(event: E, listener: TrackerEvents[E]): this {
    this.emitter.off(event, listener);
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ---- RunHost ----

  refused(error: HeadraceError, run: LaneRun): void {
    this.failed(error);
    if (this.runs.has(run)) return;
    this.past.failed++;
    this.unread.add(run);
  }

  async settle(
    runs: readonly LaneRun[],
    work: Promise<unknown>,
    options: FlushOptions = {},
    wholeTracker = false,
  ): Promise<Report> {
    const timeoutMs = options.timeoutMs ?? DEFAULT_FLUSH_MS;
    this.setUrgent(1);
    const inTime = await within(timeoutMs, work);
    this.setUrgent(-1);
    const { report, count } = this.report(runs, wholeTracker);
    if (!inTime) throw new FlushTimeoutError({ timeoutMs, report, store: this.storeError });
    if (count > 0 && options.throwOnFailure !== false) throw new LogFailuresError({ errors: report.failures, count });
    return report;
  }

  ended(run: LaneRun): void {
    if (!this.runs.delete(run)) return;
    this.known.remove(run);
    const { accepted, landed, failed } = run.ledger.counts();
    this.past.accepted += accepted;
    this.past.landed += landed;
    this.past.failed += failed;
    run.lane.removeRun(run.ledger);
    updateSignals();
    this.unread.add(run);
    // Behind the caller of `end`, who has the first right to report them.
    setImmediate(() => {
      if (!this.unread.delete(run)) return;
      const unreported = run.ledger.takeUnreported();
      if (unreported.count > 0) this.unreported.push(unreported);
    });
  }

  // ---- LaneEvents ----

  failed(error: HeadraceError): void {
    this.lastError = error;
    this.emit('error', error);
    if (error instanceof ParamConflictError) this.emit('conflict', error);
  }

  created(runId: string, storeId: string): void {
    this.known.created(runId, storeId);
  }

  broken(error: HeadraceError): void {
    for (const run of this.runs) if (run.lane.broken !== undefined) run.refuseFromNowOn(error);
    this.failed(error);
  }

  down(error: HeadraceError): void {
    this.lastError = error;
    this.storeError = error;
    this.emit('backend-down', error);
  }

  up(): void {
    this.storeError = undefined;
    this.lastNotice = undefined;
    this.emit('backend-up');
  }

  notice(text: string): void {
    // Every lane meets the same outage, and has the same to say.
    if (text === this.lastNotice) return;
    this.lastNotice = text;
    process.emitWarning(text, { type: 'HeadraceWarning' });
  }

  // ---- Exiting ----

  get handlesSignals(): boolean {
    return this.settings.signals;
  }

  get hasRuns(): boolean {
    return this.runs.size > 0;
  }

  finishInPlace(status: RunStatus | undefined): string[] {
    const deadline = performance.now() + this.settings.exitTimeoutMs;
    const runs = [...this.runs];
    if (status !== undefined) for (const run of runs) run.writeEnd(status, Math.max(0, deadline - performance.now()));
    this.setUrgent(1);
    for (const lane of this.lanes) {
      const own = runs.filter((run) => run.lane === lane);
      lane.waitInPlace(() => own.every(({ ledger }) => ledger.settled() >= ledger.issued), deadline);
    }
    if (status === undefined) {
      this.setUrgent(-1);
      return [];
    }
    for (const lane of this.lanes) lane.stopInPlace();
    return this.lastWords(runs);
  }

  private lastWords(runs: readonly LaneRun[]): string[] {
    const { report, count } = this.report(runs, true);
    const lines: string[] = [];
    const { display } = this.settings.location;
    const late = `within ${this.settings.exitTimeoutMs} ms`;
    const why = this.storeError === undefined ? '' : `; the ${this.storeError.message}`;
    const open = runs.filter(({ ledger }) => ledger.settled() < ledger.issued).length;
    if (report.pending > 0) {
      lines.push(`${report.pending} of ${report.accepted} records had not landed in ${display} ${late} and are lost${why}`);
    } else if (open > 0) {
      lines.push(
        `the end of ${open} ${open === 1 ? 'run' : 'runs'} was not stored in ${display} ${late}; all records were${why}`,
      );
    }
    if (count > 0) lines.push(new LogFailuresError({ errors: report.failures, count }).message);
    return lines;
  }

  // ---- within ----

  private begin(id: string, resume: boolean, options: StartRunOptions, tags: RunRequest['tags']): LaneRun {
    // A run that is ending belongs to a lane already, and only there its records keep their order: its end first.
    const earlier = this.known.find(id);
    earlier?.writeEnd('FINISHED', this.settings.blockTimeoutMs);
    const parent = this.parentOf(options.parentRunId);
    const lane = earlier?.lane ?? this.known.findEnded(id)?.lane ?? parent.lane ?? this.anyLane();
    const ledger = new Ledger(id, lane.takeSlot(), lane.table, lane);
    const run = new LaneRun(this, this.settings, lane, ledger);
    const request = this.request(id, resume, options, tags, parent.id);
    lane.addRun(ledger, request);
    const error = lane.broken === undefined ? run.begin(request) : run.stillborn(lane.broken);
    if (error !== undefined) {
      lane.removeRun(ledger);
      throw error;
    }
    this.runs.add(run);
    this.known.add(run);
    updateSignals();
    return run;
  }

  private anyLane(): Lane {
    return this.lanes[this.nextLane++ % this.lanes.length] as Lane; // there is at least one
  }

  /**
   * How a child names its parent: by the parent's id in the store. Where the store has yet to choose that, the child
   * goes to the parent's lane, as only that one's worker can wait for it.
   */
  private parentOf(given: string | undefined): { id: string | undefined; lane: Lane | undefined } {
    if (given === undefined) return { id: undefined, lane: undefined };
    const id = this.known.idOf(given);
    const parent = this.known.find(id);
    const storeId = parent === undefined ? (this.known.findEnded(id)?.storeId ?? given) : parent.ledger.idInStore();
    if (storeId !== undefined) return { id: storeId, lane: undefined };
    return { id, lane: this.settings.location.kind === 'server' ? parent?.lane : undefined };
  }

  private request(
    id: string,
    resume: boolean,
    options: StartRunOptions,
    tags: RunRequest['tags'],
    parentRunId: string | undefined,
  ): RunRequest {
    return {
      id,
      resume,
      experiment: options.experiment === undefined ? this.settings.experiment : { name: options.experiment },
      name: options.name,
      userId: userName(process.env),
      startTime: Date.now(),
      tags,
      scriptPath: process.argv[1] ?? '',
      parentRunId,
      context: process.env.MLFLOW_RUN_CONTEXT,
    };
  }

  private async closeOnce(options: FlushOptions | undefined): Promise<Report> {
    const runs = [...this.runs];
    const status = endingStatus(0);
    const work = Promise.all(runs.map((run) => run.finish(status).then(() => this.ended(run))));
    // After a timeout it is still to come, and until then the end of the process has to wait for it.
    const gone = work.then(() => this.letGo(options?.timeoutMs ?? DEFAULT_FLUSH_MS));
    let report: Report;
    try {
      report = await this.settle(runs, work, options, true);
    } catch (error) {
      if (!(error instanceof FlushTimeoutError)) await gone;
      throw error;
    }
    await gone;
    return report;
  }

  private async letGo(timeoutMs: number): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.close(timeoutMs)));
    forgetAtExit(this);
  }

  private report(runs: readonly LaneRun[], wholeTracker: boolean): { report: Report; count: number } {
    const total = { accepted: 0, landed: 0, failed: 0, pending: 0 };
    if (wholeTracker) Object.assign(total, this.past);
    const unreported = runs.map(({ ledger }) => ledger.takeUnreported());
    // Those of `runs` that have ended meanwhile are in `past`.
    for (const { ledger } of wholeTracker ? this.runs : runs) {
      const counts = ledger.counts();
      total.accepted += counts.accepted;
      total.landed += counts.landed;
      total.failed += counts.failed;
      total.pending += counts.pending;
    }
    if (wholeTracker) {
      unreported.push(...this.unreported.splice(0), ...[...this.unread].map(({ ledger }) => ledger.takeUnreported()));
      this.unread.clear();
    }
    return {
      report: { ...total, failures: unreported.flatMap(({ errors }) => errors).slice(0, MAX_LISTED) },
      count: sum(unreported, ({ count }) => count),
    };
  }

  private setUrgent(change: 1 | -1): void {
    this.flushes += change;
    for (const lane of this.lanes) lane.setUrgent(this.flushes > 0);
  }

  /** In a microtask: a listener that throws must not make a logging call throw. Without a listener `error` is silent. */
  private emit(event: keyof TrackerEvents, ...args: unknown[]): void {
    if (this.emitter.listenerCount(event) > 0) queueMicrotask(() => this.emitter.emit(event, ...args));
  }
}

/** MLflow: the variable names the run for the first start only, and is gone afterwards. */
function takeRunIdFromEnvironment(): string | undefined {
  const id = process.env.MLFLOW_RUN_ID;
  delete process.env.MLFLOW_RUN_ID;
  if (id === undefined || id === '') return undefined;
  checkRunId('MLFLOW_RUN_ID', id);
  return id;
}

async function within(timeoutMs: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, Math.min(timeoutMs, 2 ** 31 - 1), false);
  });
  try {
    return await Promise.race([work.then(() => true), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

function sum<T>(items: readonly T[], amount: (item: T) => number): number {
  return items.reduce((total, item) => total + amount(item), 0);
}
