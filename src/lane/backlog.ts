import { type JournalRead, JournalReader, type Place } from '../journal/reader.js';
import type { JournalRecord, RunEnded, RunItems } from '../journal/record.js';
import type { Skipped } from '../journal/segment-reader.js';
import { INLINE } from '../ring/key-table.js';
import { reached } from '../ring/layout.js';
import type { Coalescer } from './coalescer.js';
import type { RunQueue } from './run-queue.js';

/** A run of which something stands in the journal that is not in memory. */
export interface Behind {
  /** Records up to this seq are in memory, or have settled. */
  readonly readTo: number;
  /** Where its next frame is, or something before that; undefined: not written yet. */
  from: Place | undefined;
  /** Sequence of its last frame, as far as it is known. */
  last: number;
  /** The reader has gone past a frame of it. */
  isMissed: boolean;
}

/**
 * Meanwhile nothing is taken from the ring, and nothing is sent: 32 frames of 4,096 metrics took a quarter of a second
 * when the code had not been compiled yet.
 */
const MS_PER_TURN = 4;

/**
 * Reads from a journal what did not stay in memory, for all its runs in one pass. A run that has no room just now is
 * passed over, and another pass begins where it was left: so one that is stuck delays no other.
 */
export class Backlog {
  private readonly folder: string;
  private readonly coalescer: Coalescer;
  private readonly isWritten: () => boolean;
  private readonly onSkip: (skipped: Skipped) => void;
  /** All of the run that was in the journal has been read. */
  private readonly onEnd: (queue: RunQueue) => void;
  /** By number in the journal. */
  private readonly runs = new Map<number, RunQueue>();
  private reader: JournalReader | undefined;

  /** `isWritten`: false while frames that were appended can't be read yet. */
  constructor(parts: {
    folder: string;
    coalescer: Coalescer;
    isWritten: () => boolean;
    onSkip: (skipped: Skipped) => void;
    onEnd?: (queue: RunQueue) => void;
  }) {
    this.folder = parts.folder;
    this.coalescer = parts.coalescer;
    this.isWritten = parts.isWritten;
    this.onSkip = parts.onSkip;
    this.onEnd = parts.onEnd ?? (() => {});
  }

  get isEmpty(): boolean {
    return this.runs.size === 0;
  }

  /** Its `behind` says from where on. */
  add(queue: RunQueue, run: number): void {
    this.runs.set(run, queue);
  }

  close(): void {
    this.reader?.close();
    this.reader = undefined;
  }

  /** Reads on, for a while. True: there is more to be read now. */
  fill(): boolean {
    const until = performance.now() + MS_PER_TURN;
    do {
      this.reader ??= this.newPass();
      if (this.reader === undefined) return false;
      const read = this.reader.next();
      if (read === undefined) {
        this.close();
        if (!this.isWritten()) return false;
        this.endPass();
      } else {
        this.take(read, this.reader.place);
        // The rest may be gigabytes, and nobody wants it now.
        if (!this.isWanted) this.close();
      }
    } while (performance.now() < until);
    return true;
  }

  private get isWanted(): boolean {
    for (const { behind } of this.runs.values()) if (behind?.from !== undefined && !behind.isMissed) return true;
    return false;
  }

  private newPass(): JournalReader | undefined {
    let from: Place | undefined;
    for (const queue of this.runs.values()) {
      const { behind } = queue;
      const place = behind?.from;
      // What is still to be appended can't be read.
      if (behind === undefined || place === undefined || place.sequence > behind.last) continue;
      if (!this.coalescer.hasRoomFor(queue)) continue;
      if (from === undefined || place.sequence < from.sequence) from = place;
    }
    if (from === undefined) return undefined;
    for (const { behind } of this.runs.values()) if (behind !== undefined) behind.isMissed = isBefore(behind.from, from);
    return new JournalReader(this.folder, {
      from,
      wants: ({ run }, sequence) => {
        const behind = this.runs.get(run)?.behind;
        return behind?.from !== undefined && !behind.isMissed && sequence >= behind.from.sequence;
      },
      onSkip: this.onSkip,
    });
  }

  /** Whatever of a run was not missed has been read, or can't be: `onSkip` was told. */
  private endPass(): void {
    for (const [run, queue] of this.runs) {
      const { behind } = queue;
      if (behind?.from !== undefined && !behind.isMissed) this.caughtUp(run, queue);
    }
  }

  private caughtUp(run: number, queue: RunQueue): void {
    // Those records are neither in memory nor in the journal yet.
    if (!queue.drafts.isEmpty) return;
    queue.behind = undefined;
    this.runs.delete(run);
    this.onEnd(queue);
  }

  private take({ record, place }: JournalRead, next: Place): void {
    const queue = this.runs.get(record.run);
    const behind = queue?.behind;
    if (queue === undefined || behind === undefined) return;
    if (!this.coalescer.hasRoomFor(queue)) {
      behind.isMissed = true;
      behind.from = place;
      return;
    }
    // Behind damage a reader does not know what the next one should be.
    behind.from = { ...next, sequence: Math.max(next.sequence, place.sequence + 1) };
    this.fillIn(queue, record, behind.readTo);
    if (place.sequence >= behind.last) this.caughtUp(record.run, queue);
  }

  private fillIn(queue: RunQueue, record: JournalRecord, readTo: number): void {
    if (record.kind === 'items') this.fillItems(queue, record, readTo);
    else if (record.kind === 'ended') this.fillEnd(queue, record);
  }

  private fillItems(queue: RunQueue, { items, firstSeq, lastSeq }: RunItems, readTo: number): void {
    // Frames have one item for each record, or hold items of one record alone.
    const isOneEach = items.length === ((lastSeq - firstSeq + 1) | 0);
    for (const [i, item] of items.entries()) {
      const seq = isOneEach ? (firstSeq + i) >>> 0 : firstSeq;
      if (reached(readTo, seq)) continue;
      this.coalescer.add(queue, seq, INLINE, item);
      if (isOneEach) this.coalescer.complete(queue, seq, undefined);
    }
    if (!isOneEach && reached(lastSeq, firstSeq) && !reached(readTo, lastSeq)) this.coalescer.complete(queue, lastSeq, undefined);
  }

  private fillEnd(queue: RunQueue, { status, endTime, seq }: RunEnded): void {
    this.coalescer.push(queue, { kind: 'end', request: { status, endTime }, seq, stretch: undefined });
  }
}

function isBefore(place: Place | undefined, other: Place): boolean {
  return place !== undefined && place.sequence < other.sequence;
}
