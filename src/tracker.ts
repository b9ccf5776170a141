import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { FlushOptions, Report, Run, StartRunOptions, Tracker, TrackerEvents, TrackerStats } from './api.js';
import { DisabledTracker } from './disabled.js';
import {
  FlushTimeoutError,
  type HeadraceError,
  LogFailuresError,
  OptionError,
  ParamConflictError,
  StoreUnavailableError,
} from './errors.js';
import { type Exiting, endingStatus, finishAtExit, forgetAtExit, say, updateSignals } from './exit.js';
import type { Failures } from './failures.js';
import { KnownRuns } from './known-runs.js';
import { Lane, type LaneEvents } from './lane/lane.js';
import type { RunRequest } from './lane/task.js';
import { keptWords, lostWords, offlineWords } from './last-words.js';
import { Ledger, MAX_LISTED } from './ledger.js';
import { resolveOptions, type Settings, type TrackerOptions } from './options.js';
import { LaneRun, type RunHost, type Work } from './run.js';
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

/** Ends a run and waits for it, 30 s at most. Never rejects: what was refused stays for the next report. */
export async function endUnreported(run: Run, status: RunStatus): Promise<void> {
  if (run instanceof LaneRun) await within(DEFAULT_FLUSH_MS, run.toFinish(status).settled);
}

class LaneTracker implements Tracker, RunHost, Exiting, LaneEvents {
  private readonly settings: Settings;
  private readonly lanes: readonly Lane[];
  private readonly emitter = new EventEmitter();
  /** Runs that have not ended, or whose end has not settled. */
  private readonly runs = new Set<LaneRun>();
  private readonly known: KnownRuns<LaneRun>;
  /** What ended runs leave behind for `stats` and for the next report. */
  private readonly past = { accepted: 0, landed: 0, failed: 0 };
  private unreported: Failures[] = [];
  /** Runs that have just ended, or were logged to afterwards: what they refused is to be reported, too. */
  private readonly unread = new Set<LaneRun>();
  private nextLane = 0;
  private begun = 0;
  private flushes = 0;
  private closing: Promise<Report> | undefined;
  private gone: Promise<void> | undefined;
  /** No worker sends what is in the journal any more. */
  private hasLeftBehind = false;
  /** It has been told where what has not landed is kept. */
  private journalIsTold = false;
  private lastError: HeadraceError | undefined;
  /** Why the store takes nothing, by what a lane told last. */
  private storeError: HeadraceError | undefined;
  private lastNotice: string | undefined;

