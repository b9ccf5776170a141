import type { RecordState } from './api.js';
import { type HeadraceError, LogFailuresError } from './errors.js';
import { FailureLog, type Failures } from './failures.js';
import type { RunTable } from './lane/run-table.js';
import type { RunSlot } from './ring/record.js';
import { WaitList } from './wait-list.js';

/** What a ledger needs of its lane. */
export interface SettlementSource {
  /** Takes over every failure told so far. To be called between reading a cursor and believing it. */
  drainFailures(): void;
  /** Somebody waits for this ledger: call its `settleWaiters` when cursors move. */
  awaitSettlement(ledger: Ledger): void;
  /** Keep the process alive until as many `release` as `hold` were called. */
  hold(): void;
  release(): void;
}

/** A record that the caller's side refused; it has no seq. */
export interface CallerRefusal {
  readonly error: HeadraceError;
  /** Awaited, or named by a report. */
  known: boolean;
}

interface Waiter {
  /** First record whose failure rejects it; above `to` for one that only waits until all is settled. */
  readonly from: number;
  readonly to: number;
  readonly asGroup: boolean;
  readonly holds: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Every run's first record makes it. */
export const CREATION_SEQ = 1;

export interface Counts {
  accepted: number;
  landed: number;
  failed: number;
  pending: number;
  /** Of those pending: in the journal. */
  durable: number;
}

const NO_FAILURES: Failures = { count: 0, errors: [] };

/** Caller-side refusals kept with their error, per run; beyond it they are counted. */
const MAX_REFUSALS = 10_000;
/** Errors that one LogFailuresError or report carries. */
export const MAX_LISTED = 20;

/**
 * The accounts of one run on the caller's side: what was issued, how far it has settled, what failed,
 * who waits. A seq counts the run's records from 1 and never wraps here; shared memory holds its low half.
 */
export class Ledger {
  readonly runId: string;
  readonly slot: RunSlot;
  readonly failures: FailureLog;
  /** Seq of the last accepted record. */
  issued = 0;
  private readonly table: RunTable;
  private readonly source: SettlementSource;
  private readonly forLanding = new WaitList<Waiter>();
  private readonly forDurability = new WaitList<Waiter>();
  /** Waiters that keep the process alive. */
  private holding = 0;
  private readonly refusals: CallerRefusal[] = [];
  private refusalsForgotten = 0;
  /** Records refused by the caller's side. */
  refusedCount = 0;
  /** Set when the run's last record has settled: the cell in the table may belong to another run by then. */
  private closed = false;
  /** Why what has not settled never will in this process. */
  private leftBehind: HeadraceError | undefined;
  /** Seq of the record that ends the run; 0 while there is none. */
  endSeq = 0;

  constructor(runId: string, slot: RunSlot, table: RunTable, source: SettlementSource) {
    this.runId = runId;
    this.slot = slot;
    this.table = table;
    this.source = source;
    this.failures = new FailureLog(runId);
  }

  /** The store has made the run under an id of its own. */
  created(storeId: string): void {
    this.failures.storeId = storeId;
  }

  /** The id that the store chose, as far as this thread has read; none for a store that takes ours. */
  get storeId(): string | undefined {
    return this.failures.storeId;
  }

  /** The run's id in the store; undefined while it is not made. */
  idInStore(): string | undefined {
    if (this.settled() < CREATION_SEQ) return undefined;
    // Told before the cursor passed the creation, so it is there to be read by now.
    this.source.drainFailures();
    return this.storeId ?? this.runId;
  }

  /** Everything up to this seq has landed or failed. */
  settled(): number {
    return this.closed ? this.issued : this.whole(this.table.settled(this.slot));
  }

  /** Everything up to this seq is in the journal, or has settled. */
  durable(): number {
    return this.closed ? this.issued : Math.max(this.settled(), this.whole(this.table.journaled(this.slot)));
  }

  /** Something is in the journal and has not settled. */
  get isKept(): boolean {
    return this.settled() < this.durable();
  }

  /** The seq of this run, at most the last issued, that has these low 32 bits. */
  whole(low: number): number {
    return this.issued - ((this.issued - low) >>> 0);
  }

  close(): void {
    this.closed = true;
  }

  get hasEnded(): boolean {
    return this.endSeq !== 0 && this.settled() >= this.endSeq;
  }

  get endIsDurable(): boolean {
    return this.endSeq !== 0 && this.durable() >= this.endSeq;
  }

  /** Counts of what the user logged: the records that make and end the run are not among them. */
  counts(): Counts {
    const settled = this.settled();
    const durable = this.durable();
    this.source.drainFailures();
    const ended = this.endSeq !== 0 ? 1 : 0;
    const endSettled = this.endSeq !== 0 && settled >= this.endSeq ? 1 : 0;
    const endDurable = this.endSeq !== 0 && durable >= this.endSeq ? 1 : 0;
    const failed = this.failures.count - this.failedControls(endSettled === 1);
    const accepted = this.issued - CREATION_SEQ - ended;
    // A failure may be told ahead of the cursor: such a record is no longer pending.
    const landed = Math.max(0, settled - CREATION_SEQ - endSettled - failed);
    const safe = Math.max(landed, durable - CREATION_SEQ - endDurable - failed);
    return {
      accepted,
      landed,
      failed: failed + this.refusedCount,
      pending: accepted - landed - failed,
      durable: safe - landed,
    };
  }

