/**
 * Runs threads made of steps in every order in which their accesses to shared memory can happen.
 *
 * Control words are scheduled one access at a time, with the memory of an x64 processor, on which the
 * ring relies where it looks at a flag by a plain load: a plain store waits in its thread's store buffer
 * and becomes visible later, in the order stored; an atomic store, exchange, wait or notify comes after
 * everything in the buffer; loads do not wait for it.
 *
 * The bytes of records are not scheduled: it is checked instead that each access to them is ordered after
 * the other thread's last conflicting one by an atomic store and a load that saw it (with a clock for each
 * thread). As long as that holds in every order of the control accesses, no order of the data accesses
 * makes a difference, on any processor; where it does not, it is a violation.
 *
 * A state is what each thread has seen so far (its whole local state follows from that), the memory, and
 * what each thread knows of the other's accesses. One that was met before is not explored again. Where a
 * thread's local state is known in full, at the turn of a loop for example, it takes the place of what was
 * seen on the way there.
 */

type View = Int32Array | Float64Array | Buffer;

/** What a stepped thread is about to do; see stepped-source.ts. */
type Access =
  | readonly ['get' | 'load', View, number]
  | readonly ['set' | 'store' | 'exchange', View, number, number]
  | readonly ['notify', View, number]
  | readonly ['wait' | 'waitAsync', View, number, number, number?]
  | readonly ['write', Buffer, string, number, string]
  | readonly ['text', Buffer, string, number, number]
  | readonly ['await', unknown];

export type Steps<T> = Generator<Access, T, unknown>;

/** Something that a thread can await: settled by another thread. */
export class Signalled {
  isSettled = false;
}

/** The model found a state that must not be. */
export class Violation extends Error {}

/** A fresh start of the same two threads and their memory, once for each schedule. */
export interface Scene {
  readonly threads: readonly [first: NamedSteps, second: NamedSteps];
  /** Words that are scheduled one access at a time. */
  readonly control: readonly { readonly words: Int32Array; readonly indexes: readonly number[] }[];
  /** Behind `from`, its bytes are those of records. */
  readonly data: { readonly buffer: ArrayBufferLike; readonly from: number };
  /** The thread's whole local state, if it is now where it can be told; asked once after each step. */
  localState(thread: string): string | undefined;
  /** Called before a byte of a record changes. Throws a Violation when it must not. */
  beforeStore(byteOffset: number): void;
  /** Called when no thread can go on. Throws a Violation when something is missing. */
  atEnd(asleep: readonly string[]): void;
}

export interface NamedSteps {
  readonly name: string;
  readonly steps: Steps<void>;
}

export interface Exploration {
  readonly schedules: number;
  readonly states: number;
  readonly violation: string | undefined;
}

/** A loop that never comes to rest would be followed for ever. */
const MAX_STEPS = 1500;

export function explore(newScene: () => Scene): Exploration {
  const met = new Set<number>();
  const path: { readonly moves: number; taken: number }[] = [];
  let schedules = 0;
  for (;;) {
    schedules++;
    try {
      const course = new Course(newScene());
      for (const { taken } of path) course.move(taken);
      for (let moves = course.moves(); isNew(course, met); moves = course.moves()) {
        if (moves === 0) {
          course.end();
          break;
        }
        if (path.length > MAX_STEPS) throw new Violation(`the threads do not come to rest within ${MAX_STEPS} steps`);
        path.push({ moves, taken: 0 });
        course.move(0);
      }
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      return { schedules, states: met.size, violation: `${error.message}\n${traceOf(newScene(), path)}` };
    }
    for (let last = path.at(-1); last !== undefined && ++last.taken === last.moves; last = path.at(-1)) path.pop();
    if (path.length === 0) return { schedules, states: met.size, violation: undefined };
  }
}

function isNew(course: Course, met: Set<number>): boolean {
  const key = course.key();
  if (met.has(key)) return false;
  met.add(key);
  return true;
}

/** The last steps of a schedule, one a line. */
function traceOf(scene: Scene, path: readonly { readonly taken: number }[]): string {
  const lines: string[] = [];
  try {
    const course = new Course(scene);
    for (const { taken } of path) {
      lines.push(course.describe(taken));
      course.move(taken);
    }
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
  }
  return lines.slice(-40).join('\n');
}

type Side = 0 | 1;

interface PlainStore {
  readonly view: View;
  readonly index: number;
  readonly value: number;
}

