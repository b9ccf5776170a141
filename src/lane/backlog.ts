import type { HeadraceError } from '../errors.js';
import { type JournalRead, JournalReader, type Place } from '../journal/reader.js';
import type { JournalRecord, RunEnded, RunItems } from '../journal/record.js';
import type { Skipped } from '../journal/segment-reader.js';
import { INLINE } from '../ring/key-table.js';
import { reached } from '../ring/layout.js';
import type { Behind } from './behind.js';
import type { Coalescer } from './coalescer.js';
import type { RunQueue } from './run-queue.js';

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
  private readonly lost: (() => HeadraceError) | undefined;
  /** Something of this pass could not be read. */
  private hasSkipped = false;
  /** Sequence of the last frame of this pass, and of the last one before which some are missing. */
  private seen = 0;
  private behindGap = 0;
  /** By number in the journal. */
  private readonly runs = new Map<number, RunQueue>();
  private reader: JournalReader | undefined;

  /**
   * `isWritten`: false while frames that were appended can't be read yet. `lost`: what becomes of records that were there
   * and can't be read. Undefined: nobody waits for them, and `onSkip` says enough.
   */
  constructor(parts: {
    folder: string;
    coalescer: Coalescer;
    isWritten: () => boolean;
    onSkip: (skipped: Skipped) => void;
    onEnd?: (queue: RunQueue) => void;
    lost?: () => HeadraceError;
  }) {
    this.folder = parts.folder;
    this.coalescer = parts.coalescer;
    this.isWritten = parts.isWritten;
    this.onSkip = (skipped) => {
      this.hasSkipped = true;
      parts.onSkip(skipped);
    };
    this.onEnd = parts.onEnd ?? (() => {});
    this.lost = parts.lost;
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
    this.hasSkipped = false;
    this.seen = from.sequence - 1;
    this.behindGap = 0;
    return new JournalReader(this.folder, {
      from,
      wants: ({ run }, sequence) => {
        if (sequence > this.seen + 1) this.behindGap = sequence;
        this.seen = sequence;
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
    const { behind } = queue;
    if (behind !== undefined) this.passTo(queue, behind, queue.takenTo);
    queue.behind = undefined;
    this.runs.delete(run);
    this.onEnd(queue);
  }

  private take({ record, place }: JournalRead, next: Place): void {
    const queue = this.runs.get(record.run);
    const behind = queue?.behind;
    if (queue === undefined || behind === undefined) return;
    // Its last one is damaged, and this one tells the run anew.
    if (place.sequence > behind.last) {
      this.caughtUp(record.run, queue);
      return;
    }
    // A segment that is collected leaves a gap as well.
    if (this.hasSkipped && behind.from !== undefined && this.behindGap > behind.from.sequence) behind.isDoubtful = true;
    if (!this.coalescer.hasRoomFor(queue)) {
      behind.isMissed = true;
      behind.from = place;
      return;
    }
    // Behind damage a reader does not know what the next one should be.
    behind.from = { ...next, sequence: Math.max(next.sequence, place.sequence + 1) };
    this.fillIn(queue, behind, record);
    behind.isDoubtful = false;
    if (place.sequence >= behind.last) this.caughtUp(record.run, queue);
  }

  private fillIn(queue: RunQueue, behind: Behind, record: JournalRecord): void {
    if (record.kind === 'items') this.fillItems(queue, behind, record);
    else if (record.kind === 'ended') this.fillEnd(queue, behind, record);
  }

  private fillItems(queue: RunQueue, behind: Behind, { items, firstSeq, lastSeq }: RunItems): void {
    this.passTo(queue, behind, (firstSeq - 1) >>> 0);
    // Frames have one item for each record, or hold items of one record alone.
    const isOneEach = items.length === ((lastSeq - firstSeq + 1) | 0);
    // Of a record in several frames: it may be one of those.
    if (behind.isDoubtful && this.lost !== undefined && items.length > 0 && !isOneEach)
      this.coalescer.refuse(queue, firstSeq, this.lost());
    for (const [i, item] of items.entries()) {
      const seq = isOneEach ? (firstSeq + i) >>> 0 : firstSeq;
      if (reached(behind.readTo, seq)) continue;
      this.coalescer.add(queue, seq, INLINE, item);
      if (isOneEach) this.coalescer.complete(queue, seq, undefined);
    }
    // One that goes on in the next frame.
    if (!reached(lastSeq, firstSeq) || reached(behind.readTo, lastSeq)) return;
    if (!isOneEach) this.coalescer.complete(queue, lastSeq, undefined);
    behind.readTo = lastSeq;
  }

  private fillEnd(queue: RunQueue, behind: Behind, { status, endTime, seq }: RunEnded): void {
    this.passTo(queue, behind, (seq - 1) >>> 0);
    this.coalescer.push(queue, { kind: 'end', request: { status, endTime }, seq, stretch: undefined });
    behind.readTo = seq;
  }

  /** Seqs of a run follow each other, so what is missing up to this one was in frames that are damaged. */
  private passTo(queue: RunQueue, behind: Behind, seq: number): void {
    if (this.lost === undefined || reached(behind.readTo, seq)) return;
    const error = this.lost();
    while (!reached(behind.readTo, seq)) {
      const missing = (behind.readTo + 1) >>> 0;
      const { ending } = queue;
      if (ending?.seq === missing) {
        this.coalescer.push(queue, { kind: 'end', request: ending.request, seq: missing, stretch: undefined });
      } else {
        // It would be passed by what is behind it, and so count as landed.
        this.coalescer.refuse(queue, missing, error);
        this.coalescer.complete(queue, missing, undefined);
      }
      behind.readTo = missing;
    }
  }
}

function isBefore(place: Place | undefined, other: Place): boolean {
  return place !== undefined && place.sequence < other.sequence;
}
