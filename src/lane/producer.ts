import type { HeadraceError } from '../errors.js';
import type { Ledger, SettlementSource } from '../ledger.js';
import { KeyWriter } from '../ring/key-table.js';
import { RingProducer } from '../ring/producer.js';
import type { RunSlot } from '../ring/record.js';
import type { RunStatus } from '../store/store.js';
import { CallerClock } from './clock.js';
import { RunSlots, RunTable } from './run-table.js';
import { Signal, WorkerState } from './signals.js';
import type { InletMemory, LaneJournalSettings, RunRequest } from './task.js';
import { type VerdictListener, VerdictReader } from './verdict-record.js';

/** A waiting caller looks this often whether its worker is alive. */
const SLICE_MS = 20;
/** The loop gives a sign of life every few milliseconds; a machine may be busy, but not for this long. */
const DEAD_AFTER_MS = 1000;
/** A connection that is reset, or a server that says 429, is well again within a second or two. */
const AWAY_MS = 2000;

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

/** What brings the worker's word that there is something to be looked at. */
interface BellPort {
  ref(): unknown;
  unref(): unknown;
}

/** A thread's end of a lane: the ring it writes to, and what comes back. */
export abstract class Producer<Memory extends InletMemory = InletMemory> implements SettlementSource, VerdictListener {
  /** Of the lane: from 0, among those of the tracker. */
  readonly number: number;
  readonly ring: RingProducer;
  readonly keys: KeyWriter;
  readonly clock: CallerClock;
  readonly table: RunTable;
  protected readonly memory: Memory;
  protected readonly signals: Int32Array;
  /** Of the thread that has the tracker: how the worker does. */
  protected readonly laneSignals: Int32Array;
  protected readonly events: LaneEvents;
  protected readonly open: Map<RunSlot, OpenLedger> = new Map<RunSlot, OpenLedger>();
  protected bell: BellPort | undefined;
  private readonly verdicts: VerdictReader;
  private readonly slots: RunSlots;
  private readonly awaited = new Set<Ledger>();
  /** Calls and waits that must keep the process alive. */
  protected holds = 0;
  /** Why nothing lands any more. */
  broken: HeadraceError | undefined;

  constructor(number: number, memory: Memory, laneSignals: SharedArrayBuffer, events: LaneEvents) {
    this.number = number;
    this.memory = memory;
    this.events = events;
    this.ring = new RingProducer(memory.ring);
    this.keys = new KeyWriter(memory.keys);
    this.signals = new Int32Array(memory.signals);
    this.laneSignals = new Int32Array(laneSignals);
    this.clock = new CallerClock(this.laneSignals, memory.epoch);
    this.table = new RunTable(memory.runs);
    this.slots = new RunSlots(this.table);
    this.verdicts = new VerdictReader(memory.verdicts);
  }

  /** The consumer is parked, or there is none yet. */
  abstract wake(): void;

  /** What the lane's worker has its place in; undefined: it keeps no journal. */
  abstract get journal(): Pick<LaneJournalSettings, 'home' | 'folder'> | undefined;

  abstract get isBooted(): boolean;

  /** Of a run whose creation has settled: an id of the store's own has been told by then. */
  abstract storeId(ledger: Ledger): Promise<string>;

  /** Lets the worker close its store, in place. It must not be inside a call of the store when the process ends. */
  abstract stopInPlace(): void;

  /** What this thread writes next is taken as what comes after all that other threads have written by now. */
  hearOthers(): void {}

  /** Whether all of what other threads have published by now has settled, or is in the journal. */
  othersUntilNow(): () => boolean {
    return () => true;
  }

  /** Other threads' runs end so, once what they published has landed; nothing more is taken from them. */
  dismissOthers(_status: RunStatus): void {}

  /** They have been let go; where the store is away, all that they published is in the journal. */
  get areOthersGone(): boolean {
    return true;
  }

  /** Lets the worker land what is there, and go. */
  abstract close(timeoutMs: number): Promise<void>;

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

  /** The store takes nothing, so far as the worker knows, and not only for a moment: nobody need wait for it at the end. */
  get isStoreAway(): boolean {
    const since = Atomics.load(this.laneSignals, Signal.DownSince);
    return since !== 0 && ((Date.now() - this.memory.epoch - since) | 0) >= AWAY_MS;
  }

  // ---- room ----

  /** Waits for room a little. False: the time is over, or waiting is no use. `startedAt` is `performance.now()` of the first try. */
  awaitRoom(startedAt: number, limitMs: number): boolean {
    const waited = performance.now() - startedAt;
    if (waited >= limitMs || this.broken !== undefined || this.looksDead(waited)) return false;
    this.wake();
    this.ring.awaitHead(Math.min(SLICE_MS, limitMs - waited));
    // The worker waits in turn when nobody takes its verdicts, and this thread may not turn for long.
    this.drainFailures();
    return true;
  }

  protected looksDead(waitedMs: number): boolean {
    if (waitedMs < DEAD_AFTER_MS || Atomics.load(this.laneSignals, Signal.State) !== WorkerState.Running) return false;
    const pulse = Atomics.load(this.laneSignals, Signal.Pulse);
    return ((Date.now() - this.memory.epoch - pulse) | 0) > DEAD_AFTER_MS;
  }

  // ---- settlement ----

  drainFailures(): void {
    this.verdicts.drain(this);
  }

  awaitSettlement(ledger: Ledger): void {
    this.awaited.add(ledger);
    Atomics.store(this.signals, Signal.Bell, 1);
    // It may have settled between the look that found it pending and the bell: look again, in a turn of its own.
    queueMicrotask(() => this.settleAwaited());
  }

  /** Batches don't linger while a flush waits. */
  setUrgent(urgent: boolean): void {
    Atomics.store(this.signals, Signal.Urgent, urgent ? 1 : 0);
  }

  protected settleAwaited(): void {
    if (this.awaited.size === 0) return;
    Atomics.store(this.signals, Signal.Bell, 1);
    for (const ledger of this.awaited) {
      ledger.settleWaiters();
      if (!ledger.hasWaiters) this.awaited.delete(ledger);
    }
  }

  protected onBell(): void {
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
    return Atomics.load(this.laneSignals, Signal.Batches);
  }

  get retries(): number {
    return Atomics.load(this.laneSignals, Signal.Retries);
  }

  /** Waits in place, without the event loop, until `done` or the deadline (`performance.now()`); for exit hooks. */
  waitInPlace(done: () => boolean, deadline: number): boolean {
    Atomics.store(this.signals, Signal.Watching, 1);
    this.wake();
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

  hold(): void {
    if (++this.holds === 1) this.bell?.ref();
  }

  release(): void {
    if (--this.holds === 0) this.bell?.unref();
  }
}
