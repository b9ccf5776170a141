import type { HeadraceError } from '../errors.js';
import type { BatchLimits } from '../options.js';
import { INLINE, type KeyId, MAX_KEYS } from '../ring/key-table.js';
import { type Position, reached } from '../ring/layout.js';
import type { Item } from '../store/store.js';
import type { Account, CallersAccount } from './account.js';
import type { Behind } from './backlog.js';
import { Drafts } from './drafts.js';
import type { JournaledRun } from './journaled-run.js';
import type { Horizon, SharedRun } from './shared-run.js';
import type { EndRequest, RunRequest } from './task.js';

/** Records taken from the ring in one go. When all of them have settled, the ring gets their bytes back. */
export interface Stretch {
  end: Position;
  /** Records that have not settled. */
  left: number;
}

/** Makes or resumes the run. `seq` is undefined for a worker that takes over a run made by its predecessor. */
export interface Creation {
  readonly kind: 'create';
  readonly request: RunRequest;
  readonly seq: number | undefined;
  readonly stretch: Stretch | undefined;
  /** See `NewRun.mayExist`. */
  readonly mayExist: boolean;
}

/** `seq` is undefined for a run that its process left without an end. */
export interface Ending {
  readonly kind: 'end';
  readonly request: EndRequest;
  readonly seq: number | undefined;
  readonly stretch: Stretch | undefined;
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

export type Step = Creation | PendingBatch | Ending;

/** What waits to be done for one run, in the order logged. */
export class RunQueue<A extends Account = Account> {
  readonly account: A;
  readonly runId: string;
  /** What it was opened by. */
  request: RunRequest;
  readonly steps: Step[] = [];
  /** A sender works on the first step. */
  busy = false;
  /** A call of the store is under way. */
  isCalling = false;
  storeId: string | undefined;
  /** An earlier opening of the same run, whose end must be stored before this one resumes it. */
  after: RunQueue | undefined;
  ended = false;
  /** Records up to this seq may have been sent by a worker or a process that died. Low 32 bits. */
  triedTo: number | undefined;
  /** The run that this one is nested under, if it is of this lane: until it is made nobody knows its id in the store. */
  parent: RunQueue | undefined;
  /** The run could not be made: nothing of it will land. */
  fatal: HeadraceError | undefined;
  /** What was taken and is not in the journal. */
  readonly drafts: Drafts = new Drafts();
  /** The run in the journal, once something of it is there. */
  journaled: JournaledRun | undefined;
  /** Bytes that its batches take, about. */
  held = 0;
  /** Its later records are in the journal, and not here. */
  behind: Behind | undefined;
  /** A tag tells what stands between the names of its keys. */
  isSeparatorTold = false;
  /** Last record taken. Low 32 bits. */
  takenTo = 0;
  /** The record that ends it has been taken. */
  isEnding = false;
  /** What that says; a worker that takes over has to read it in the journal. */
  ending: { readonly seq: number; readonly request: EndRequest } | undefined;
  /** What other threads had published by then: it comes before the end. */
  horizon: Horizon | undefined;
  /** Its thread has died: the run ends when all others that log to it have left it. */
  endsLast = false;
  /** Who the end waits for, and up to which record. */
  private before: readonly (readonly [queue: RunQueue, seq: number])[] | undefined;
  /** Whether it is a run that another thread has made is not known yet. */
  isUnplaced = false;
  /** Other threads log to the run as well. */
  shared: SharedRun | undefined;
  /** Of a run that another thread has made: that one's queue, until its id in the store is known. */
  maker: RunQueue | undefined;

  constructor(account: A, request: RunRequest) {
    this.account = account;
    this.runId = request.id;
    this.request = request;
  }

  /** See `Batch.triedBefore`. */
  isTried({ firstSeq }: PendingBatch): boolean {
    return this.triedTo !== undefined && reached(this.triedTo, firstSeq);
  }

  /** Another thread has made the run, and ends it. */
  get isJoined(): boolean {
    return this.request.isJoined === true;
  }

  joined(): void {
    this.request = { ...this.request, isJoined: true };
    this.journaled?.describe(this.request);
    this.account.joined?.();
  }

  /** What has to come first: an earlier opening's end, the making of the run or of its parent, others that share it. */
  get mustWait(): boolean {
    if (this.after?.ended === true) this.after = undefined;
    return (
      this.after !== undefined ||
      isUnmade(this.parent) ||
      isUnmade(this.maker) ||
      this.isUnplaced ||
      this.shared?.isBusy === true ||
      (this.steps[0]?.kind === 'end' && this.mustWaitToEnd)
    );
  }

  /** Something that is published has to be taken first. */
  get isAhead(): boolean {
    return this.isUnplaced || (this.steps[0]?.kind === 'end' && this.horizon?.isPassed === false);
  }

  /** Before it ends: what other threads had published of it. */
  private get mustWaitToEnd(): boolean {
    if (this.isJoined) return false;
    if (this.horizon?.isPassed === false) return true;
    if (this.shared === undefined) return false;
    const others = [...this.shared.queues].filter((queue) => queue !== this);
    if (this.endsLast) return others.length > 0;
    this.before ??= others.map((queue) => [queue, queue.takenTo]);
    return this.before.some(([queue, seq]) => !queue.ended && !reached(queue.account.settledTo, seq));
  }
}

function isUnmade(queue: RunQueue | undefined): boolean {
  return queue !== undefined && queue.storeId === undefined && queue.fatal === undefined;
}

/** A run that this process logs. */
export type CallersQueue = RunQueue<CallersAccount>;