interface Thread {
  readonly name: string;
  readonly side: Side;
  readonly steps: Steps<void>;
  readonly buffer: PlainStore[];
  next: Access | undefined;
  /** In `Atomics.wait`, until notified. */
  isAsleep: boolean;
  /** Of everything it has seen. */
  seen: Hash;
  /** How far it knows of each thread's accesses to data, itself included; see `Cell`. */
  readonly known: [number, number];
  /** Since its last access to data. */
  handedOver: boolean;
}

/** Four bytes of data: when, by its own clock, each thread read and wrote them last. */
interface Cell {
  readonly read: [number, number];
  readonly written: [number, number];
}

const CELL_BYTES = 4;

/** One run of a scene's threads along one schedule. */
class Course {
  private readonly scene: Scene;
  private readonly threads: readonly Thread[];
  private readonly cells: Cell[];
  /** For each control word what its last atomic store hands over to who sees it. */
  private readonly handed: [number, number][];
  private asyncWaits: { readonly view: View; readonly index: number; readonly signalled: Signalled }[] = [];

  constructor(scene: Scene) {
    this.scene = scene;
    const { buffer, from } = scene.data;
    this.handed = scene.control.flatMap(({ indexes }) => indexes.map((): [number, number] => [0, 0]));
    this.cells = Array.from({ length: (buffer.byteLength - from) / CELL_BYTES }, () => ({ read: [0, 0], written: [0, 0] }));
    this.threads = scene.threads.map(({ name, steps }, index) => {
      const side: Side = index === 0 ? 0 : 1;
      const known: [number, number] = [0, 0];
      known[side] = 1;
      return { name, side, steps, buffer: [], next: undefined, isAsleep: false, seen: new Hash(), known, handedOver: false };
    });
    for (const thread of this.threads) this.goOn(thread, undefined);
  }

  /** How many ways there are to go on. */
  moves(): number {
    let count = 0;
    for (const thread of this.threads) count += (thread.buffer.length > 0 ? 1 : 0) + (this.canStep(thread) ? 1 : 0);
    return count;
  }

  move(index: number): void {
    const { thread, flushes } = this.pick(index);
    if (flushes) this.flush(thread);
    else this.step(thread);
  }

  describe(index: number): string {
    const { thread, flushes } = this.pick(index);
    const store = thread.buffer[0];
    if (flushes && store !== undefined) return `${thread.name}: word ${store.index} becomes ${store.value}`;
    const { next } = thread;
    if (next === undefined || next[0] === 'await') return `${thread.name}: goes on`;
    return `${thread.name}: ${next[0]} word ${next.slice(2).join(', ')}`;
  }

  key(): number {
    const hash = new Hash();
    hash.add(this.asyncWaits.length);
    for (const thread of this.threads) {
      hash.add(thread.seen.value);
      hash.add((thread.isAsleep ? 2 : 0) + (this.canStep(thread) ? 1 : 0));
      for (const { index, value } of thread.buffer) {
        hash.add(index);
        hash.add(value);
      }
      this.addClocks(hash, thread.side, thread.side === 0 ? 1 : 0);
    }
    for (const { words, indexes } of this.scene.control) for (const index of indexes) hash.add(words[index] as number); // given
    return hash.value;
  }

  end(): void {
    this.scene.atEnd(this.threads.filter((thread) => thread.next !== undefined).map((thread) => thread.name));
  }

  /** What `other` and the control words do not know of `own`, and in which order that was: the clocks' own values mean nothing. */
  private addClocks(hash: Hash, own: Side, other: Side): void {
    const known = (this.threads[other] as Thread).known[own]; // there are two
    const times: number[] = [];
    for (const handed of this.handed) times.push(handed[own]);
    for (const { read, written } of this.cells) times.push(read[own], written[own]);
    const unknown = [...new Set(times)].filter((time) => time > known).sort((a, b) => a - b);
    if (unknown.length === 0) return;
    for (let i = 0; i < times.length; i++) {
      const rank = unknown.indexOf(times[i] as number); // below length
      if (rank >= 0) hash.add(i * 1000 + rank);
    }
  }

  private pick(index: number): { thread: Thread; flushes: boolean } {
    let left = index;
    for (const thread of this.threads) {
      if (thread.buffer.length > 0 && left-- === 0) return { thread, flushes: true };
      if (this.canStep(thread) && left-- === 0) return { thread, flushes: false };
    }
    throw new Error(`there is no move ${index}`);
  }

  private canStep(thread: Thread): boolean {
    const { next } = thread;
    if (next === undefined || thread.isAsleep) return false;
    switch (next[0]) {
      case 'await':
        return !(next[1] instanceof Signalled) || next[1].isSettled;
      case 'load':
      case 'get':
        // A thread sees its own stores; here by waiting for them, which the shipped code never comes to.
        return !thread.buffer.some((store) => store.view === next[1] && store.index === next[2]);
      default:
        return thread.buffer.length === 0;
    }
  }

