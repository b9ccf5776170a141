import { BroadcastChannel } from 'node:worker_threads';
import { RingConsumer } from '../ring/consumer.js';
import { EMPTY, reached } from '../ring/layout.js';
import { Kind, RecordReader, type RunSlot } from '../ring/record.js';
import type { RunStatus } from '../store/store.js';
import { CallersAccount } from './account.js';
import { type Bell, Inlet, type InletParts } from './inlet.js';
import type { RunQueue } from './run-queue.js';
import { RunTable } from './run-table.js';
import { Dismissal, Signal, StopRequest, WorkerState } from './signals.js';
import type { AttachedThread, InletMemory, Knock, OpenRun, RunRequest } from './task.js';

const STATUSES: readonly (RunStatus | undefined)[] = [undefined, 'FINISHED', 'FAILED', 'KILLED'];

/** A thread that has attached itself to the tracker of another one. It may be gone at any moment. */
export class AttachedInlet extends Inlet {
  /** Its name. */
  readonly bellName: string;
  private readonly owner: Bell;
  private readonly channel: BroadcastChannel;
  private status: RunStatus | undefined;

  /** `owner`: the bell of the thread that has the tracker, which keeps what the next worker has to know. */
  constructor({ memory, bell: name }: Knock, owner: Bell, parts: Omit<InletParts, 'memory' | 'bell' | 'onOpened'>) {
    const channel = new BroadcastChannel(name);
    channel.unref();
    super({
      ...parts,
      memory,
      bell: channel,
      onOpened: ({ account, request }) => owner.postMessage({ bell: name, slot: account.slot, opened: request }),
    });
    this.bellName = name;
    this.owner = owner;
    this.channel = channel;
    Atomics.store(this.signals, Signal.State, WorkerState.Running);
    this.ring.unpark();
  }

  /** How its runs are to end, if that is not up to its thread: of `Dismissal`. To be read before it is drained. */
  get dismissal(): number {
    return Atomics.load(this.signals, Signal.Dismissed);
  }

  /** As its thread is no more, or not asked: nothing more is taken, and runs that are open end so. */
  dismiss(dismissal: number): void {
    this.status ??= STATUSES[dismissal];
    if (this.status === undefined) return;
    this.ring.leave();
    // Nobody may be there to make room.
    this.verdicts.leaveUnread();
    this.intake.endAll(this.status);
  }

  override get isToGo(): boolean {
    return this.isDone || (!this.isDismissed && this.dismissal !== Dismissal.None);
  }

  get isDismissed(): boolean {
    return this.status !== undefined;
  }

  /** The next worker need not know of it. */
  ended(queue: RunQueue): void {
    if (queue.account instanceof CallersAccount)
      this.owner.postMessage({ bell: this.bellName, slot: queue.account.slot, opened: undefined });
  }

  /** Nothing of it is left to be done, and nothing more is to come. */
  get isDone(): boolean {
    if (this.intake.hasRuns) return false;
    return this.isDismissed || (this.stop !== StopRequest.None && this.intake.isEmpty);
  }

  /** Takes nothing more. What is published from now on its thread fails. */
  close(): void {
    Atomics.store(this.signals, Signal.State, WorkerState.Closed);
    this.ring.closeForGood();
    this.announce();
    this.ringBell();
    this.channel.close();
  }
}

/** Of a thread whose worker has died: the runs that are open. It can't be asked: it may be busy, or no more. */
export function openRunsOf({ memory, runs }: AttachedThread): OpenRun[] {
  const table = new RunTable(memory.runs);
  const { issued, opened } = waitingIn(memory);
  const open: OpenRun[] = [];
  for (const [slot, request] of runs) {
    const next = opened.get(slot);
    // Its slot has gone to another run, which has been taken or is still to be taken, or logged nothing so far.
    if (next === undefined ? table.journaled(slot) === 0 : next !== request.id) continue;
    const endSeq = table.endSeq(slot);
    if (endSeq !== 0 && reached(table.settled(slot), endSeq)) continue;
    open.push({ slot, request, issued: issued.get(slot) ?? table.journaled(slot) });
  }
  return open;
}

/** What stands in the ring: the last record of each run, and the runs that are opened there. */
function waitingIn(memory: InletMemory): { issued: Map<RunSlot, number>; opened: Map<RunSlot, string> } {
  const ring = new RingConsumer(memory.ring);
  const record = new RecordReader(ring);
  const issued = new Map<RunSlot, number>();
  const opened = new Map<RunSlot, string>();
  const end = ring.published;
  while (ring.position !== end) {
    const offset = ring.next();
    if (offset === EMPTY) break;
    const slot = record.run(offset);
    issued.set(slot, record.seq(offset));
    // Our own text, from `startRun`.
    if (record.kind(offset) === Kind.Run) opened.set(slot, (JSON.parse(record.text(offset)) as RunRequest).id);
  }
  return { issued, opened };
}
