import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import type { HeadraceError } from '../errors.js';
import { RingConsumer } from '../ring/consumer.js';
import { KeyReader } from '../ring/key-table.js';
import { RecordReader, type RunSlot } from '../ring/record.js';
import { openStore } from '../store/open.js';
import type { Pulse } from '../store/store.js';
import { LaneClock } from './clock.js';
import { ConfigTags } from './config-tags.js';
import { Intake } from './intake.js';
import type { PendingBatch, RunQueue, Step } from './run-queue.js';
import { RunTable } from './run-table.js';
import { Sender, type Settlement } from './sender.js';
import { Signal, StopRequest, WorkerState } from './signals.js';
import type { LaneControl, LaneTask } from './task.js';
import { VerdictWriter } from './verdict-record.js';

/** Two full SQLite batches: enough for full transactions, and what has settled is told every 50 ms or so. */
const RECORDS_PER_TURN = 20_000;

/** While records flow the ring is looked at this often: 4 % of a core, and no wake to pay for by the caller. */
const POLL_MS = 1;

/** Empty looks before the worker parks. A loop that logs every 10 ms or faster never pays for a wake. */
const POLLS_BEFORE_PARKING = 30;

/** A caller that waits in place takes the worker for dead after a second without a sign of life. */
const BEAT_MS = 250;

/** A lane's worker: drains the ring, sends what it holds to the store, settles it. */
export class LaneLoop {
  private readonly ring: RingConsumer;
  private readonly table: RunTable;
  private readonly signals: Int32Array;
  private readonly clock: LaneClock;
  private readonly verdicts: VerdictWriter;
  private readonly intake: Intake;
  private readonly sender: Sender;
  private readonly bell: MessagePort;
  private readonly lingerMs: number;
  private sending = 0;
  private parked = false;

  constructor(task: LaneTask) {
    const { memory, settings } = task;
    this.ring = new RingConsumer(memory.ring);
    this.ring.touch();
    this.table = new RunTable(memory.runs);
    this.signals = new Int32Array(memory.signals);
    this.clock = new LaneClock(this.signals, memory.epoch);
    this.verdicts = new VerdictWriter(memory.verdicts);
    this.bell = task.bell;
    this.lingerMs = settings.batch.lingerMs;
    this.intake = new Intake({
      ring: this.ring,
      record: new RecordReader(this.ring),
      keys: new KeyReader(memory.keys),
      table: this.table,
      settings,
      clock: this.clock,
      epoch: memory.epoch,
      configTags: new ConfigTags((text) => this.tell(() => this.verdicts.notice(text))),
    });
    this.intake.takeOver(task.openRuns);
    this.sender = new Sender({
      store: openStore(settings, this.pulse()),
      storeName: settings.location.display,
      retry: settings.retry,
      signals: this.signals,
      watcher: {
        down: (error) => this.tell(() => this.verdicts.down(error)),
        up: () => this.tell(() => this.verdicts.up()),
        notice: (text) => this.tell(() => this.verdicts.notice(text)),
      },
    });
  }

  get control(): LaneControl {
    return {
      storeId: async (slot, runId) => {
        const queue = this.intake.queue(slot);
        return queue?.runId === runId ? queue.storeId : runId;
      },
    };
  }

  /** Ends when the caller's side asks for it. A rejection is a bug or a broken machine: it ends the worker. */
  async run(): Promise<void> {
    Atomics.store(this.signals, Signal.State, WorkerState.Running);
    this.ring.unpark();
    let polls = 0;
    for (;;) {
      // Stop is read before the drain: read after it, what was published in between would be left behind.
      const stop = Atomics.load(this.signals, Signal.Stop);
      if (stop === StopRequest.GiveUp) break;
      this.clock.tick();
      const taken = this.intake.drain(RECORDS_PER_TURN);
      const waiting = this.dispatch(stop !== StopRequest.None);
      if (taken > 0) {
        polls = 0;
        await nextTurn();
        continue;
      }
      const idle = this.sending === 0 && !waiting;
      if (idle && stop === StopRequest.Finish) break;
      // Also while requests are away: a store may be for hours. What settles meanwhile rouses.
      if (!waiting && stop === StopRequest.None && ++polls > POLLS_BEFORE_PARKING) {
        await this.park();
        polls = 0;
      } else {
        await sleep(POLL_MS);
      }
    }
    this.clock.off();
    this.sender.giveUp();
    await this.sender.close();
    Atomics.store(this.signals, Signal.State, WorkerState.Closed);
    this.announce();
  }

  private async park(): Promise<void> {
    if (!this.ring.park()) return;
    // A request to stop wakes through the same flag, so it is looked at again once the flag is up.
    if (Atomics.load(this.signals, Signal.Stop) !== StopRequest.None) {
      this.ring.unpark();
      return;
    }
    this.clock.off();
    this.parked = true;
    const beats = this.sending > 0 ? setInterval(() => this.beat(), BEAT_MS) : undefined;
    await this.ring.woken();
    clearInterval(beats);
    this.parked = false;
  }

  /** A sign of life. */
  private beat(): void {
    this.clock.tick();
    // The next tick may be far away.
    if (this.parked) this.clock.off();
    Atomics.store(this.signals, Signal.State, WorkerState.Running);
  }