  private step(thread: Thread): void {
    const access = thread.next as Access; // canStep
    if (access[0] === 'wait') {
      this.takeOver(thread, access[1], access[2]);
      // Timeouts only make a lost wake slow instead of endless: the model has none, so that it shows.
      thread.isAsleep = access[1][access[2]] === access[3];
      if (!thread.isAsleep) this.goOn(thread, 'not-equal');
    } else this.goOn(thread, this.perform(thread, access));
  }

  /** What the thread sees of it. */
  private perform(thread: Thread, access: Access): unknown {
    switch (access[0]) {
      case 'get':
        return access[1][access[2]];
      case 'load':
        this.takeOver(thread, access[1], access[2]);
        return access[1][access[2]];
      case 'await':
        return undefined;
      case 'store':
        this.handOver(thread, access[1], access[2]);
        access[1][access[2]] = access[3];
        return access[3];
      case 'exchange': {
        const before = access[1][access[2]];
        this.takeOver(thread, access[1], access[2]);
        this.handOver(thread, access[1], access[2]);
        access[1][access[2]] = access[3];
        return before;
      }
      case 'notify':
        return this.notify(access[1], access[2]);
      case 'waitAsync':
        this.takeOver(thread, access[1], access[2]);
        return this.waitAsync(access[1], access[2], access[3]);
      default:
        throw new Error(`${access[0]} is no scheduled step`);
    }
  }

  /** To the thread's next access to a control word. */
  private goOn(thread: Thread, seen: unknown): void {
    thread.isAsleep = false;
    thread.seen.addSeen(seen);
    let result = thread.steps.next(seen);
    while (!result.done && this.isUnscheduled(result.value)) result = thread.steps.next(this.performAtOnce(thread, result.value));
    thread.next = result.done ? undefined : result.value;
    const local = this.scene.localState(thread.name);
    if (local === undefined) return;
    thread.seen = new Hash();
    // What it saw last may be in its hands; what it does next tells where it is.
    if (typeof seen === 'number') thread.seen.add(seen);
    thread.seen.addSeen(`${local} ${thread.next?.[0]} ${typeof thread.next?.[2] === 'number' ? thread.next[2] : ''}`);
  }

  private isUnscheduled([name, view, index]: Access): boolean {
    return (
      name === 'text' ||
      name === 'write' ||
      name === 'set' ||
      (name === 'get' && ArrayBuffer.isView(view) && typeof index === 'number' && this.isData(view, index))
    );
  }

  private performAtOnce(thread: Thread, access: Access): unknown {
    switch (access[0]) {
      case 'get':
        return this.readData(thread, access[1], access[2]);
      case 'text':
        return this.readText(thread, access[1], access[3], access[4]);
      case 'write':
        return this.writeText(thread, access[1], access[2], access[3]);
      case 'set':
        if (this.isData(access[1], access[2])) this.writeData(thread, access[1], access[2], access[3]);
        else thread.buffer.push({ view: access[1], index: access[2], value: access[3] });
        return access[3];
      default:
        throw new Error(`${access[0]} has to be scheduled`);
    }
  }

  private flush(thread: Thread): void {
    const { view, index, value } = thread.buffer.shift() as PlainStore; // `pick` saw it
    // A plain store orders nothing, so it hands nothing over either.
    this.handed[this.wordOf(view, index)] = [0, 0];
    view[index] = value;
  }

  // ---- data ----

  private isData(view: View, index: number): boolean {
    return view.buffer === this.scene.data.buffer && index * view.BYTES_PER_ELEMENT >= this.scene.data.from;
  }

  private readData(thread: Thread, view: View, index: number): number | undefined {
    const start = index * view.BYTES_PER_ELEMENT;
    this.noteRead(thread, start, start + view.BYTES_PER_ELEMENT);
    const value = view[index];
    thread.seen.addSeen(value);
    return value;
  }

  private readText(thread: Thread, view: Buffer, start: number, end: number): string {
    this.noteRead(thread, start, end);
    const text = view.toString('utf8', start, end);
    thread.seen.addSeen(text);
    return text;
  }

  private writeData(thread: Thread, view: View, index: number, value: number): void {
    const start = index * view.BYTES_PER_ELEMENT;
    this.noteWrite(thread, start, start + view.BYTES_PER_ELEMENT);
    view[index] = value;
  }

  private writeText(thread: Thread, view: Buffer, text: string, start: number): number {
    this.noteWrite(thread, start, start + Buffer.byteLength(text));
    return view.write(text, start, 'utf8');
  }

