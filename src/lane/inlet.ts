import { RingConsumer } from '../ring/consumer.js';
import { KeyReader } from '../ring/key-table.js';
import { RecordReader } from '../ring/record.js';
import type { CallersEar } from './account.js';
import { Intake, type IntakeParts } from './intake.js';
import type { CallersQueue } from './run-queue.js';
import { RunTable } from './run-table.js';
import { Signal, StopRequest } from './signals.js';
import type { BellMessage, InletMemory } from './task.js';
import { VerdictWriter } from './verdict-record.js';

/** What wakes the event loop of a thread. */
export interface Bell {
  postMessage(message: BellMessage): void;
}

export interface InletParts {
  readonly memory: InletMemory;
  readonly bell: Bell;
  /** The worker stops, and what is under way comes to nothing. */
  readonly isOver: () => boolean;
  readonly intake: Omit<IntakeParts, 'ring' | 'record' | 'keys' | 'ear' | 'epoch' | 'onOpened'>;
  readonly onOpened?: ((queue: CallersQueue) => void) | undefined;
}

/** A thread that logs, as the worker sees it: its ring, its runs, and the ways to tell it how they fare. */
export class Inlet implements CallersEar {
  readonly ring: RingConsumer;
  readonly table: RunTable;
  readonly verdicts: VerdictWriter;
  readonly intake: Intake;
  readonly signals: Int32Array;
  private readonly bell: Bell;
  private readonly isOver: () => boolean;

  constructor({ memory, bell, isOver, intake, onOpened = () => {} }: InletParts) {
    this.ring = new RingConsumer(memory.ring);
    this.ring.touch();
    this.signals = new Int32Array(memory.signals);
    this.table = new RunTable(memory.runs);
    this.verdicts = new VerdictWriter(memory.verdicts);
    this.bell = bell;
    this.isOver = isOver;
    this.intake = new Intake({
      ...intake,
      ring: this.ring,
      record: new RecordReader(this.ring),
      keys: new KeyReader(memory.keys),
      ear: this,
      epoch: memory.epoch,
      onOpened,
    });
  }

  publish(): void {
    if (this.verdicts.publish()) this.ringBell();
  }

  get isGivenUp(): boolean {
    return this.isOver();
  }

  get stop(): number {
    return Atomics.load(this.signals, Signal.Stop);
  }

  /** Somebody waits for a flush, or to go. */
  get isInHurry(): boolean {
    return Atomics.load(this.signals, Signal.Urgent) !== 0 || this.stop !== StopRequest.None;
  }

  /** Its thread is no more, or does not want it any more, and the next turn of the loop has something to do about it. */
  get isToGo(): boolean {
    return false;
  }

  tell(write: (verdicts: VerdictWriter) => void): void {
    write(this.verdicts);
    this.publish();
  }

  /** Tells whoever watches the cursors, by the way it watches. */
  announce(): void {
    Atomics.add(this.signals, Signal.Settled, 1);
    if (Atomics.load(this.signals, Signal.Watching) !== 0) Atomics.notify(this.signals, Signal.Settled);
    if (Atomics.load(this.signals, Signal.Bell) !== 0 && Atomics.exchange(this.signals, Signal.Bell, 0) !== 0) this.ringBell();
  }

  ringBell(): void {
    this.bell.postMessage(0);
  }
}
