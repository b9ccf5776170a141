import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { type Remote, wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { Piscina } from 'piscina';
import { type HeadraceError, WorkerDiedError } from '../errors.js';
import type { Ledger, SettlementSource } from '../ledger.js';
import type { Settings } from '../options.js';
import { KeyWriter } from '../ring/key-table.js';
import { RingProducer } from '../ring/producer.js';
import type { RunSlot } from '../ring/record.js';
import { WORKER_FILE } from '../worker-file.js';
import { CallerClock } from './clock.js';
import { RunSlots, RunTable } from './run-table.js';
import { Signal, StopRequest, WorkerState } from './signals.js';
import {
  type LaneControl,
  type LaneJournalSettings,
  type LaneMemory,
  type LaneSettings,
  type LaneTask,
  laneSettings,
  newLaneMemory,
  type OpenRun,
  type RunRequest,
} from './task.js';
import { type VerdictListener, VerdictReader } from './verdict-record.js';

/** A waiting caller looks this often whether its worker is alive. */
const SLICE_MS = 20;
/** The loop gives a sign of life every few milliseconds; a machine may be busy, but not for this long. */
const DEAD_AFTER_MS = 1000;
/** A connection that is reset, or a server that says 429, is well again within a second or two. */
const AWAY_MS = 2000;
/** Deaths in a row without progress before the lane gives up. */
const MAX_DEATHS = 3;
/** A worker that dies with nothing to do is not urgent, and may do so again and again. */
const IDLE_RESTART_MS = 50;
const MAX_IDLE_RESTART_MS = 10_000;
/** After the last moment: for a worker to come out of a call of the store, whose waits are slices of 100 ms. */
const GIVE_UP_MS = 500;

interface OpenLedger {
  readonly ledger: Ledger;
  readonly request: RunRequest;
}

export interface LaneEvents {
  failed(error: HeadraceError): void;
  /** The store has made the run under an id of its own. Told again by a worker that takes over. */
  created(runId: string, storeId: string): void;
  /** Nothing of this lane will land any more. */
  broken(error: HeadraceError): void;
  down(error: HeadraceError): void;
  up(): void;
  notice(text: string): void;
}

/** The caller's end of a lane: the ring it writes to, the worker behind it, and what comes back. */
export class Lane implements SettlementSource, VerdictListener {
  readonly ring: RingProducer;
  readonly keys: KeyWriter;
  readonly clock: CallerClock;
  readonly table: RunTable;
  private readonly memory: LaneMemory;
  private readonly signals: Int32Array;
  private readonly verdicts: VerdictReader;
  private readonly settings: LaneSettings;
  private readonly events: LaneEvents;
  private pool: Piscina | undefined;
  private readonly slots: RunSlots;
  private readonly open = new Map<RunSlot, OpenLedger>();
  private readonly awaited = new Set<Ledger>();
  private lastCrash: unknown;
  private bell: MessagePort | undefined;
  private controlPort: MessagePort | undefined;
  private control: Remote<LaneControl> | undefined;
  /** Resolves when the worker of `control` is no more. */
  private gone: Promise<undefined> | undefined;
  /** Calls and waits that must keep the process alive. */
  private holds = 0;
  private deaths = 0;
  private idleDeaths = 0;
  private progressAtDeath = -1;
  /** Of a worker that died with nothing to do: when the next one starts, unless it is needed before. */
  private restart: NodeJS.Timeout | undefined;
  private closing = false;
  /** The worker died too often: nothing lands any more. */
  broken: HeadraceError | undefined;

  /** `number`: from 0, among those of the tracker. */
  constructor(settings: Settings, number: number, events: LaneEvents) {
    this.settings = laneSettings(settings, number);
    this.events = events;
    this.memory = newLaneMemory(settings.ringBytes);
    this.ring = new RingProducer(this.memory.ring);
    this.keys = new KeyWriter(this.memory.keys);
    this.signals = new Int32Array(this.memory.signals);
    this.clock = new CallerClock(this.signals, this.memory.epoch);
    this.table = new RunTable(this.memory.runs);
    this.slots = new RunSlots(this.table);
    this.verdicts = new VerdictReader(this.memory.verdicts);
    // Making a worker takes this thread some 5 ms: behind the caller, if the event loop turns before it logs (see `wake`).
    setImmediate(() => this.boot());
  }

  // ---- runs ----

  takeSlot(): RunSlot {
    return this.slots.take(this.ring.head);
  }

  addRun(ledger: Ledger, request: RunRequest): void {
    this.open.set(ledger.slot, { ledger, request });
  }

  /** The run's last record has settled. */
  removeRun(ledger: Ledger): void {
    ledger.close();
    this.open.delete(ledger.slot);
    this.slots.giveBack(ledger.slot, this.ring.position);
  }

  /** Of a run whose creation has settled: an id of the store's own has been told by then, else the worker says which it took. */
  async storeId(ledger: Ledger): Promise<string> {
    if (ledger.storeId !== undefined) return ledger.storeId;
    const id = await this.whileHeld(this.control?.storeId(ledger.slot, ledger.runId) ?? Promise.resolve(undefined));
    return id ?? ledger.runId;
  }

  /**
   * The consumer is parked, or there is none yet. Then it is made here, in the first logging call: the program
   * may go on in one long turn, log nothing more in it, and never let `setImmediate` run.
   */
  wake(): void {
    this.boot();
    this.ring.wake();
  }

  /** Where its journal is; undefined: it keeps none. */
  get journal(): LaneJournalSettings | undefined {
    return this.settings.journal;
  }

  /** The store takes nothing, so far as the worker knows, and not only for a moment: nobody need wait for it at the end. */
  get isStoreAway(): boolean {
    const since = Atomics.load(this.signals, Signal.DownSince);
    return since !== 0 && ((Date.now() - this.memory.epoch - since) | 0) >= AWAY_MS;
  }

  get isBooted(): boolean {
    return this.pool !== undefined;
  }

  // ---- room ----

  /** Waits for room a little. False: the time is over, or waiting is no use. `startedAt` is `performance.now()` of the first try. */
  awaitRoom(startedAt: number, limitMs: number): boolean {
    const waited = performance.now() - startedAt;
    if (waited >= limitMs || this.broken !== undefined || this.looksDead(waited)) return false;
    this.boot();
    this.ring.wake();
    this.ring.awaitHead(Math.min(SLICE_MS, limitMs - waited));
    // The worker waits in turn when nobody takes its verdicts, and this thread may not turn for long.
    this.drainFailures();
    return true;
  }

  private looksDead(waitedMs: number): boolean {
    if (waitedMs < DEAD_AFTER_MS || Atomics.load(this.signals, Signal.State) !== WorkerState.Running) return false;
    const pulse = Atomics.load(this.signals, Signal.Pulse);
    return ((Date.now() - this.memory.epoch - pulse) | 0) > DEAD_AFTER_MS;
  }

  // ---- settlement ----

  drainFailures(): void {
    this.verdicts.drain(this);
  }

  awaitSettlement(ledger: Ledger): void {
    if (this.restart !== undefined) this.boot();
    this.awaited.add(ledger);
    Atomics.store(this.signals, Signal.Bell, 1);
    // It may have settled between the look that found it pending and the bell: look again, in a turn of its own.
    queueMicrotask(() => this.settleAwaited());
  }

  /** Batches don't linger while a flush waits. */
  setUrgent(urgent: boolean): void {
    Atomics.store(this.signals, Signal.Urgent, urgent ? 1 : 0);
  }

  private settleAwaited(): void {
    if (this.awaited.size === 0) return;
    Atomics.store(this.signals, Signal.Bell, 1);
    for (const ledger of this.awaited) {
      ledger.settleWaiters();
      if (!ledger.hasWaiters) this.awaited.delete(ledger);
    }
  }

  private onBell(): void {
    do this.drainFailures();
    while (!this.verdicts.askForMessage());
    this.settleAwaited();
  }

  onFailed(slot: RunSlot, seq: number, count: number, error: HeadraceError | undefined): void {
    const run = this.open.get(slot);
    if (run === undefined) return;
    const from = run.ledger.whole(seq);
    if (error === undefined) run.ledger.failures.addFacts(from, from + count - 1);
    else run.ledger.failures.add(from, from + count - 1, error);
    if (error !== undefined) this.events.failed(error);
  }

  onCreated(slot: RunSlot, storeId: string): void {
    const run = this.open.get(slot);
    if (run === undefined) return;
    run.ledger.created(storeId);
    this.events.created(run.ledger.runId, storeId);
  }

  onDown(error: HeadraceError): void {
    this.events.down(error);
  }

  onUp(): void {
    this.events.up();
  }

  onTrouble(error: HeadraceError): void {
    this.events.failed(error);
  }

  onNotice(text: string): void {
    this.events.notice(text);
  }

  // ---- figures ----

  get batches(): number {
    return Atomics.load(this.signals, Signal.Batches);
  }

  get retries(): number {
    return Atomics.load(this.signals, Signal.Retries);
  }

  // ---- end ----

  /** Waits in place, without the event loop, until `done` or the deadline (`performance.now()`); for exit hooks. */
  waitInPlace(done: () => boolean, deadline: number): boolean {
    this.boot();
    Atomics.store(this.signals, Signal.Watching, 1);
    this.ring.wake();
    const startedAt = performance.now();
    try {
      for (;;) {
        const settled = Atomics.load(this.signals, Signal.Settled);
        this.drainFailures();
        if (done()) return true;
        const now = performance.now();
        if (now >= deadline || this.looksDead(now - startedAt)) return false;
        Atomics.wait(this.signals, Signal.Settled, settled, Math.min(SLICE_MS, deadline - now));
      }
    } finally {
      Atomics.store(this.signals, Signal.Watching, 0);
    }
  }

  /** Lets the worker close its store, in place. It must not be inside a call of the store when the process ends. */
  stopInPlace(): void {
    if (this.pool === undefined) return;
    this.requestStop(StopRequest.GiveUp);
    this.waitInPlace(() => this.isStopped, performance.now() + GIVE_UP_MS);
  }

  /** Lets the worker land what is there, close its store, and go. */
  async close(timeoutMs: number): Promise<void> {
    this.boot();
    this.closing = true;
    this.requestStop(StopRequest.Finish);
    const stopped = await this.untilStopped(timeoutMs);
    if (!stopped) {
      this.requestStop(StopRequest.GiveUp);
      await this.untilStopped(GIVE_UP_MS);
    }
    this.bell?.close();
    this.controlPort?.close();
    await this.pool?.destroy();
  }

  private requestStop(request: number): void {
    Atomics.store(this.signals, Signal.Stop, request);
    this.ring.wake();
  }

  private get isStopped(): boolean {
    const state = Atomics.load(this.signals, Signal.State);
    return state === WorkerState.Closed || this.broken !== undefined;
  }

  private async untilStopped(timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    this.hold();
    while (!this.isStopped && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    this.release();
    return this.isStopped;
  }

  // ---- worker ----

  private boot(): void {
    if (this.closing) return;
    if (this.pool !== undefined) {
      if (this.restart !== undefined) this.startAgain(this.pool);
      return;
    }
    this.pool = new Piscina({
      filename: WORKER_FILE.href,
      minThreads: 1,
      maxThreads: 1,
      // The default stops a worker's event loop between tasks, and the lane's loop runs between tasks.
      atomics: 'disabled',
      idleTimeout: Number.POSITIVE_INFINITY,
      // More is only garbage that waits: 10 million records logged with the server away added 82 MiB with this to what
      // is resident, and 98 with twice as much, at the same speed; 4 made it slower.
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
      recordTiming: false,
    });
    // An error between tasks arrives here, and without a listener it would end the process. The port's
    // end, which follows, is what the lane acts on.
    this.pool.on('error', (error) => {
      this.lastCrash = error;
    });
    // What runs there are stands in the ring, and nobody has made them yet.
    this.start(this.pool, []);
  }

  private start(pool: Piscina, openRuns: readonly OpenRun[]): void {
    const bell = new MessageChannel();
    const control = new MessageChannel();
    const task: LaneTask = {
      memory: this.memory,
      settings: this.settings,
      openRuns,
      bell: bell.port2,
      control: control.port2,
    };
    Atomics.store(this.signals, Signal.State, WorkerState.NotStarted);
    this.bell = bell.port1;
    this.controlPort = control.port1;
    this.control = wrap<LaneControl>(nodeEndpoint(control.port1));
    bell.port1.on('message', () => this.onBell());
    bell.port1.on('close', () => this.onWorkerGone(bell.port1));
    // One listener for all who wait: more than ten on one port are taken for a leak.
    this.gone = new Promise((resolve) => control.port1.once('close', () => resolve(undefined)));
    if (this.holds === 0) bell.port1.unref();
    control.port1.unref();
    pool.run(task, { transferList: [bell.port2, control.port2] }).catch((error: unknown) => {
      this.lastCrash = error;
      // It could not even begin, and nobody closes the other end.
      bell.port1.close();
    });
  }

  private onWorkerGone(port: MessagePort): void {
    if (this.closing || port !== this.bell) return;
    this.controlPort?.close();
    this.drainFailures();
    this.settleAwaited();
    const { pool } = this;
    if (pool === undefined) return;
    let progress = 0;
    let isIdle = true;
    for (const { ledger } of this.open.values()) {
      progress += ledger.settled() + ledger.durable();
      isIdle &&= ledger.settled() >= ledger.issued;
    }
    const isStuck = progress === this.progressAtDeath;
    this.progressAtDeath = progress;
    if (isIdle) {
      this.deaths = 0;
      this.idleDeaths = isStuck ? this.idleDeaths + 1 : 0;
      const pauseMs = Math.min(IDLE_RESTART_MS * 2 ** this.idleDeaths, MAX_IDLE_RESTART_MS);
      this.restart = setTimeout(() => this.startAgain(pool), pauseMs).unref();
      return;
    }
    this.deaths = isStuck ? this.deaths + 1 : 1;
    if (this.deaths < MAX_DEATHS) {
      this.startAgain(pool);
      return;
    }
    const reason = this.lastCrash instanceof Error ? this.lastCrash.message : 'no error was seen';
    this.broken = new WorkerDiedError({ deaths: this.deaths, reason });
    for (const { ledger } of this.open.values()) ledger.failRest(this.broken);
    this.settleAwaited();
    this.events.broken(this.broken);
  }

  private startAgain(pool: Piscina): void {
    clearTimeout(this.restart);
    this.restart = undefined;
    if (!this.closing) this.start(pool, this.unfinishedRuns());
  }

  private unfinishedRuns(): OpenRun[] {
    // One that has ended, and of which this thread has not taken note, would be set back to running.
    const unfinished = [...this.open].filter(([, { ledger }]) => !ledger.hasEnded);
    return unfinished.map(([slot, { request, ledger }]) => ({ slot, request, issued: ledger.issued >>> 0 }));
  }

  hold(): void {
    if (++this.holds === 1) this.bell?.ref();
  }

  release(): void {
    if (--this.holds === 0) this.bell?.unref();
  }

  private async whileHeld<T>(call: Promise<T>): Promise<T | undefined> {
    // A call in flight when the worker dies would stay pending for ever.
    this.hold();
    try {
      return await Promise.race([call, this.gone]);
    } finally {
      this.release();
    }
  }
}
