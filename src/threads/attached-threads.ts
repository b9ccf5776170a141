import { BroadcastChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { Dismissal, Signal, WorkerState } from '../lane/signals.js';
import type { AttachedThread, BellMessage, InletMemory, Knock, RunRequest } from '../lane/task.js';
import { HEAD_WORD, PARKED_WORD, reached, TAIL_WORD } from '../ring/layout.js';
import type { RunSlot } from '../ring/record.js';
import { awaitLifelines, ignoreLifelines } from './lifeline.js';
import { giveRingBack, newSpareRings, type SpareRings } from './spare-rings.js';

interface Attached extends Knock {
  readonly signals: Int32Array;
  readonly ring: Int32Array;
  /** Taken by the worker, and not ended. */
  readonly runs: Map<RunSlot, RunRequest>;
  /** Whether its end will be noticed, or has been. */
  life: 'unknown' | 'watched' | 'ended';
  /** The worker has let it go. */
  isGone: boolean;
}

/** The other threads that log to a lane, as the thread that has the tracker knows them. */
export class AttachedThreads {
  private readonly name: string;
  private readonly door: BroadcastChannel;
  readonly spareRings: SpareRings;
  private readonly threads = new Map<string, Attached>();
  private readonly wakeWorker: () => void;
  private readonly onKnock: (knock: Knock) => void;

  /** `onKnock`: of each that the worker may not have heard. */
  constructor(name: string, ringBytes: number, wakeWorker: () => void, onKnock: (knock: Knock) => void) {
    this.name = name;
    this.spareRings = newSpareRings(ringBytes);
    this.wakeWorker = wakeWorker;
    this.onKnock = onKnock;
    this.door = new BroadcastChannel(name);
    this.door.unref();
    // What other threads of this process say there.
    this.door.onmessage = ({ data }) => this.add(data as Knock);
    awaitLifelines(name, { caught: (bell) => this.watched(bell), dead: (bell) => this.dead(bell) });
  }

  /** Those who have knocked, also in this very turn: this thread may not turn any more. */
  hear(): void {
    for (;;) {
      // Its types leave out that it takes a BroadcastChannel as well.
      const heard = receiveMessageOnPort(this.door as unknown as MessagePort);
      if (heard === undefined) return;
      this.add(heard.message as Knock); // as above
    }
  }

  /** What the worker tells of them. */
  note(message: Exclude<BellMessage, 0>): void {
    // It may tell of one whose knock has not been read yet.
    this.hear();
    const thread = this.threads.get(message.bell);
    if (thread === undefined) return;
    if ('gone' in message) {
      thread.isGone = true;
      this.forget(thread);
    } else if (message.opened === undefined) {
      thread.runs.delete(message.slot);
    } else {
      thread.runs.set(message.slot, message.opened);
    }
  }

  /** For the next worker. */
  get all(): readonly AttachedThread[] {
    this.hear();
    const open = [...this.threads.values()].filter((thread) => !isClosed(thread));
    return open.map(({ memory, bell, claim, runs }) => ({ memory, bell, claim, runs }));
  }

  /** All of what they have published has settled, or is in the journal. */
  get areFlushed(): boolean {
    return this.flushed([...this.threads.values()].map((thread) => [thread, load(thread.ring, TAIL_WORD)]));
  }

  /** The same for what they have published by now, whatever they publish from now on. */
  untilNow(): () => boolean {
    this.hear();
    const tails = [...this.threads.values()].map((thread) => [thread, load(thread.ring, TAIL_WORD)] as const);
    return () => this.flushed(tails);
  }

  /** Counts up with all that they get done. */
  get progress(): number {
    let sum = 0;
    for (const { ring } of this.threads.values()) sum += load(ring, HEAD_WORD);
    return sum;
  }

  /** The runs that they have open end so, and nothing more is taken. */
  dismiss(dismissal: number): void {
    this.hear();
    for (const { signals } of this.threads.values()) Atomics.compareExchange(signals, Signal.Dismissed, 0, dismissal);
    this.wakeWorker();
  }

  /** The worker has let all of them go. */
  get areGone(): boolean {
    for (const thread of this.threads.values()) if (!isClosed(thread)) return false;
    return true;
  }

  /** There is no worker any more, and no other comes. `state`: of `WorkerState`. */
  leave(state: number): void {
    this.hear();
    for (const thread of this.threads.values()) {
      if (isClosed(thread)) continue;
      Atomics.store(thread.signals, Signal.State, state);
      Atomics.store(thread.ring, PARKED_WORD, 1);
      Atomics.notify(thread.signals, Signal.Settled);
      const bell = new BroadcastChannel(thread.bell);
      bell.postMessage(0);
      bell.close();
    }
  }

  close(): void {
    ignoreLifelines(this.name);
    this.door.close();
  }

  private add(knock: Knock): void {
    if (!this.threads.has(knock.bell)) this.threads.set(knock.bell, attached(knock));
    this.onKnock(knock);
  }

  private watched(bell: string): void {
    this.hear();
    const thread = this.threads.get(bell);
    if (thread !== undefined) thread.life = 'watched';
  }

  /** It need not be known any more, unless its ring is still its thread's, and will be nobody's. */
  private forget(thread: Attached): void {
    const { bell, claim, life, isGone } = thread;
    if (!isGone || life === 'watched') return;
    this.threads.delete(bell);
    if (claim !== undefined && life === 'ended') giveRingBack(this.spareRings, claim);
  }

  /** Its thread is no more, and may have had no time to say so. */
  private dead(bell: string): void {
    this.hear();
    const thread = this.threads.get(bell);
    if (thread === undefined) return;
    thread.life = 'ended';
    Atomics.compareExchange(thread.signals, Signal.Dismissed, 0, Dismissal.KILLED);
    this.wakeWorker();
    this.forget(thread);
  }

  private flushed(tails: readonly (readonly [thread: Attached, tail: number])[]): boolean {
    return tails.every(([thread, tail]) => isClosed(thread) || reached(load(thread.ring, HEAD_WORD), tail));
  }
}

function attached(knock: Knock): Attached {
  const { signals, ring }: InletMemory = knock.memory;
  return {
    ...knock,
    signals: new Int32Array(signals),
    ring: new Int32Array(ring),
    runs: new Map(),
    life: 'unknown',
    isGone: false,
  };
}

function load(words: Int32Array, word: number): number {
  return Atomics.load(words, word);
}

function isClosed({ signals }: Attached): boolean {
  return load(signals, Signal.State) === WorkerState.Closed;
}
