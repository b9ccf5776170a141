import {
  EMPTY,
  HEAD_WORD,
  KIND_PADDING,
  kindOf,
  lengthOf,
  type Offset,
  PARKED_WORD,
  type Position,
  RECORDS_BYTE,
  STARVED_WORD,
  TAIL_WORD,
} from './layout.js';

const PAGE_BYTES = 4096;
const TOUCHED_BYTES: number = 64 * 2 ** 20;

/**
 * The reading end of a ring; one thread only. Taking and releasing are two things: what `next` returned
 * stays in the ring until `release` passes it, and a successor that begins at the shared head sees
 * everything again that was taken but not released.
 */
export class RingConsumer {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly bytes: Buffer;
  private readonly mask: number;
  private cursor: Position;
  /** Last seen tail: everything before it is complete. */
  private seenTail: Position;
  isLeft = false;

  constructor(buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.bytes = Buffer.from(buffer);
    this.mask = buffer.byteLength - RECORDS_BYTE - 1;
    this.cursor = Atomics.load(this.words, HEAD_WORD);
    this.seenTail = this.cursor;
  }

  /** Where the next record begins, or EMPTY. */
  next(): Offset {
    if (this.cursor === this.seenTail) {
      this.seenTail = Atomics.load(this.words, TAIL_WORD);
      if (this.cursor === this.seenTail) return EMPTY;
    }
    let offset = RECORDS_BYTE + (this.cursor & this.mask);
    let headerWord = this.words[offset >> 2] as number; // within the buffer: the index is masked
    this.cursor = (this.cursor + lengthOf(headerWord)) | 0;
    if (kindOf(headerWord) === KIND_PADDING) {
      // Padding is published together with the record behind it, which stands at the beginning.
      offset = RECORDS_BYTE;
      headerWord = this.words[offset >> 2] as number; // as above
      this.cursor = (this.cursor + lengthOf(headerWord)) | 0;
    }
    return offset;
  }

  /**
   * Makes the ring's memory resident, or the producer pays a page fault (some µs) for every 4 KiB of its
   * first lap. Only so much of a very large ring, as this takes 0.3 ms for 4 MiB.
   */
  touch(): void {
    const end = Math.min(this.words.length, TOUCHED_BYTES / 4);
    for (let word = 0; word < end; word += PAGE_BYTES / 4) Atomics.add(this.words, word, 0);
  }

  /** Behind the record that `next` returned last. */
  get position(): Position {
    return this.cursor;
  }

  /** Everything before it has been published. */
  get published(): Position {
    return Atomics.load(this.words, TAIL_WORD);
  }

  /** Gives everything before `position` back to the producer, and wakes it if it waits for room. */
  release(position: Position): void {
    Atomics.store(this.words, HEAD_WORD, position);
    if (Atomics.load(this.words, STARVED_WORD) !== 0) Atomics.notify(this.words, HEAD_WORD);
  }

  /**
   * Announces that this side is about to sleep. False: something came in meanwhile, stay awake. The
   * order (flag first, tail again after it) is what makes a wake impossible to miss: the producer stores
   * the tail first and looks at the flag after it.
   */
  park(): boolean {
    Atomics.store(this.words, PARKED_WORD, 1);
    if (Atomics.load(this.words, TAIL_WORD) === this.cursor) return true;
    Atomics.store(this.words, PARKED_WORD, 0);
    return false;
  }

  /** Resolves when the producer wakes this side. Only after `park` returned true. */
  async woken(): Promise<void> {
    // No timeout: one that is cut short by a notify would hold 280 bytes until it would have fired.
    const wait = Atomics.waitAsync(this.words, PARKED_WORD, 1);
    if (wait.async) await wait.value;
  }

  /** Nothing more is taken. */
  leave(): void {
    this.isLeft = true;
  }

  /** Its writer is to look up at every record from now on: nobody reads it any more. */
  closeForGood(): void {
    this.isLeft = true;
    Atomics.store(this.words, PARKED_WORD, 1);
  }

  unpark(): void {
    Atomics.store(this.words, PARKED_WORD, 0);
  }

  /** Ends the sleep from this side, for something that is not in the ring. */
  rouse(): void {
    if (Atomics.exchange(this.words, PARKED_WORD, 0) !== 0) Atomics.notify(this.words, PARKED_WORD);
  }
}