  constructor(settings: Settings) {
    this.settings = settings;
    this.known = new KnownRuns(settings.offline);
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
      await endUnreported(run, 'FAILED');
      throw error;
    }
    await run.end();
    return result;
  }

  flush(options?: FlushOptions): Promise<Report> {
    const runs = [...this.runs];
    return this.settle(runs, allOf(runs.map((run) => run.unsettled())), options, true);
  }

  close(options?: FlushOptions): Promise<Report> {
    this.closing ??= this.closeOnce(options);
    return this.closing;
  }

  stats(): TrackerStats {
    const total = { ...this.past, durable: this.past.landed };
    for (const { ledger } of this.runs) {
      const { accepted, landed, failed, durable } = ledger.counts();
      total.accepted += accepted;
      total.landed += landed;
      total.failed += failed;
      total.durable += landed + durable;
    }
    const { lanes } = this;
    return {
      ...total,
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

  async settle(runs: readonly LaneRun[], work: Work, options: FlushOptions = {}, wholeTracker = false): Promise<Report> {
    const timeoutMs = this.hasLeftBehind ? 0 : (options.timeoutMs ?? DEFAULT_FLUSH_MS);
    this.setUrgent(1);
    const inTime = await within(timeoutMs, work.settled);
    this.setUrgent(-1);
    // Before the report: what becomes durable in between is in it, and what is in it is durable.
    const isSafe = inTime || work.isDurable();
    const { report, count } = this.report(runs, wholeTracker);
    if (!isSafe) throw new FlushTimeoutError({ timeoutMs, report, store: this.storeError });
    if (!inTime) this.tellJournal(report, runs, timeoutMs);
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
    let inTime = true;
    for (const lane of this.lanes) {
      const own = runs.filter((run) => run.lane === lane);
      // While the store takes nothing, the journal is as far as anything gets.
      const goal = (ledger: Ledger): number => (lane.isStoreAway ? ledger.durable() : ledger.settled());
      inTime = lane.waitInPlace(() => own.every(({ ledger }) => goal(ledger) >= ledger.issued), deadline) && inTime;
    }
    if (status === undefined) {
      this.setUrgent(-1);
      return [];
    }
    for (const lane of this.lanes) lane.stopInPlace();
    return this.lastWords(runs, inTime ? undefined : this.settings.exitTimeoutMs);
  }

  private lastWords(runs: readonly LaneRun[], waitedMs: number | undefined): string[] {
    const { report, count } = this.report(runs, true);
    const { accepted, pending, durable, journal } = report;
    const lines: string[] = [];
    const unended = runs.filter(({ ledger }) => ledger.settled() < ledger.issued);
    const keptEnds = keptEndsOf(unended);
    const lostEnds = unended.length - keptEnds;
    const common = { accepted, store: this.settings.location.display, waitedMs, why: this.storeError?.message };
    if (pending > durable || lostEnds > 0)
      lines.push(lostWords({ ...common, records: pending - durable, ends: lostEnds }, durable > 0));
    if (journal !== undefined) lines.push(keptWords({ ...common, records: durable, ends: keptEnds }, journal));
    if (count > 0) lines.push(new LogFailuresError({ errors: report.failures, count }).message);
    return [...lines, ...this.offlineWords()];
  }

  /** Once, by the first wait that the store lets run out. */
  private tellJournal({ accepted, durable, journal }: Report, runs: readonly LaneRun[], waitedMs: number): void {
    if (journal === undefined || this.journalIsTold) return;
    this.journalIsTold = true;
    const ends = keptEndsOf(runs);
    const store = this.settings.location.display;
    say(keptWords({ records: durable, accepted, ends, store, waitedMs, why: this.storeError?.message }, journal));
  }

  private offlineWords(): string[] {
    const { offline, location } = this.settings;
    const folder = journalOf(this.lanes);
    if (!offline || folder === undefined || this.begun === 0) return [];
    return [offlineWords({ records: this.stats().landed, runs: this.begun }, folder, location.kind === 'offline')];
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
    this.begun++;
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
    const ended = this.known.findEnded(id);
    // The journal of a lane is sent from front to back: behind its parent, a child finds it in the store.
    if (this.settings.offline) return { id, lane: parent?.lane ?? ended?.lane };
    const storeId = parent === undefined ? (ended?.storeId ?? given) : parent.ledger.idInStore();
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
    const work = allOf(runs.map((run) => run.toFinish(status)));
    // After a FlushTimeoutError it is still to come, and until then the end of the process has to wait for it.
    const gone = work.settled.then(() => this.letGo(options?.timeoutMs ?? DEFAULT_FLUSH_MS));
    try {
      const report = await this.settle(runs, work, options, true);
      await this.leave(runs, gone);
      return report;
    } catch (error) {
      if (!(error instanceof FlushTimeoutError)) await this.leave(runs, gone);
      throw error;
    }
  }

  /** Everything has settled, or is in the journal and stays there. */
  private async leave(runs: readonly LaneRun[], gone: Promise<void>): Promise<void> {
    this.hasLeftBehind = runs.some(({ ledger }) => ledger.settled() < ledger.issued);
    await (this.hasLeftBehind ? this.letGo(0) : gone);
    for (const line of this.offlineWords()) say(line);
    if (!this.hasLeftBehind) return;
    for (const { ledger, lane } of runs) {
      const reason = `took nothing until the tracker was closed; the record is in the journal ${lane.journal?.folder}`;
      ledger.leaveBehind(new StoreUnavailableError({ store: this.settings.location.display, reason }));
    }
  }

  private letGo(timeoutMs: number): Promise<void> {
    this.gone ??= Promise.all(this.lanes.map((lane) => lane.close(timeoutMs))).then(() => forgetAtExit(this));
    return this.gone;
  }

  private report(runs: readonly LaneRun[], wholeTracker: boolean): { report: Report; count: number } {
    const total = { accepted: 0, landed: 0, failed: 0, pending: 0, durable: 0 };
    const keepers = new Set<Lane>();
    if (wholeTracker) Object.assign(total, this.past);
    const unreported = runs.map(({ ledger }) => ledger.takeUnreported());
    // Those of `runs` that have ended meanwhile are in `past`.
    for (const { ledger, lane } of wholeTracker ? this.runs : runs) {
      const counts = ledger.counts();
      total.accepted += counts.accepted;
      total.landed += counts.landed;
      total.failed += counts.failed;
      total.pending += counts.pending;
      total.durable += counts.durable;
      if (counts.durable > 0 || ledger.isKept) keepers.add(lane);
    }
    if (wholeTracker) {
      unreported.push(...this.unreported.splice(0), ...[...this.unread].map(({ ledger }) => ledger.takeUnreported()));
      this.unread.clear();
    }
    return {
      report: {
        ...total,
        journal: journalOf(keepers),
        failures: unreported.flatMap(({ errors }) => errors).slice(0, MAX_LISTED),
      },
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

/** Where these lanes keep what has not landed. */
function journalOf(lanes: Iterable<Lane>): string | undefined {
  const [lane, another] = lanes;
  return another === undefined ? lane?.journal?.folder : another.journal?.home;
}

function keptEndsOf(runs: readonly LaneRun[]): number {
  return runs.filter(({ ledger }) => ledger.isKept && ledger.endIsDurable).length;
}

function allOf(works: readonly Work[]): Work {
  return {
    settled: Promise.all(works.map(({ settled }) => settled)),
    isDurable: () => works.every(({ isDurable }) => isDurable()),
  };
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
