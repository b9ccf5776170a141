/**
 * How far each open run of a lane has settled, in shared memory: one cell per run, because receipts of
 * one run must not wait for another.
 *
 *   cell n at 32 × n   0: low 32 bits of the last settled seq (landed or failed; failures are told first)
 *                      4: of the last durable seq: in the journal, or settled. Never behind the settled one
 *                      8: number of the run in the lane's journal; 0: it is not there
 *                     12: seq of the record that ends it, once that has been taken; 0: none has
 *                     16: 1 for a run that another thread has made, and ends
 */
import { TooManyRunsError } from '../errors.js';
import { type Position, reached } from '../ring/layout.js';
import type { RunSlot } from '../ring/record.js';

/** Runs open at the same time on one lane. Untouched pages cost no memory. */
const MAX_OPEN_RUNS = 65_536;
const CELL_WORDS = 8;
const JOURNALED = 1;
const JOURNAL_RUN = 2;
const END_SEQ = 3;
const JOINED = 4;

export function newRunTable(): SharedArrayBuffer {
  return new SharedArrayBuffer(MAX_OPEN_RUNS * CELL_WORDS * 4);
}

export class RunTable {
  private readonly cells: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.cells = new Int32Array(buffer);
  }

  /** Low 32 bits, unsigned. */
  settled(slot: RunSlot): number {
    return Atomics.load(this.cells, slot * CELL_WORDS) >>> 0;
  }

  settle(slot: RunSlot, seq: number): void {
    this.journal(slot, seq);
    Atomics.store(this.cells, slot * CELL_WORDS, seq);
  }

  /** Low 32 bits, unsigned. */
  journaled(slot: RunSlot): number {
    return Atomics.load(this.cells, slot * CELL_WORDS + JOURNALED) >>> 0;
  }

  /** Up to `seq` it is durable. */
  journal(slot: RunSlot, seq: number): void {
    if (((seq - this.journaled(slot)) | 0) > 0) Atomics.store(this.cells, slot * CELL_WORDS + JOURNALED, seq);
  }

  journalRun(slot: RunSlot): number {
    return Atomics.load(this.cells, slot * CELL_WORDS + JOURNAL_RUN);
  }

  setJournalRun(slot: RunSlot, run: number): void {
    Atomics.store(this.cells, slot * CELL_WORDS + JOURNAL_RUN, run);
  }

  endSeq(slot: RunSlot): number {
    return Atomics.load(this.cells, slot * CELL_WORDS + END_SEQ) >>> 0;
  }

  setEndSeq(slot: RunSlot, seq: number): void {
    Atomics.store(this.cells, slot * CELL_WORDS + END_SEQ, seq);
  }

  isJoined(slot: RunSlot): boolean {
    return Atomics.load(this.cells, slot * CELL_WORDS + JOINED) !== 0;
  }

  setJoined(slot: RunSlot): void {
    Atomics.store(this.cells, slot * CELL_WORDS + JOINED, 1);
  }

  /** For the cell's next run. */
  clear(slot: RunSlot): void {
    for (let word = 0; word < CELL_WORDS; word++) Atomics.store(this.cells, slot * CELL_WORDS + word, 0);
  }
}

/** Caller's side: which cells are free. */
export class RunSlots {
  private readonly table: RunTable;
  /** Given back, oldest first: `end` is the ring's position behind the last record of the run. */
  private readonly ended: { readonly slot: RunSlot; readonly end: Position }[] = [];
  private fresh = 0;

  constructor(table: RunTable) {
    this.table = table;
  }

  /** `head`: the ring's. */
  take(head: Position): RunSlot {
    const [oldest] = this.ended;
    // As long as records of the old run may be read again by a worker that takes over, the cell has to tell it to skip them.
    if (oldest !== undefined && reached(head, oldest.end)) {
      this.ended.shift();
      this.table.clear(oldest.slot);
      return oldest.slot;
    }
    if (this.fresh === MAX_OPEN_RUNS) throw new TooManyRunsError({ limit: MAX_OPEN_RUNS });
    return this.fresh++;
  }

  /** Only when the run's last record has settled: nobody may write the cell any more. */
  giveBack(slot: RunSlot, end: Position): void {
    this.ended.push({ slot, end });
  }
}
