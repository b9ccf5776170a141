import { ForgottenFailureError, type HeadraceError } from './errors.js';
import { SeqSet } from './seq-set.js';

/** Refusals of one run that are kept with their error; about 1 KiB each. */
const MAX_DETAILS = 10_000;

/** One refusal: of one record, or of consecutive ones refused for the same reason. */
class Refusal {
  readonly from: number;
  readonly to: number;
  readonly error: HeadraceError;
  /** Seqs whose receipt was awaited. */
  private readonly observed = new Set<number>();
  private reported = false;

  constructor(from: number, to: number, error: HeadraceError) {
    this.from = from;
    this.to = to;
    this.error = error;
  }

  observe(seq: number): void {
    if (!this.reported) this.observed.add(seq);
  }

  /** True when whoever could ask for it has been told. */
  get known(): boolean {
    return this.reported || this.observed.size === this.to - this.from + 1;
  }

  /** How many of its records nobody awaited and no report named; none the second time. */
  takeUnreported(): number {
    if (this.reported) return 0;
    this.reported = true;
    const count = this.to - this.from + 1 - this.observed.size;
    this.observed.clear();
    return count;
  }
}

export interface Failures {
  /** Records refused; may exceed `errors.length`, as consecutive ones may share an error. */
  readonly count: number;
  readonly errors: readonly HeadraceError[];
}

/**
 * Which records of a run were refused, and why. Past a bound the reasons are forgotten, the facts never.
 * Refusals arrive in the order of their seq, except that a worker which takes over tells again what its
 * predecessor told behind the cursor, and that a lane which gives up fails everything behind it.
 */
export class FailureLog {
  private readonly runId: string;
  /** The run's id in the store, where that is another. */
  storeId: string | undefined;
  /** By seq. Several for one record: the params of a config file. */
  private details: Refusal[] = [];
  /** Refused, and the reason is not kept. */
  private readonly forgotten = new SeqSet();
  /** Of the forgotten: awaited, or named by a report. */
  private readonly forgottenKnown = new SeqSet();
  /** Every forgotten one up to here has been named by a report. */
  private forgottenReportedTo = 0;
  private forgottenUnreported = 0;
  private highestForgotten = 0;
  /** Looking through all details at every failure beyond the bound would stop the caller: not before so many failures. */
  private lookAgainAt = 0;
  /** Records refused. */
  count = 0;

  constructor(runId: string) {
    this.runId = runId;
  }

  /** The records `from` to `to` are refused; those of them that are known to be stay as they are. */
  add(from: number, to: number, error: HeadraceError): void {
    const last = this.details[this.details.length - 1];
    if ((last === undefined || from > last.to) && this.forgotten.size === 0) {
      this.addFresh(from, to, error);
      return;
    }
    for (let seq = from; seq <= to; seq++) this.addAgain(seq, error);
  }

  /** Records whose refusal had no room for its reason. */
  addFacts(from: number, to: number): void {
    for (let seq = from; seq <= to; seq++) {
      if (this.has(seq, seq)) continue;
      this.count++;
      this.forget(seq, false);
    }
  }

  /** What became of the records `from` to `to`; from now on their failures count as seen by whoever asked. */
  observe(from: number, to: number): Failures {
    const errors: HeadraceError[] = [];
    let count = 0;
    let counted = from - 1;
    for (let i = this.firstReaching(from); i < this.details.length; i++) {
      const refusal = this.details[i] as Refusal; // below length
      if (refusal.from > to) break;
      errors.push(refusal.error);
      const end = Math.min(to, refusal.to);
      for (let seq = Math.max(from, refusal.from); seq <= end; seq++) refusal.observe(seq);
      count += Math.max(0, end - Math.max(counted, refusal.from - 1));
      counted = end;
    }
    for (let seq = from; seq <= to && this.forgotten.size > 0; seq++) {
      if (!this.forgotten.has(seq)) continue;
      errors.push(this.forgottenFailure());
      count++;
      if (seq > this.forgottenReportedTo && this.forgottenKnown.add(seq)) this.forgottenUnreported--;
    }
    return { count, errors };
  }

  has(from: number, to: number): boolean {
    if (this.count === 0) return false;
    const refusal = this.details[this.firstReaching(from)];
    if (refusal !== undefined && refusal.from <= to) return true;
    for (let seq = from; seq <= to && this.forgotten.size > 0; seq++) if (this.forgotten.has(seq)) return true;
    return false;
  }

  /** What nobody awaited, once. */
  takeUnreported(limit: number): Failures {
    let count = this.forgottenUnreported;
    const errors: HeadraceError[] = [];
    for (const refusal of this.details) {
      const unseen = refusal.takeUnreported();
      if (unseen > 0 && errors.length < limit) errors.push(refusal.error);
      count += unseen;
    }
    if (this.forgottenUnreported > 0 && errors.length < limit) errors.push(this.forgottenFailure());
    this.forgottenUnreported = 0;
    this.forgottenReportedTo = this.highestForgotten;
    this.lookAgainAt = 0;
    return { count, errors };
  }

  private forgottenFailure(): ForgottenFailureError {
    return new ForgottenFailureError({ runId: this.runId, storeId: this.storeId });
  }

  private addFresh(from: number, to: number, error: HeadraceError): void {
    this.count += to - from + 1;
    if (this.details.length === MAX_DETAILS && this.count >= this.lookAgainAt) this.forgetKnown();
    if (this.details.length < MAX_DETAILS) this.details.push(new Refusal(from, to, error));
    else for (let seq = from; seq <= to; seq++) this.forget(seq, false);
  }

  /** A record that may be known already, at its place among those that are. */
  private addAgain(seq: number, error: HeadraceError): void {
    if (this.forgotten.has(seq)) return;
    let place = this.firstReaching(seq);
    let isNew = true;
    for (let refusal = this.details[place]; refusal !== undefined && refusal.from <= seq; refusal = this.details[++place]) {
      if (refusal.error.message === error.message) return;
      isNew = false;
    }
    if (isNew) this.count++;
    if (this.details.length === MAX_DETAILS && this.count >= this.lookAgainAt) {
      this.forgetKnown();
      place = this.firstReaching(seq + 1);
    }
    if (this.details.length < MAX_DETAILS) this.details.splice(place, 0, new Refusal(seq, seq, error));
    else if (isNew) this.forget(seq, false);
  }

  /** Makes room by the refusals that somebody has seen already. */
  private forgetKnown(): void {
    for (const refusal of this.details) {
      if (!refusal.known) continue;
      for (let seq = refusal.from; seq <= refusal.to; seq++) this.forget(seq, true);
    }
    this.details = this.details.filter((refusal) => !refusal.known);
    this.lookAgainAt = this.count + MAX_DETAILS;
  }

  private forget(seq: number, known: boolean): void {
    if (!this.forgotten.add(seq)) return;
    this.highestForgotten = Math.max(this.highestForgotten, seq);
    if (known) this.forgottenKnown.add(seq);
    else this.forgottenUnreported++;
  }

  /** Index of the first refusal that ends at or behind `seq`. */
  private firstReaching(seq: number): number {
    let low = 0;
    let high = this.details.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const refusal = this.details[middle] as Refusal; // below length
      if (refusal.to < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
