import {
  HEAD_WORD,
  header,
  KIND_PADDING,
  NO_ROOM,
  type Offset,
  PARKED_WORD,
  type Position,
  RECORDS_BYTE,
  STARVED_WORD,
  TAIL_WORD,
} from './layout.js';

/**
 * On x64 the publishing `Atomics.store` is a full fence, so a plain load after it sees whether the
 * consumer has parked; that saves 10 ns a record. Other processors may order the two otherwise.
 */
const STORE_IS_FENCE: boolean = process.arch === 'x64';

/**
 * The writing end of a ring; one thread only. Claim, write, publish: a consumer sees nothing of a
 * record before `publish`, and a claim that is never published leaves no trace.
 */
export class RingProducer {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly bytes: Buffer;
  readonly capacity: number;
  private readonly mask: number;
  /** Where the next record begins; ahead of the shared tail between `claim` and `publish`. */
  private tail: Position;
  /** Where `tail` stood before the last claim. */
  private claimedAt: Position;
  /** Bytes that the last claim without room asked for, padding included. */
  lacking = 0;
  /** Last seen head. It is behind the real one at worst, so room is under-, never overestimated. */
  private seenHead: Position;

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.bytes = Buffer.from(buffer);
    this.capacity = buffer.byteLength - RECORDS_BYTE;
    this.mask = this.capacity - 1;
    this.tail = Atomics.load(this.words, TAIL_WORD);
    this.claimedAt = this.tail;
    this.seenHead = Atomics.load(this.words, HEAD_WORD);
  }

  /**
   * Makes room for a record of `bytes` (a multiple of 8, at most `maxRecordBytes`) and returns where it
   * begins, or NO_ROOM. The header is written; what follows is the caller's.
   */
  claim(kind: number, bytes: number): Offset {
    const index = this.tail & this.mask;
    const rest = this.capacity - index;
    // The rest of the ring is lost to padding, so it counts: without it the producer overtakes the head.
    const needed = bytes <= rest ? bytes : rest + bytes;
    if (this.capacity - ((this.tail - this.seenHead) | 0) < needed && !this.hasRoom(needed)) return NO_ROOM;
    let offset = RECORDS_BYTE + index;
    if (bytes > rest) {
      this.words[offset >> 2] = header(KIND_PADDING, rest);
      offset = RECORDS_BYTE;
    }
    this.words[offset >> 2] = header(kind, bytes);
    this.claimedAt = this.tail;
    this.tail = (this.tail + needed) | 0;
    return offset;
  }

  /** Shortens the record claimed last, once its true length is known. */
  trim(offset: Offset, kind: number, claimed: number, bytes: number): void {
    this.words[offset >> 2] = header(kind, bytes);
    this.tail = (this.tail - (claimed - bytes)) | 0;
  }

  /** Forgets the record claimed last; those claimed before it stay. */
  abandon(): void {
    this.tail = this.claimedAt;
  }

  /** Hands everything claimed to the consumer. Returns true when the consumer is parked and must be woken. */
  publish(): boolean {
    Atomics.store(this.words, TAIL_WORD, this.tail);
    return (STORE_IS_FENCE ? this.words[PARKED_WORD] : Atomics.load(this.words, PARKED_WORD)) !== 0;
  }

  /** Wakes a parked consumer: 9 to 22 µs on the caller, so never without `publish` having said so. */
  wake(): void {
    if (this.takeParked()) Atomics.notify(this.words, PARKED_WORD);
  }

  /** True for the one who has to wake the consumer. */
  takeParked(): boolean {
    return Atomics.exchange(this.words, PARKED_WORD, 0) !== 0;
  }

  /** Sleeps until the head moves, at most `ms`. What was claimed must have been published before. */
  awaitHead(ms: number): void {
    const head = Atomics.load(this.words, HEAD_WORD);
    if (head !== this.seenHead) return;
    Atomics.store(this.words, STARVED_WORD, 1);
    Atomics.wait(this.words, HEAD_WORD, head, ms);
    Atomics.store(this.words, STARVED_WORD, 0);
  }

  /** Bytes between head and tail. */
  get used(): number {
    return (this.tail - Atomics.load(this.words, HEAD_WORD)) | 0;
  }

  private hasRoom(needed: number): boolean {
    this.seenHead = Atomics.load(this.words, HEAD_WORD);
    this.lacking = needed;
    return this.capacity - ((this.tail - this.seenHead) | 0) >= needed;
  }
}
