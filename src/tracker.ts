import { EventEmitter } from 'node:events';
import { threadId } from 'node:worker_threads';
import type { FlushOptions, Run, StartRunOptions, Tracker, TrackerEvents, TrackerStats } from './api.js';
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
import { Lane } from './lane/lane.js';
import type { LaneEvents, Producer } from './lane/producer.js';
import { Signal, StopRequest, WorkerState } from './lane/signals.js';
import type { RunRequest } from './lane/task.js';
import { keptWords, lostWords, offlineWords } from './last-words.js';
import { Ledger, MAX_LISTED } from './ledger.js';
import { resolveOptions, type Settings, type TrackerOptions } from './options.js';
import type { Report } from './report.js';
import { LaneRun, type RunHost, type Work } from './run.js';
import { laneOfRun, newRunId } from './run-lane.js';
import { checkRunId, checkRunOptions, runTagsOf } from './run-options.js';
import type { RunStatus } from './store/store.js';
import { AttachedLane, trackerClosed } from './threads/attached-lane.js';
import {
  type CallerSettings,
  callerSettings,
  checkHandle,
  type HandledTracker,
  type LaneHandle,
  newHandle,
  type TrackerHandle,
} from './threads/handle.js';
import { userName } from './user-name.js';

const DEFAULT_FLUSH_MS = 30_000;

/**
 * Starts a tracker. Synchronous; the worker boots behind it. Throws OptionError for an option that can't
 * be, and nothing else: a store that can't be used is told by the receipts.
 */
export function createTracker(options: TrackerOptions = {}): Tracker {
  const settings = resolveOptions(options, process.env, process.cwd());
  return settings.enabled ? ownTracker(settings) : new DisabledTracker(newHandle(undefined));
}

/**
 * A tracker for this thread, by what another thread's `tracker.handle()` returned: its own ring, drained by the worker
 * that the other's tracker has already. Synchronous. Throws OptionError for what is no handle, and ClosedError when that
 * tracker has been closed. docs/threads.md says what holds for runs that threads share.
 */
export function attachTracker(handle: TrackerHandle): Tracker {
  const { tracker } = checkHandle(handle);
  if (tracker === undefined) return new DisabledTracker(handle);
  if (tracker.lanes.some(isClosed)) throw trackerClosed();
  return attachedTracker(tracker, handle);
}

function ownTracker(settings: Settings): LaneTracker {
  const lanes: Lane[] = [];
  return new LaneTracker({
    settings,
    newLane: (number, events) => {
      const lane = new Lane(settings, number, events);
      lanes.push(lane);
      return lane;
    },
    lanes: Array.from({ length: settings.workers }, (_, number) => number),
    handle: () => newHandle({ settings: callerSettings(settings), lanes: lanes.map((lane) => lane.letIn()) }),
  });
}

function attachedTracker({ settings, lanes }: HandledTracker, handle: TrackerHandle): LaneTracker {
  return new LaneTracker({
    settings,
    newLane: (number, events) => new AttachedLane(number, lanes[number] as LaneHandle, settings.ringBytes, events), // below `workers`
    // Of another it needs a ring only when it shares a run there.
    lanes: [threadId % settings.workers],
    handle: () => handle,
  });
}

function isClosed({ signals }: LaneHandle): boolean {
  const words = new Int32Array(signals);
  return Atomics.load(words, Signal.Stop) !== StopRequest.None || Atomics.load(words, Signal.State) === WorkerState.Closed;
}

/** Ends a run and waits for it, 30 s at most. Never rejects: what was refused stays for the next report. */
export async function endUnreported(run: Run, status: RunStatus): Promise<void> {
  if (run instanceof LaneRun) await within(DEFAULT_FLUSH_MS, run.toFinish(status).settled);
}

class LaneTracker implements Tracker, RunHost, Exiting, LaneEvents {
  private readonly settings: CallerSettings;
  private readonly lanes: Producer[];
  private readonly newLane: (number: number, events: LaneEvents) => Producer;
  private readonly newHandle: () => TrackerHandle;
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

  /** `lanes`: those that it has from the beginning, by their numbers. */
  constructor(parts: {
    settings: CallerSettings;
    newLane: (number: number, events: LaneEvents) => Producer;
    lanes: readonly number[];
    handle: () => TrackerHandle;
  }) {
    const { settings } = parts;
    this.settings = settings;
    this.newLane = parts.newLane;
    this.newHandle = parts.handle;
    this.known = new KnownRuns(settings.offline);
    this.lanes = parts.lanes.map((number) => this.newLane(number, this));
    finishAtExit(this);
  }

