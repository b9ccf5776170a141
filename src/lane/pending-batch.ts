import type { HeadraceError } from '../errors.js';
import type { BatchLimits } from '../options.js';
import { INLINE, type KeyId, MAX_KEYS } from '../ring/key-table.js';
import type { Position } from '../ring/layout.js';
import type { Item } from '../store/store.js';

/** Records taken from the ring in one go. When all of them have settled, the ring gets their bytes back. */
export interface Stretch {
  end: Position;
  /** Records that have not settled. */
  left: number;
}

/** A record that came to nothing before the store saw it. */
export interface Refused {
  readonly seq: number;
  readonly error: HeadraceError;
  /** What the store refused; a record may have several items. Undefined: it has not seen it. */
  readonly item?: Item | undefined;
}

/**
 * For each interned key the batch that holds a param of it, and which item that is. One pair of arrays
 * for the whole lane: batches are numbered, so nothing has to be cleared, and no text is hashed.
 */
export class ParamPlaces {
  private readonly batches: Float64Array = new Float64Array(MAX_KEYS + 1);
  private readonly items: Int32Array = new Int32Array(MAX_KEYS + 1);
  private given = 0;

  nextBatch(): number {
    return ++this.given;
  }

  find(batch: number, key: KeyId): number {
    return this.batches[key] === batch ? (this.items[key] as number) : -1; // ids are within the arrays
  }

  set(batch: number, key: KeyId, item: number): void {
    this.batches[key] = batch;
    this.items[key] = item;
  }
}

/** Consecutive records of one run that can go to the store together: no key twice, unless with the same value. */
export class PendingBatch {
  readonly kind = 'batch';
  readonly items: Item[] = [];
  /** Seq of each item's record. Several items may come from one record (a config file). */
  readonly seqs: number[] = [];
  /** Records whose param an earlier item of this batch carries already: `seq, item, seq, item, …` */
  readonly repeats: number[] = [];
  readonly refused: Refused[] = [];
  readonly firstSeq: number;
  /** The last record that ends in this batch; one before `firstSeq` when none does. */
  lastSeq: number;
  readonly firstAt: number;
  /** Where in the ring these records stand, in the order taken. */
  readonly stretches: { readonly stretch: Stretch; count: number }[] = [];
  private readonly number: number;
  private readonly places: ParamPlaces;
  private readonly limits: BatchLimits;
  private readonly inline = new Map<string, number>();
  private params = 0;
  private metrics = 0;
  private tags = 0;
  private bytes = 0;
  private closed = false;

  constructor(places: ParamPlaces, limits: BatchLimits, firstSeq: number, now: number) {
    this.places = places;
    this.limits = limits;
    this.number = places.nextBatch();
    this.firstSeq = firstSeq;
    this.lastSeq = (firstSeq - 1) >>> 0;
    this.firstAt = now;
  }

  /** No more records: the next one begins another batch. */
  close(): void {
    this.closed = true;
  }

  get full(): boolean {
    return this.closed;
  }

  /**
   * False: it doesn't go into this batch any more. Of a param a value is judged only against one that is stored, so
   * another value of the same key waits for the next batch. `id` is a param's key, if it has been interned.
   */
  add(seq: number, id: KeyId, item: Item): boolean {
    switch (item.kind) {
      case 'metric':
        if (!this.takes(item.key.length + 16, this.metrics, this.limits.maxMetrics)) return false;
        this.metrics++;
        break;
      case 'tag':
        if (!this.takes(item.key.length + item.value.length, this.tags, this.limits.maxTags)) return false;
        this.tags++;
        break;
      case 'param': {
        const { key, value } = item;
        const place = this.placeOf(id, key);
        if (place >= 0) return this.repeat(seq, place, value);
        if (!this.takes(key.length + value.length, this.params, this.limits.maxParams)) return false;
        this.params++;
        if (id === INLINE) this.inline.set(key, this.items.length);
        else this.places.set(this.number, id, this.items.length);
      }
    }
    this.items.push(item);
    this.seqs.push(seq);
    return true;
  }

  private repeat(seq: number, place: number, value: string): boolean {
    if (this.closed || this.items[place]?.value !== value) return false;
    this.repeats.push(seq, place);
    return true;
  }

  addRefused(seq: number, error: HeadraceError): boolean {
    if (this.closed) return false;
    this.refused.push({ seq, error });
    return true;
  }

  /** All of the record is in this batch or in earlier ones. */
  complete(seq: number, stretch: Stretch | undefined): void {
    this.lastSeq = seq;
    if (stretch === undefined) return;
    const last = this.stretches[this.stretches.length - 1];
    if (last !== undefined && last.stretch === stretch) last.count++;
    else this.stretches.push({ stretch, count: 1 });
  }

  /** A key travels inline until it is interned, so an interned one may stand in the batch by its text. */
  private placeOf(id: KeyId, key: string): number {
    const place = id === INLINE ? -1 : this.places.find(this.number, id);
    if (place >= 0 || this.inline.size === 0) return place;
    return this.inline.get(key) ?? -1;
  }

  private takes(bytes: number, ofKind: number, most: number): boolean {
    if (this.closed) return false;
    if (
      ofKind >= most ||
      this.items.length >= this.limits.maxEntities ||
      (this.bytes + bytes > this.limits.maxBytes && this.bytes > 0)
    ) {
      this.closed = true;
      return false;
    }
    this.bytes += bytes;
    return true;
  }
}
