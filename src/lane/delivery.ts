import type { Coalescer } from './coalescer.js';
import type { RunQueue } from './run-queue.js';
import type { Sender } from './sender.js';
import type { Settlement, Step } from './step.js';

export interface DeliveryListener {
  /** The step has settled; its run's account knows it. */
  settled(queue: RunQueue, step: Step): void;
  /** Whether steps that could not be finished stay undone. */
  readonly isGivenUp: boolean;
}

/** Takes the steps of runs to the sender: one run's in their order, different runs' side by side. */
export class Delivery {
  private readonly coalescer: Coalescer;
  private readonly sender: Sender;
  private readonly lingerMs: number;
  private readonly listener: DeliveryListener;
  /** A run that is shared may get another call. */
  private readonly onTurn: () => void;
  /** Runs of which a step is under way. */
  sending = 0;

  constructor(parts: {
    coalescer: Coalescer;
    sender: Sender;
    lingerMs: number;
    listener: DeliveryListener;
    onTurn?: () => void;
  }) {
    this.coalescer = parts.coalescer;
    this.sender = parts.sender;
    this.lingerMs = parts.lingerMs;
    this.listener = parts.listener;
    this.onTurn = parts.onTurn ?? (() => {});
  }

  /** Starts a sender for each run that has something to send. True: something waits for its linger time. */
  start(isUrgent: boolean): boolean {
    let waiting = false;
    for (const queue of this.coalescer.active) {
      if (queue.busy) continue;
      if (queue.mustWait) {
        waiting ||= queue.isAhead;
        continue;
      }
      if (isUrgent || !this.lingers(queue)) void this.send(queue);
      else waiting = true;
    }
    return waiting;
  }

  private lingers(queue: RunQueue): boolean {
    if (this.lingerMs === 0) return false;
    const [first] = queue.steps;
    return queue.steps.length === 1 && first?.kind === 'batch' && !first.full && Date.now() - first.firstAt < this.lingerMs;
  }

  /** One step of a run after the other; other runs' senders go on meanwhile. */
  private async send(queue: RunQueue): Promise<void> {
    queue.busy = true;
    this.sending++;
    try {
      for (let step = queue.steps[0]; step !== undefined; step = queue.steps[0]) {
        const settlement = await this.perform(queue, step);
        await queue.account.refused(step, settlement);
        if (step.kind === 'create') await this.created(queue);
        queue.steps.shift();
        this.settle(queue, step);
        if (queue.steps[0] !== undefined && (queue.shared !== undefined || queue.mustWait || this.lingers(queue))) break;
      }
    } catch (error) {
      // Given up at a stop: what did not land stays unsettled, and the caller's side counts it.
      if (!this.listener.isGivenUp) throw error;
    } finally {
      this.sending--;
      queue.busy = false;
      this.coalescer.active.delete(queue);
      // Behind the others: who shares a run with it has waited.
      if (queue.steps.length > 0) this.coalescer.active.add(queue);
    }
  }

  private async perform(queue: RunQueue, step: Step): Promise<Settlement> {
    queue.isCalling = true;
    if (queue.shared !== undefined) queue.shared.isBusy = true;
    try {
      return await this.sender.perform(queue, step);
    } finally {
      queue.isCalling = false;
      // It may be shared only since the call began.
      if (queue.shared !== undefined) {
        queue.shared.isBusy = false;
        this.onTurn();
      }
    }
  }

  /** The id that the store chose is known before the cursor passes the creation. */
  private async created(queue: RunQueue): Promise<void> {
    if (queue.storeId === undefined) return;
    queue.journaled?.created(queue.storeId);
    await queue.account.created(queue.storeId);
  }

  private settle(queue: RunQueue, step: Step): void {
    const { account, journaled, drafts } = queue;
    const seq = step.kind === 'batch' ? step.lastSeq : step.seq;
    if (seq !== undefined) {
      account.settled(seq);
      journaled?.settled(seq);
      drafts.settled(seq);
    }
    if (step.kind === 'end') {
      account.ended();
      journaled?.finished();
    }
    this.coalescer.release(queue, step);
    this.listener.settled(queue, step);
  }
}