  handle(): TrackerHandle {
    if (this.closing !== undefined)
      throw new OptionError({ option: 'handle', received: 'a call after close', expected: 'an open tracker' });
    return this.newHandle();
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
    const id = resumed === undefined ? undefined : this.known.idOf(resumed);
    const open = id === undefined ? undefined : this.known.find(id);
    const run = open?.isOpen ? open : this.begin(id, options, tags);
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
    if (status !== undefined) {
      for (const run of runs) run.writeEnd(status, Math.max(0, deadline - performance.now()));
      for (const lane of this.lanes) lane.dismissOthers(status);
    }
    this.setUrgent(1);
    let inTime = true;
    for (const lane of this.lanes) {
      const areOthersDone = status === undefined ? lane.othersUntilNow() : () => lane.areOthersGone;
      const own = runs.filter((run) => run.lane === lane);
      // While the store takes nothing, the journal is as far as anything gets.
      const goal = (ledger: Ledger): number => (lane.isStoreAway ? ledger.durable() : ledger.settled());
      inTime =
        lane.waitInPlace(() => own.every(({ ledger }) => goal(ledger) >= ledger.issued) && areOthersDone(), deadline) && inTime;
    }
    if (status === undefined) {
      this.setUrgent(-1);
      return [];
    }
    const othersAreGone = this.lanes.every((lane) => lane.areOthersGone);
    for (const lane of this.lanes) lane.stopInPlace();
    const lines = this.lastWords(runs, inTime ? undefined : this.settings.exitTimeoutMs);
    return othersAreGone ? lines : [...lines, this.othersWords()];
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

  /** How much it is only they know, and they end with the process. */
  private othersWords(): string {
    const { location, exitTimeoutMs } = this.settings;
    return `not all that other threads logged had landed in ${location.display} within ${exitTimeoutMs} ms`;
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

  /** `resumed`: id of the run that it goes on with. */
  private begin(resumed: string | undefined, options: StartRunOptions, tags: RunRequest['tags']): LaneRun {
    // A run that is ending belongs to a lane already, and only there its records keep their order: its end first.
    const earlier = resumed === undefined ? undefined : this.known.find(resumed);
    earlier?.writeEnd('FINISHED', this.settings.blockTimeoutMs);
    const parent = this.parentOf(options.parentRunId);
    const { workers } = this.settings;
    const lane =
      resumed === undefined
        ? (parent.lane ?? this.anyLane())
        : (earlier?.lane ?? this.known.findEnded(resumed)?.lane ?? parent.lane ?? this.laneAt(laneOfRun(resumed, workers)));
    const id = resumed ?? newRunId(lane.number, workers);
    lane.hearOthers();
    // It tells as well when a lane has come to its end meanwhile.
    lane.drainFailures();
    const ledger = new Ledger(id, lane.takeSlot(), lane.table, lane);
    const run = new LaneRun(this, this.settings, lane, ledger);
    const request = this.request(id, resumed !== undefined, options, tags, parent.id);
    lane.addRun(ledger, request);
    const error = lane.broken === undefined ? run.begin(request) : run.stillborn(lane.broken);
    if (error !== undefined) {
      lane.removeRun(ledger);
      throw error;
    }
    if (lane.broken !== undefined) run.refuseFromNowOn(lane.broken);
    this.begun++;
    this.runs.add(run);
    this.known.add(run);
    updateSignals();
    return run;
  }

  private anyLane(): Producer {
    return this.lanes[this.nextLane++ % this.lanes.length] as Producer; // there is at least one
  }

  private laneAt(number: number): Producer {
    let lane = this.lanes.find((each) => each.number === number);
    if (lane === undefined) {
      lane = this.newLane(number, this);
      this.lanes.push(lane);
    }
    return lane;
  }

  /**
   * How a child names its parent: by the parent's id in the store. Where the store has yet to choose that, the child
   * goes to the parent's lane, as only that one's worker can wait for it.
   */
  private parentOf(given: string | undefined): { id: string | undefined; lane: Producer | undefined } {
    if (given === undefined) return { id: undefined, lane: undefined };
    const id = this.known.idOf(given);
    const parent = this.known.find(id);
    const ended = this.known.findEnded(id);
    // The journal of a lane is sent from front to back: behind its parent, a child finds it in the store.
    if (this.settings.offline) return { id, lane: parent?.lane ?? ended?.lane };
    const storeId = parent === undefined ? (ended?.storeId ?? given) : parent.ledger.idInStore();
    const isServer = this.settings.location.kind === 'server';
    if (storeId !== undefined) {
      // Another thread may have made it, and only the worker of its lane knows when it has an id in the store.
      const isUnknown = isServer && parent === undefined && ended === undefined;
      return { id: storeId, lane: isUnknown ? this.laneAt(laneOfRun(given, this.settings.workers)) : undefined };
    }
    return { id, lane: isServer ? parent?.lane : undefined };
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
    const keepers = new Set<Producer>();
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
function journalOf(lanes: Iterable<Producer>): string | undefined {
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
