import { type HeadraceError, LogFailuresError } from './errors.js';
import { FailureLog, type Failures } from './failures.js';
import type { RunTable } from './lane/run-table.js';
import type { RunSlot } from './ring/record.js';

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
  /** First record whose failure rejects it; above `to` for one that only waits. */
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
  private waiters: Waiter[] = [];
  private sorted = true;
  /** Waiters that keep the process alive. */
  private holding = 0;
  private readonly refusals: CallerRefusal[] = [];
  private refusalsForgotten = 0;
  /** Records refused by the caller's side. */
  refusedCount = 0;
  /** Set when the run's last record has settled: the cell in the table may belong to another run by then. */
  private closed = false;
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

  /** Counts of what the user logged: the records that make and end the run are not among them. */
  counts(): Counts {
    const settled = this.settled();
    this.source.drainFailures();
    const ended = this.endSeq !== 0 ? 1 : 0;
    const endSettled = this.endSeq !== 0 && settled >= this.endSeq ? 1 : 0;
    const failed = this.failures.count - this.failedControls(endSettled === 1);
    const accepted = this.issued - CREATION_SEQ - ended;
    const done = Math.max(0, settled - CREATION_SEQ - endSettled);
    // A failure may be told ahead of the cursor: such a record is no longer pending.
    const landed = Math.max(0, done - failed);
    return { accepted, landed, failed: failed + this.refusedCount, pending: accepted - landed - failed };
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

  refuse(error: HeadraceError): CallerRefusal {
    const refusal = { error, known: false };
    this.refusedCount++;
    if (this.refusals.length < MAX_REFUSALS) this.refusals.push(refusal);
    else this.refusalsForgotten++;
    return refusal;
  }

  state(from: number, to: number): 'accepted' | 'landed' | 'failed' {
    const settled = this.settled();
    this.source.drainFailures();
    if (this.failures.has(from, Math.min(to, settled))) return 'failed';
    return settled >= to ? 'landed' : 'accepted';
  }

  /** Resolves when the records `from` to `to` have landed; rejects when one of them failed, after all have settled. */
  outcome(from: number, to: number, asGroup: boolean): Promise<void> {
    return new Promise((resolve, reject) => this.wait({ from, to, asGroup, holds: true, resolve, reject }));
  }

  /**
   * Resolves when everything issued so far has settled, one way or the other. Doesn't keep the process alive: who
   * waits for a limited time does so by its timer, and what goes on behind holds nobody.
   */
  whenSettled(): Promise<void> {
    const to = this.issued;
    return new Promise((resolve, reject) => this.wait({ from: to + 1, to, asGroup: false, holds: false, resolve, reject }));
  }

  get hasWaiters(): boolean {
    return this.waiters.length > 0;
  }

  /** Settles who can be settled. The lane calls it when cursors may have moved. */
  settleWaiters(): void {
    if (this.waiters.length === 0) return;
    const settled = this.settled();
    this.source.drainFailures();
    if (!this.sorted) {
      this.waiters.sort((a, b) => a.to - b.to);
      this.sorted = true;
    }
    let done = 0;
    while (done < this.waiters.length && (this.waiters[done] as Waiter).to <= settled) done++; // below length
    if (done === 0) return;
    const ready = this.waiters.slice(0, done);
    this.waiters = this.waiters.slice(done);
    for (const waiter of ready) {
      if (waiter.holds && --this.holding === 0) this.source.release();
      this.settle(waiter);
    }
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

  private wait(waiter: Waiter): void {
    if (this.settled() >= waiter.to) {
      this.source.drainFailures();
      this.settle(waiter);
      return;
    }
    const last = this.waiters.at(-1);
    if (last !== undefined && last.to > waiter.to) this.sorted = false;
    this.waiters.push(waiter);
    if (waiter.holds && ++this.holding === 1) this.source.hold();
    if (this.waiters.length === 1) this.source.awaitSettlement(this);
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
