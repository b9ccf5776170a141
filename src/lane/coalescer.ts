import type { HeadraceError } from '../errors.js';
import type { BatchLimits } from '../options.js';
import type { KeyId } from '../ring/key-table.js';
import type { Item } from '../store/store.js';
import { ParamPlaces, PendingBatch, type Stretch } from './pending-batch.js';
import type { RunQueue } from './run-queue.js';
import type { Step } from './step.js';

/** What an item takes on the heap besides its texts, about. A metric's key is one text for all its values. */
const ITEM_BYTES = 100;

/**
 * What waits in memory, about; a record more and its run goes on in the journal alone. Twice as much keeps 23 MiB more
 * resident during an outage, and sends no faster after it.
 */
const MAX_HELD_BYTES: number = 12 * 2 ** 20;

/** One run that is stuck leaves room for others. */
const MAX_HELD_BY_RUN: number = MAX_HELD_BYTES / 4;

/** Puts records of runs together to what a store can land: one batch after the other, in the order logged. */
export class Coalescer {
  /** Runs that have something to send. */
  readonly active: Set<RunQueue> = new Set<RunQueue>();
  private readonly limits: BatchLimits;
  private readonly places = new ParamPlaces();
  private held = 0;

  constructor(limits: BatchLimits) {
    this.limits = limits;
  }

  /** An item of a record, all of it or a part. */
  add(queue: RunQueue, seq: number, id: KeyId, item: Item): void {
    if (!this.openBatch(queue, seq).add(seq, id, item)) this.nextBatch(queue, seq).add(seq, id, item);
    const bytes = heldBytes(item);
    this.held += bytes;
    queue.held += bytes;
  }

  /** A record, or a part of one, that came to nothing before the store saw it. */
  refuse(queue: RunQueue, seq: number, error: HeadraceError): void {
    this.openBatch(queue, seq).addRefused(seq, error);
  }

  /** All of the record has been added. `stretch`: where in the ring it stands. */
  complete(queue: RunQueue, seq: number, stretch: Stretch | undefined): void {
    this.openBatch(queue, seq).complete(seq, stretch);
  }

  push(queue: RunQueue, step: Step): void {
    queue.steps.push(step);
    this.active.add(queue);
  }

  /** What comes next begins another batch. */
  closeBatch(queue: RunQueue): void {
    const last = queue.steps[queue.steps.length - 1];
    if (last?.kind === 'batch') last.close();
  }

  /** Whether more of the run may wait in memory. One that has nothing there always gets on. */
  hasRoomFor(queue: RunQueue): boolean {
    return queue.steps.length === 0 || (this.held < MAX_HELD_BYTES && queue.held < MAX_HELD_BY_RUN);
  }

  /** The step has settled. */
  release(queue: RunQueue, step: Step): void {
    if (step.kind !== 'batch') return;
    for (const item of step.items) {
      const bytes = heldBytes(item);
      this.held -= bytes;
      queue.held -= bytes;
    }
  }

  /** Nothing more of the run is to be sent from here, but for a step that is under way. */
  drop(queue: RunQueue): void {
    for (const step of queue.steps.splice(queue.busy ? 1 : 0)) this.release(queue, step);
  }

  /** The batch that the run's next record may join: its last one, unless a sender has it or it is full. */
  private openBatch(queue: RunQueue, seq: number): PendingBatch {
    const last = queue.steps[queue.steps.length - 1];
    if (last !== undefined && last.kind === 'batch' && !last.full && !(queue.busy && queue.steps.length === 1)) return last;
    return this.newBatch(queue, seq);
  }

  private nextBatch(queue: RunQueue, seq: number): PendingBatch {
    this.closeBatch(queue);
    return this.newBatch(queue, seq);
  }

  private newBatch(queue: RunQueue, seq: number): PendingBatch {
    const batch = new PendingBatch(this.places, this.limits, seq, Date.now());
    this.push(queue, batch);
    return batch;
  }
}

function heldBytes(item: Item): number {
  return ITEM_BYTES + (item.kind === 'metric' ? 0 : 2 * (item.key.length + item.value.length));
}