  private failedControls(endSettled: boolean): number {
    if (this.failures.count === 0) return 0;
    const creation = this.failures.has(CREATION_SEQ, CREATION_SEQ) ? 1 : 0;
    return creation + (endSettled && this.failures.has(this.endSeq, this.endSeq) ? 1 : 0);
  }

  /** Nothing will ever land again: what has not settled fails with `error`. */
  failRest(error: HeadraceError): void {
    const from = this.settled() + 1;
    if (from <= this.issued) this.failures.add(from, this.issued, error);
    this.closed = true;
    this.settleWaiters();
  }

  /** Nobody takes anything more: what is not durable fails with `error`, and what is in the journal is left to another. */
  cutOff(error: HeadraceError): void {
    const from = this.durable() + 1;
    if (!this.isKept) {
      this.failRest(error);
      return;
    }
    if (from <= this.issued) this.failures.add(from, this.issued, error);
    this.leaveBehind(error);
  }

  refuse(error: HeadraceError): CallerRefusal {
    const refusal = { error, known: false };
    this.refusedCount++;
    if (this.refusals.length < MAX_REFUSALS) this.refusals.push(refusal);
    else this.refusalsForgotten++;
    return refusal;
  }

  /** This process will settle nothing more: what is in the journal is left to another, and who waits for it is told `reason`. */
  leaveBehind(reason: HeadraceError): void {
    this.settleWaiters();
    this.leftBehind = reason;
    for (const waiter of this.forLanding.take(this.issued)) this.turnAway(waiter, reason);
  }

  state(from: number, to: number): RecordState {
    const settled = this.settled();
    const durable = this.durable();
    this.source.drainFailures();
    if (this.failures.has(from, Math.min(to, durable))) return 'failed';
    if (settled >= to) return 'landed';
    return durable >= to ? 'durable' : 'accepted';
  }

  /** Resolves when the records `from` to `to` have landed; rejects when one of them failed, after all have settled. */
  outcome(from: number, to: number, asGroup: boolean): Promise<void> {
    return new Promise((resolve, reject) =>
      this.wait(this.forLanding, this.settled(), { from, to, asGroup, holds: true, resolve, reject }),
    );
  }

  /** The same for their durability: what the store refuses later is not known by then. */
  durability(from: number, to: number, asGroup: boolean): Promise<void> {
    return new Promise((resolve, reject) =>
      this.wait(this.forDurability, this.durable(), { from, to, asGroup, holds: true, resolve, reject }),
    );
  }

  /**
   * Resolves when everything issued so far has settled, one way or the other. Doesn't keep the process alive: who
   * waits for a limited time does so by its timer, and what goes on behind holds nobody.
   */
  whenSettled(): Promise<void> {
    const to = this.issued;
    return new Promise((resolve, reject) =>
      this.wait(this.forLanding, this.settled(), { from: to + 1, to, asGroup: false, holds: false, resolve, reject }),
    );
  }

  get hasWaiters(): boolean {
    return this.forLanding.size > 0 || this.forDurability.size > 0;
  }

  /** Settles who can be settled. The lane calls it when cursors may have moved. */
  settleWaiters(): void {
    if (!this.hasWaiters) return;
    const settled = this.settled();
    const durable = this.durable();
    this.source.drainFailures();
    for (const waiter of this.forLanding.take(settled)) this.answer(waiter);
    for (const waiter of this.forDurability.take(durable)) this.answer(waiter);
  }

  /** Failures that nobody awaited and nobody was told of; each is given out once. */
  takeUnreported(): Failures {
    this.source.drainFailures();
    const { count, errors } = this.failures.takeUnreported(MAX_LISTED);
    const unseen = this.refusals.filter((refusal) => !refusal.known);
    const forgotten = this.refusalsForgotten;
    this.refusals.length = 0;
    this.refusalsForgotten = 0;
    for (const refusal of unseen) refusal.known = true;
    return {
      count: count + unseen.length + forgotten,
      errors: [...errors, ...unseen.map((refusal) => refusal.error)].slice(0, MAX_LISTED),
    };
  }

  private wait(waiters: WaitList<Waiter>, cursor: number, waiter: Waiter): void {
    if (cursor >= waiter.to) {
      this.source.drainFailures();
      this.settle(waiter);
      return;
    }
    const isFirst = !this.hasWaiters;
    waiters.add(waiter);
    if (waiter.holds && ++this.holding === 1) this.source.hold();
    if (this.leftBehind !== undefined) this.leaveBehind(this.leftBehind);
    else if (isFirst) this.source.awaitSettlement(this);
  }

  private answer(waiter: Waiter): void {
    this.letGo(waiter);
    this.settle(waiter);
  }

  private turnAway(waiter: Waiter, reason: HeadraceError): void {
    this.letGo(waiter);
    // Who waits for all of it asked how long that takes, not how it went.
    if (waiter.from <= waiter.to) waiter.reject(reason);
  }

  private letGo(waiter: Waiter): void {
    if (waiter.holds && --this.holding === 0) this.source.release();
  }

  private settle(waiter: Waiter): void {
    const { count, errors } = waiter.from > waiter.to ? NO_FAILURES : this.failures.observe(waiter.from, waiter.to);
    const [first] = errors;
    // A run that could not be made fails its records for the same reason: who saw that has seen this.
    if (first !== undefined) this.failures.observe(CREATION_SEQ, CREATION_SEQ);
    if (first === undefined) waiter.resolve();
    else if (waiter.asGroup || errors.length > 1)
      waiter.reject(new LogFailuresError({ errors, count: Math.max(count, errors.length) }));
    else waiter.reject(first);
  }
}
