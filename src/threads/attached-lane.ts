import { randomUUID } from 'node:crypto';
import { BroadcastChannel } from 'node:worker_threads';
import { ClosedError, type HeadraceError, WorkerDiedError } from '../errors.js';
import { type LaneEvents, Producer } from '../lane/producer.js';
import { newSignals, Signal, StopRequest, WorkerState } from '../lane/signals.js';
import { type Knock, newInletMemory } from '../lane/task.js';
import type { Ledger } from '../ledger.js';
import { newRing } from '../ring/layout.js';
import type { LaneHandle } from './handle.js';
import { throwLifeline } from './lifeline.js';
import { claimRing, giveRingBack } from './spare-rings.js';

/** A worker that starts listens after some 100 ms; one that has died may be replaced much later. */
const KNOCK_AGAIN_MS = 10;
const MAX_KNOCK_AGAIN_MS = 1000;

/** A lane of another thread's tracker: a ring of this thread's own, drained by the worker that the lane has already. */
export class AttachedLane extends Producer {
  private readonly handle: LaneHandle;
  private readonly knock: Knock;
  private readonly channel: BroadcastChannel;
  private readonly dropLifeline: () => void;
  private retry: NodeJS.Timeout | undefined;
  private knockedAt = 0;
  private isLeaving = false;

  constructor(number: number, handle: LaneHandle, ringBytes: number, events: LaneEvents) {
    const spare = claimRing(handle.spareRings);
    const memory =
      spare === undefined
        ? newInletMemory(newRing(ringBytes), handle.epoch)
        : { ...spare.memory, signals: newSignals(), epoch: handle.epoch };
    super(number, memory, handle.signals, events);
    this.handle = handle;
    this.knock = { memory: this.memory, bell: randomUUID(), claim: spare?.claim };
    this.channel = new BroadcastChannel(this.knock.bell);
    this.channel.onmessage = () => this.onBell();
    this.channel.unref();
    this.bell = this.channel;
    this.dropLifeline = throwLifeline(handle.owner, handle.door, this.knock.bell, () => this.onOwnerGone());
    this.announce();
    this.announceUntilHeard(KNOCK_AGAIN_MS);
  }

  wake(): void {
    if (this.hasEnded()) return;
    // Parked it stays, so that the next record comes here again.
    if (Atomics.load(this.signals, Signal.State) === WorkerState.NotStarted) this.announceAgain();
    else this.ring.wake();
  }

  get journal(): LaneHandle['journal'] {
    return this.handle.journal;
  }

  get isBooted(): boolean {
    return true;
  }

  async storeId(ledger: Ledger): Promise<string> {
    this.drainFailures();
    return ledger.storeId ?? ledger.runId;
  }

  override drainFailures(): void {
    super.drainFailures();
    this.hasEnded();
  }

  /** The worker outlives this thread, and lands what is there. */
  stopInPlace(): void {
    this.requestStop();
  }

  async close(timeoutMs: number): Promise<void> {
    this.requestStop();
    const deadline = performance.now() + timeoutMs;
    this.hold();
    while (!this.hasEnded() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 2));
    this.release();
    clearTimeout(this.retry);
    this.dropLifeline();
    this.channel.close();
    const { claim } = this.knock;
    // A run that has not ended looks at it still.
    if (claim !== undefined && this.hasEnded() && this.open.size === 0) giveRingBack(this.handle.spareRings, claim);
  }

  protected override onBell(): void {
    super.onBell();
    this.hasEnded();
  }

  private requestStop(): void {
    this.isLeaving = true;
    Atomics.store(this.signals, Signal.Stop, StopRequest.Finish);
    this.wake();
  }

  private announceAgain(): void {
    if (performance.now() - this.knockedAt >= KNOCK_AGAIN_MS) this.announce();
  }

  /** Who awaits its first record may do nothing else. */
  private announceUntilHeard(pauseMs: number): void {
    this.retry = setTimeout(() => {
      if (Atomics.load(this.signals, Signal.State) !== WorkerState.NotStarted) return;
      this.announce();
      this.announceUntilHeard(Math.min(pauseMs * 2, MAX_KNOCK_AGAIN_MS));
    }, pauseMs).unref();
  }

  private announce(): void {
    this.knockedAt = performance.now();
    // Only while it is needed: what others say there is not for this thread.
    const door = new BroadcastChannel(this.handle.door);
    door.postMessage(this.knock);
    door.close();
  }

  /** Whether nothing is taken from this thread any more. */
  private hasEnded(): boolean {
    const state = Atomics.load(this.signals, Signal.State);
    if (state === WorkerState.Closed || state === WorkerState.Broken) this.cutOff(whyEnded(state));
    return this.broken !== undefined;
  }

  /** Terminated, that thread had no time to say so, and its workers have gone with it. */
  private onOwnerGone(): void {
    // What they had told by then counts.
    this.drainFailures();
    this.cutOff(ownerEnded());
  }

  private cutOff(error: HeadraceError): void {
    if (this.broken !== undefined) return;
    this.broken = error;
    for (const { ledger } of this.open.values()) ledger.cutOff(error);
    if (!this.isLeaving) this.events.broken(error);
  }
}

function whyEnded(state: number): HeadraceError {
  if (state === WorkerState.Broken)
    return new WorkerDiedError({ deaths: 3, reason: 'the tracker that this one is attached to has told it' });
  return trackerClosed();
}

function ownerEnded(): ClosedError {
  const remedy = 'let that thread outlive those that log by its handle';
  return new ClosedError({ what: 'the thread whose tracker this is attached to has ended, and its workers with it', remedy });
}

export function trackerClosed(): ClosedError {
  const remedy = 'close it when its threads are done, or post them the handle of an open one';
  return new ClosedError({ what: 'the tracker that handed out this handle has been closed', remedy });
}
