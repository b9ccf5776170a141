import { reached } from '../ring/layout.js';
import type { Item } from '../store/store.js';
import type { Refused } from './pending-batch.js';
import type { EndRequest } from './task.js';

/**
 * Records of a run for one frame of the journal. Either one item a record, or (a config file, a param with its tags) all
 * items of the record `firstSeq`, which ends in it or goes on in the next; or records of which nothing is to be stored.
 */
export interface ItemsDraft {
  readonly kind: 'items';
  readonly firstSeq: number;
  /** One before `firstSeq`: the record has not ended. */
  lastSeq: number;
  readonly items: Item[];
}

/** The run itself: how it is made stands with the queue. */
export interface OpenedDraft {
  readonly kind: 'opened';
  readonly lastSeq: number;
}

export interface EndedDraft {
  readonly kind: 'ended';
  readonly lastSeq: number;
  readonly request: EndRequest;
}

export type Draft = ItemsDraft | OpenedDraft | EndedDraft;

/** A frame is held in memory as a whole when it is read. */
const MAX_ITEMS = 4096;
const MAX_UNITS: number = 2 ** 18;

/** What of a run has been taken from the ring and is not in the journal, in the order taken. */
export class Drafts {
  private list: Draft[] = [];
  /** Records among them that came to nothing, and of which the caller has not been told. */
  refused: Refused[] = [];
  private units = 0;
  /** What stands in the last draft. */
  private shape: 'one' | 'parts' | 'none' = 'none';

  get isEmpty(): boolean {
    return this.list.length === 0;
  }

  get all(): readonly Draft[] {
    return this.list;
  }

  opened(seq: number): void {
    this.list.push({ kind: 'opened', lastSeq: seq });
  }

  ended(seq: number, request: EndRequest): void {
    this.list.push({ kind: 'ended', lastSeq: seq, request });
  }

  /** A record of one item. */
  add(seq: number, item: Item): void {
    const draft = this.goesOn('one', seq) ?? this.begin('one', seq, seq);
    draft.items.push(item);
    draft.lastSeq = seq;
    this.count(item);
  }

  /** One item of a record that has many. */
  addPart(seq: number, item: Item): void {
    let draft = this.last;
    if (draft === undefined || this.shape !== 'parts' || draft.firstSeq !== seq || this.isFull(draft)) {
      draft = this.begin('parts', seq, (seq - 1) >>> 0);
    }
    draft.items.push(item);
    this.count(item);
  }

  /** The record of which parts were added ends here. */
  endParts(seq: number): void {
    const draft = this.last;
    if (draft !== undefined && this.shape === 'parts' && draft.firstSeq === seq) {
      draft.lastSeq = seq;
      this.shape = 'none';
    } else {
      this.addNothing(seq);
    }
  }

  /** A record of which nothing is to be stored. */
  addNothing(seq: number): void {
    const draft = this.goesOn('none', seq) ?? this.begin('none', seq, seq);
    draft.lastSeq = seq;
  }

  /** They are in the journal. */
  took(count: number): void {
    this.list.splice(0, count);
  }

  /** What has settled need not go there any more. */
  settled(seq: number): void {
    let done = 0;
    for (const draft of this.list) {
      const needed = draft.kind === 'items' && !reached(draft.lastSeq, draft.firstSeq) ? draft.firstSeq : draft.lastSeq;
      if (!reached(seq, needed)) break;
      done++;
    }
    if (done > 0) this.list.splice(0, done);
    if (this.refused.length > 0) this.refused = this.refused.filter((refused) => !reached(seq, refused.seq));
  }

  private get last(): ItemsDraft | undefined {
    const draft = this.list[this.list.length - 1];
    return draft?.kind === 'items' ? draft : undefined;
  }

  private goesOn(shape: 'one' | 'none', seq: number): ItemsDraft | undefined {
    const draft = this.last;
    if (draft === undefined || this.shape !== shape || ((seq - draft.lastSeq) | 0) !== 1 || this.isFull(draft)) return undefined;
    // One that ended the parts of a record has items, and they are not of the records behind it.
    return shape === 'none' && draft.items.length > 0 ? undefined : draft;
  }

  private begin(shape: 'one' | 'parts' | 'none', firstSeq: number, lastSeq: number): ItemsDraft {
    const draft: ItemsDraft = { kind: 'items', firstSeq, lastSeq, items: [] };
    this.list.push(draft);
    this.shape = shape;
    this.units = 0;
    return draft;
  }

  private count(item: Item): void {
    this.units += item.key.length + (item.kind === 'metric' ? 8 : item.value.length);
  }

  private isFull(draft: ItemsDraft): boolean {
    return draft.items.length >= MAX_ITEMS || this.units >= MAX_UNITS;
  }
}
