/**
 * What the worker tells the caller's thread besides cursors, through a second ring that runs the other
 * way: which records failed and why, which id the store chose for a run, and how the store does. In shared
 * memory, so that it can be read in a synchronous loop and in an exit hook, and is there before the cursor
 * that passes the record.
 *
 * The text is JSON: `[count, [code, fields]]`, or `[count]` when the details had no room; that one record
 * failed, the most frequent of these, is the empty text.
 */
import { fromWire, type HeadraceError, toWire, type WireError } from '../errors.js';
import { RingConsumer } from '../ring/consumer.js';
import { INLINE } from '../ring/key-table.js';
import { EMPTY, NO_ROOM } from '../ring/layout.js';
import { RingProducer } from '../ring/producer.js';
import { Kind, RecordReader, type RunSlot, TOO_LARGE, writeTextRecord } from '../ring/record.js';

/** Several thousand failures with details between two looks of the caller's thread. */
export const VERDICT_RING_BYTES: number = 2 ** 20;

/** Above this share of the ring only the bare fact is told, so that facts have room for longer than details. */
const DETAIL_BYTES = (VERDICT_RING_BYTES / 4) * 3;

export class VerdictWriter {
  private readonly ring: RingProducer;
  private isUnread = false;

  constructor(buffer: SharedArrayBuffer) {
    this.ring = new RingProducer(buffer);
  }

  /** `count` records of a run, from `seq` on, are refused. False: no room, even for the fact; try again later. */
  failed(slot: RunSlot, seq: number, count: number, error: HeadraceError): boolean {
    if (this.ring.used < DETAIL_BYTES && this.write(Kind.Failed, slot, seq, [count, toWire(error)])) return true;
    return this.write(Kind.Failed, slot, seq, count === 1 ? ONE : [count]);
  }

  /** The store has made the run under an id of its own. False: no room; try again later. */
  created(slot: RunSlot, storeId: string): boolean {
    return this.write(Kind.Created, slot, 0, [0, [storeId, {}]]);
  }

  /** The store did not take a batch for now. Told as far as there is room: the next try tells again. */
  down(error: HeadraceError): void {
    this.write(Kind.Down, 0, 0, [0, toWire(error)]);
  }

  up(): void {
    this.write(Kind.Up, 0, 0, [0]);
  }

  /** Something went wrong, and no record failed for it. */
  trouble(error: HeadraceError): void {
    this.write(Kind.Trouble, 0, 0, [0, toWire(error)]);
  }

  /** Something the user should read, and no failure. */
  notice(text: string): void {
    this.write(Kind.Notice, 0, 0, [0, [text, {}]]);
  }

  /** Its reader is no more: whatever is told from now on is as good as read. */
  leaveUnread(): void {
    this.isUnread = true;
  }

  /** Makes what was written visible. True: the caller's thread wants a message for it. */
  publish(): boolean {
    return this.ring.publish() && this.ring.takeParked();
  }

  private write(kind: Kind, slot: RunSlot, seq: number, verdict: Verdict): boolean {
    if (this.isUnread) return true;
    const text = verdict === ONE ? '' : JSON.stringify(verdict);
    const written = writeTextRecord(this.ring, kind, slot, INLINE, '', seq, text);
    if (written < 0 && written !== NO_ROOM && written !== TOO_LARGE)
      throw new Error(`a verdict could not be written (${written})`);
    return written >= 0;
  }
}

/** How many records, and what about them. */
type Verdict = readonly [count: number, wire?: WireError];

const ONE: Verdict = [1];

export interface VerdictListener {
  /** `error` is undefined when its details had no room. `seq` is the low half of the first record's. */
  onFailed(slot: RunSlot, seq: number, count: number, error: HeadraceError | undefined): void;
  onCreated(slot: RunSlot, storeId: string): void;
  onDown(error: HeadraceError): void;
  onUp(): void;
  onTrouble(error: HeadraceError): void;
  onNotice(text: string): void;
}

export class VerdictReader {
  private readonly ring: RingConsumer;
  private readonly record: RecordReader;

  constructor(buffer: SharedArrayBuffer) {
    this.ring = new RingConsumer(buffer);
    this.record = new RecordReader(this.ring);
  }

  /** Takes everything that has been told. */
  drain(listener: VerdictListener): void {
    for (let offset = this.ring.next(); offset !== EMPTY; offset = this.ring.next()) {
      const kind = this.record.kind(offset);
      const slot = this.record.run(offset);
      const seq = this.record.seq(offset);
      const text = this.record.text(offset);
      this.ring.release(this.ring.position);
      // Our own worker wrote it, by `write` above.
      const [count, wire] = text === '' ? ONE : (JSON.parse(text) as Verdict);
      if (kind === Kind.Up) listener.onUp();
      else if (kind === Kind.Failed) listener.onFailed(slot, seq, count, wire && fromWire(wire));
      else if (kind === Kind.Created && wire) listener.onCreated(slot, wire[0]);
      else if (kind === Kind.Down && wire) listener.onDown(fromWire(wire));
      else if (kind === Kind.Trouble && wire) listener.onTrouble(fromWire(wire));
      else if (kind === Kind.Notice && wire) listener.onNotice(wire[0]);
    }
  }

  /** Asks for a message at the next verdict. False: there is one already. */
  askForMessage(): boolean {
    return this.ring.park();
  }
}
