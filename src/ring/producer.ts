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
  /** Bytes that the last record without a place needed, padding included. */
  lacking = 0;
  /** The head when there was no room. */
  private seenHead: Position;
  /** Claims up to here need no check. The head it was made from is behind the real one at worst: room is under-, never overestimated. */
  private limit: Position;

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.bytes = Buffer.from(buffer);
    this.capacity = buffer.byteLength - RECORDS_BYTE;
    this.mask = this.capacity - 1;
    this.tail = Atomics.load(this.words, TAIL_WORD);
    this.claimedAt = this.tail;
    this.seenHead = Atomics.load(this.words, HEAD_WORD);
    this.limit = this.tail;
  }

  /**
   * Makes room for a record of `bytes` (a multiple of 8, at most `maxRecordBytes`) and returns where it
   * begins, or NO_ROOM. The header is written; what follows is the caller's.
   */
  claim(kind: number, bytes: number): Offset {
    const tail = this.tail;
    const next = (tail + bytes) | 0;
    if (((this.limit - next) | 0) < 0) return this.claimBeyondLimit(kind, bytes);
    this.claimedAt = tail;
    this.tail = next;
    const offset = RECORDS_BYTE + (tail & this.mask);
    this.words[offset >> 2] = header(kind, bytes);
    return offset;
  }

  private claimBeyondLimit(kind: number, bytes: number): Offset {
    const tail = this.tail;
    const rest = this.capacity - (tail & this.mask);
    // The rest of the ring is lost to padding, so it counts: without it the producer overtakes the head.
    const padding = bytes <= rest ? 0 : rest;
    const head = Atomics.load(this.words, HEAD_WORD);
    this.seenHead = head;
    if (this.capacity - ((tail - head) | 0) < padding + bytes) {
      this.lacking = padding + bytes;
      return NO_ROOM;
    }
    if (padding > 0) this.words[(RECORDS_BYTE + (tail & this.mask)) >> 2] = header(KIND_PADDING, padding);
    const start = (tail + padding) | 0;
    this.claimedAt = tail;
    this.tail = (start + bytes) | 0;
    this.moveLimit(start, head);
    const offset = RECORDS_BYTE + (start & this.mask);
    this.words[offset >> 2] = header(kind, bytes);
    return offset;
  }

  /** As far as records can be claimed from `start` without a look at the head or at the end of the ring. */
  private moveLimit(start: Position, head: Position): void {
    const lapEnd = (start + this.capacity - (start & this.mask)) | 0;
    const roomEnd = (head + this.capacity) | 0;
    this.limit = ((lapEnd - roomEnd) | 0) < 0 ? lapEnd : roomEnd;
  }

  /** Shortens the record claimed last, once its true length is known. */
  trim(offset: Offset, kind: number, claimed: number, bytes: number): void {
    this.words[offset >> 2] = header(kind, bytes);
    this.tail = (this.tail - (claimed - bytes)) | 0;
  }

  /** Forgets the record claimed last; those claimed before it stay. */
  abandon(): void {
    this.tail = this.claimedAt;
    // The claim may have moved the limit into the next lap, and the tail is back in the one before.
    this.limit = this.tail;
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

  /** Behind the record claimed last. */
  get position(): Position {
    return this.tail;
  }

  /** The consumer's: everything before it has been given back. */
  get head(): Position {
    return Atomics.load(this.words, HEAD_WORD);
  }

  /** Bytes between head and tail. */
  get used(): number {
    return (this.tail - this.head) | 0;
  }
}
