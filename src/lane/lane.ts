import { MessageChannel, type MessagePort, threadId } from 'node:worker_threads';
import { type Remote, wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { Piscina } from 'piscina';
import { WorkerDiedError } from '../errors.js';
import type { Ledger } from '../ledger.js';
import type { Settings } from '../options.js';
import type { RunStatus } from '../store/store.js';
import { AttachedThreads } from '../threads/attached-threads.js';
import type { LaneHandle } from '../threads/handle.js';
import { WORKER_FILE } from '../worker-file.js';
import { type LaneEvents, Producer } from './producer.js';
import { Dismissal, Signal, StopRequest, WorkerState } from './signals.js';
import {
  type BellMessage,
  type LaneControl,
  type LaneJournalSettings,
  type LaneMemory,
  type LaneSettings,
  type LaneTask,
  laneSettings,
  newLaneMemory,
  type OpenRun,
} from './task.js';

/** Deaths in a row without progress before the lane gives up. */
const MAX_DEATHS = 3;
/** A worker that dies with nothing to do is not urgent, and may do so again and again. */
const IDLE_RESTART_MS = 50;
const MAX_IDLE_RESTART_MS = 10_000;
/** After the last moment: for a worker to come out of a call of the store, whose waits are slices of 100 ms. */
const GIVE_UP_MS = 500;

/** The caller's end of a lane: the ring it writes to, the worker behind it, and what comes back. */
export class Lane extends Producer<LaneMemory> {
  private readonly settings: LaneSettings;
  private pool: Piscina | undefined;
  private lastCrash: unknown;
  private bellPort: MessagePort | undefined;
  private controlPort: MessagePort | undefined;
  private control: Remote<LaneControl> | undefined;
  /** Resolves when the worker of `control` is no more. */
  private gone: Promise<undefined> | undefined;
  private deaths = 0;
  private idleDeaths = 0;
  private progressAtDeath = -1;
  /** Of a worker that died with nothing to do: when the next one starts, unless it is needed before. */
  private restart: NodeJS.Timeout | undefined;
  private closing = false;
  /** Undefined while nobody has been given a handle. */
  private threads: AttachedThreads | undefined;

  /** `number`: from 0, among those of the tracker. */
  constructor(settings: Settings, number: number, events: LaneEvents) {
    const memory = newLaneMemory(settings.ringBytes);
    super(number, memory, memory.signals, events);
    this.settings = laneSettings(settings, number);
    // Making a worker takes this thread some 5 ms: behind the caller, if the event loop turns before it logs (see `wake`).
    setImmediate(() => this.boot());
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

  get isBooted(): boolean {
    return this.pool !== undefined;
  }

  override awaitSettlement(ledger: Ledger): void {
    if (this.restart !== undefined) this.boot();
    super.awaitSettlement(ledger);
  }

  // ---- other threads ----

  /** From now on they can attach themselves; this one need not turn for it. */
  letIn(): LaneHandle {
    this.threads ??= new AttachedThreads(
      this.memory.door,
      this.ring.capacity,
      () => this.ring.wake(),
      (knock) => {
        if (this.restart !== undefined) this.boot();
        // It may have knocked before the worker listened.
        this.bellPort?.postMessage(knock);
      },
    );
    this.boot();
    const { door, signals, epoch } = this.memory;
    const { journal } = this;
    return {
      door,
      signals,
      epoch,
      spareRings: this.threads.spareRings,
      owner: threadId,
      journal: journal === undefined ? undefined : { home: journal.home, folder: journal.folder },
    };
  }

  override hearOthers(): void {
    this.threads?.hear();
  }

  override othersUntilNow(): () => boolean {
    return this.threads?.untilNow() ?? (() => true);
  }

  override dismissOthers(status: RunStatus): void {
    if (this.threads === undefined) return;
    Atomics.store(this.signals, Signal.Dismissed, Dismissal[status]);
    this.threads.dismiss(Dismissal[status]);
  }

  override get areOthersGone(): boolean {
    const { threads } = this;
    return threads === undefined || threads.areGone || (this.isStoreAway && threads.areFlushed);
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
    this.dismissOthers('FINISHED');
    this.requestStop(StopRequest.Finish);
    const stopped = await this.untilStopped(timeoutMs);
    if (!stopped) {
      this.requestStop(StopRequest.GiveUp);
      await this.untilStopped(GIVE_UP_MS);
    }
    this.threads?.leave(WorkerState.Closed);
    this.threads?.close();
    this.bellPort?.close();
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
      attached: this.threads?.all ?? [],
      settings: this.settings,
      openRuns,
      bell: bell.port2,
      control: control.port2,
    };
    Atomics.store(this.signals, Signal.State, WorkerState.NotStarted);
    this.bell = bell.port1;
    this.bellPort = bell.port1;
    this.controlPort = control.port1;
    this.control = wrap<LaneControl>(nodeEndpoint(control.port1));
    bell.port1.on('message', (message: BellMessage) => {
      if (message === 0) this.onBell();
      else this.threads?.note(message);
    });
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
    if (this.closing || port !== this.bellPort) return;
    this.controlPort?.close();
    this.drainFailures();
    this.settleAwaited();
    const { pool } = this;
    if (pool === undefined) return;
    const { threads } = this;
    let progress = threads?.progress ?? 0;
    let isIdle = threads?.areFlushed ?? true;
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
    this.threads?.leave(WorkerState.Broken);
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