  private noteRead(thread: Thread, start: number, end: number): void {
    const { other, cells } = this.touched(thread, start, end);
    for (const cell of cells) {
      if (cell.written[other] > thread.known[other])
        throw new Violation(`${thread.name} reads byte ${start} while it may still be written`);
      cell.read[thread.side] = this.now(thread);
    }
  }

  private noteWrite(thread: Thread, start: number, end: number): void {
    const { other, cells } = this.touched(thread, start, end);
    for (let offset = start; offset < end; offset++) this.scene.beforeStore(offset);
    for (const cell of cells) {
      const last = Math.max(cell.written[other], cell.read[other]);
      if (last > thread.known[other]) throw new Violation(`${thread.name} writes byte ${start} while it may still be read`);
      cell.written[thread.side] = this.now(thread);
    }
  }

  private touched(thread: Thread, start: number, end: number): { other: Side; cells: readonly Cell[] } {
    const { from, buffer } = this.scene.data;
    if (start < from || end > buffer.byteLength)
      throw new Violation(`${thread.name} reaches for bytes ${start} to ${end} of ${buffer.byteLength}`);
    const first = Math.floor((start - from) / CELL_BYTES);
    return { other: thread.side === 0 ? 1 : 0, cells: this.cells.slice(first, Math.ceil((end - from) / CELL_BYTES)) };
  }

  private takeOver(thread: Thread, view: View, index: number): void {
    const handed = this.handed[this.wordOf(view, index)] as [number, number]; // one for each control word
    thread.known[0] = Math.max(thread.known[0], handed[0]);
    thread.known[1] = Math.max(thread.known[1], handed[1]);
  }

  private handOver(thread: Thread, view: View, index: number): void {
    this.handed[this.wordOf(view, index)] = [thread.known[0], thread.known[1]];
    thread.handedOver = true;
  }

  /** What it accesses from here on was not handed over by what it stored before. */
  private now(thread: Thread): number {
    if (thread.handedOver) thread.known[thread.side]++;
    thread.handedOver = false;
    return thread.known[thread.side];
  }

  /** The two threads have a view each of the same word. */
  private wordOf(view: View, index: number): number {
    let word = 0;
    for (const { words, indexes } of this.scene.control) {
      if (words.buffer === view.buffer && indexes.includes(index)) return word + indexes.indexOf(index);
      word += indexes.length;
    }
    throw new Violation(`word ${index} is accessed atomically, and is no control word`);
  }

  // ---- sleep ----

  private notify(view: View, index: number): number {
    let woken = 0;
    for (const thread of this.threads) {
      const { next } = thread;
      if (!thread.isAsleep || next?.[0] !== 'wait' || next[1].buffer !== view.buffer || next[2] !== index) continue;
      woken++;
      this.goOn(thread, 'ok');
    }
    for (const wait of this.asyncWaits) {
      if (wait.view.buffer !== view.buffer || wait.index !== index) continue;
      woken++;
      wait.signalled.isSettled = true;
    }
    this.asyncWaits = this.asyncWaits.filter(({ signalled }) => !signalled.isSettled);
    return woken;
  }

  private waitAsync(view: View, index: number, expected: number): { async: boolean; value: unknown } {
    if (view[index] !== expected) return { async: false, value: 'not-equal' };
    const signalled = new Signalled();
    this.asyncWaits.push({ view, index, signalled });
    return { async: true, value: signalled };
  }
}

const double = new Float64Array(1);
const halves = new Int32Array(double.buffer);

/** 53 bits: with 10^5 states the odds that two of them meet by chance are one in a million. */
class Hash {
  private low = 1;
  private high = 2;

  get value(): number {
    return (this.high >>> 11) * 2 ** 32 + (this.low >>> 0);
  }

  add(value: number): void {
    double[0] = value;
    const a = halves[0] as number; // a double has two halves
    const b = halves[1] as number;
    this.low = Math.imul(this.low ^ a, 0x85ebca6b) + b;
    this.low ^= this.low >>> 15;
    this.high = Math.imul(this.high ^ b, 0xc2b2ae35) + a;
    this.high = Math.imul(this.high ^ (this.high >>> 13), 0x27d4eb2f);
  }

  addSeen(seen: unknown): void {
    if (typeof seen === 'number') this.add(seen);
    else if (typeof seen === 'string') for (let i = 0; i < seen.length; i++) this.add(seen.charCodeAt(i));
    else this.add(typeof seen === 'object' && seen !== null && 'async' in seen && seen.async === true ? 0.5 : 0.25);
  }
}