  /** Starts a sender for each run that has something to send. True: something waits for its linger time. */
  private dispatch(inHurry: boolean): boolean {
    let waiting = false;
    const urgent = inHurry || this.lingerMs === 0 || Atomics.load(this.signals, Signal.Urgent) !== 0;
    for (const queue of this.intake.active) {
      if (queue.busy || queue.mustWait) continue;
      if (urgent || !this.lingers(queue)) void this.send(queue);
      else waiting = true;
    }
    return waiting;
  }

  private lingers(queue: RunQueue): boolean {
    const [first] = queue.steps;
    return queue.steps.length === 1 && first?.kind === 'batch' && !first.full && Date.now() - first.firstAt < this.lingerMs;
  }

  /** One step of a run after the other; other runs' senders go on meanwhile. */
  private async send(queue: RunQueue): Promise<void> {
    queue.busy = true;
    this.sending++;
    try {
      for (let step = queue.steps[0]; step !== undefined; step = queue.steps[0]) {
        const settlement = await this.sender.perform(queue, step);
        await this.tellFailures(queue.slot, step, settlement);
        if (step.kind === 'create') await this.tellCreated(queue);
        queue.steps.shift();
        if (step.kind === 'end') this.intake.forget(queue);
        this.settle(queue.slot, step);
        if (queue.steps[0] !== undefined && this.lingerMs > 0 && this.lingers(queue)) break;
      }
    } catch (error) {
      // Given up at a stop: what did not land stays unsettled, and the caller's side counts it.
      if (Atomics.load(this.signals, Signal.Stop) !== StopRequest.GiveUp) throw error;
    } finally {
      this.sending--;
      queue.busy = false;
      if (queue.steps.length === 0) this.intake.active.delete(queue);
    }
  }

  /** Failures are in shared memory before the cursor passes them. */
  private async tellFailures(slot: RunSlot, step: Step, settlement: Settlement): Promise<void> {
    if (settlement.all !== undefined) {
      const [first, count] = seqsOf(step);
      if (count > 0) await this.tellFailure(slot, first, count, settlement.all);
    }
    for (const { seq, error } of settlement.failures) await this.tellFailure(slot, seq, 1, error);
    if ((settlement.all !== undefined || settlement.failures.length > 0) && this.verdicts.publish()) this.bell.postMessage(0);
  }

  private async tellFailure(slot: RunSlot, seq: number, count: number, error: HeadraceError): Promise<void> {
    while (!this.verdicts.failed(slot, seq, count, error)) {
      // The caller's thread reads whenever it waits or turns; until then the fact must not be lost.
      if (this.verdicts.publish()) this.bell.postMessage(0);
      if (Atomics.load(this.signals, Signal.Stop) === StopRequest.GiveUp) return;
      await sleep(POLL_MS);
    }
  }

  /** The id that the store chose is in shared memory before the cursor passes the creation. */
  private async tellCreated({ slot, runId, storeId }: RunQueue): Promise<void> {
    if (storeId === undefined || storeId === runId) return;
    while (!this.verdicts.created(slot, storeId)) {
      if (this.verdicts.publish()) this.bell.postMessage(0);
      // Unsettled, as what was given up is: a run that counts as made without it would be taken for one by our id.
      if (Atomics.load(this.signals, Signal.Stop) === StopRequest.GiveUp) throw new Error(`no room for the id of run ${runId}`);
      await sleep(POLL_MS);
    }
    if (this.verdicts.publish()) this.bell.postMessage(0);
  }

  private tell(write: () => void): void {
    write();
    if (this.verdicts.publish()) this.bell.postMessage(0);
  }

  private settle(slot: RunSlot, step: Step): void {
    if (step.kind === 'batch') {
      this.table.settle(slot, step.lastSeq);
      for (const { stretch, count } of step.stretches) this.intake.settled(stretch, count);
    } else if (step.seq !== undefined) {
      this.table.settle(slot, step.seq);
      if (step.stretch !== undefined) this.intake.settled(step.stretch, 1);
    }
    // What comes next of this run may linger, and other runs wait for its creation or its end.
    this.ring.rouse();
    this.announce();
  }

  /** Tells whoever watches the cursors, by the way it watches. */
  private announce(): void {
    Atomics.add(this.signals, Signal.Settled, 1);
    if (Atomics.load(this.signals, Signal.Watching) !== 0) Atomics.notify(this.signals, Signal.Settled);
    if (Atomics.load(this.signals, Signal.Bell) !== 0 && Atomics.exchange(this.signals, Signal.Bell, 0) !== 0)
      this.bell.postMessage(0);
  }

  private pulse(): Pulse {
    return {
      beat: () => this.beat(),
      pause: () => {
        this.clock.off();
        Atomics.store(this.signals, Signal.State, WorkerState.InStore);
      },
    };
  }
}

function seqsOf(step: Step): [first: number, count: number] {
  if (step.kind !== 'batch') return step.seq === undefined ? [0, 0] : [step.seq, 1];
  return [step.firstSeq, countOf(step)];
}

/** A config file's record may end in a later batch and still has something in this one. */
function countOf(batch: PendingBatch): number {
  const last = batch.seqs[batch.seqs.length - 1] ?? batch.lastSeq;
  const ended = (batch.lastSeq - batch.firstSeq + 1) | 0;
  return Math.max(ended, (last - batch.firstSeq + 1) | 0);
}
