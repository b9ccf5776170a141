import { ForgottenFailureError, type HeadraceError } from './errors.js';

/** Refusals of one run that are kept with their error; about 1 KiB each. */
const MAX_DETAILS = 10_000;
const CHUNK_BITS = 65_536;

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

export interface Unreported {
  readonly count: number;
  readonly errors: readonly HeadraceError[];
}

/**
 * Which records of a run were refused, and why. They arrive in the order of their seq. Past a bound the
 * reasons are forgotten, the facts never: those are one bit a record, and only where there are any.
 */
export class FailureLog {
  private readonly runId: string;
  private details: Refusal[] = [];
  private readonly facts = new Map<number, Uint8Array>();
  private forgottenUnreported = 0;
  /** Looking through all details at every failure beyond the bound would stop the caller: not before so many failures. */
  private lookAgainAt = 0;
  /** Records refused. */
  count = 0;

  constructor(runId: string) {
    this.runId = runId;
  }

  add(from: number, to: number, error: HeadraceError): void {
    const last = this.details[this.details.length - 1];
    // A worker that takes over tells again what its predecessor told behind the cursor.
    if (last !== undefined && from < last.from && this.has(from, to)) return;
    this.count += to - from + 1;
    if (this.details.length === MAX_DETAILS && this.count >= this.lookAgainAt) this.forgetKnown();
    if (this.details.length < MAX_DETAILS) {
      this.details.push(new Refusal(from, to, error));
      return;
    }
    this.forget(from, to);
  }

  /** A record whose refusal had no room for its reason. */
  addFact(seq: number): void {
    this.count++;
    this.forget(seq, seq);
  }

  /** The errors of the records `from` to `to`, and from now on they count as seen by whoever asked. */
  observe(from: number, to: number): HeadraceError[] {
    const errors: HeadraceError[] = [];
    for (let i = this.firstReaching(from); i < this.details.length; i++) {
      const refusal = this.details[i] as Refusal; // below length
      if (refusal.from > to) break;
      errors.push(refusal.error);
      for (let seq = Math.max(from, refusal.from); seq <= Math.min(to, refusal.to); seq++) refusal.observe(seq);
    }
    if (this.facts.size > 0) {
      for (let seq = from; seq <= to; seq++)
        if (this.isForgotten(seq)) errors.push(new ForgottenFailureError({ runId: this.runId }));
    }
    return errors;
  }

  has(from: number, to: number): boolean {
    if (this.count === 0) return false;
    const refusal = this.details[this.firstReaching(from)];
    if (refusal !== undefined && refusal.from <= to) return true;
    for (let seq = from; seq <= to && this.facts.size > 0; seq++) if (this.isForgotten(seq)) return true;
    return false;
  }

  /** What nobody awaited, once. */
  takeUnreported(limit: number): Unreported {
    let count = this.forgottenUnreported;
    const errors: HeadraceError[] = [];
    for (const refusal of this.details) {
      const unseen = refusal.takeUnreported();
      if (unseen > 0 && errors.length < limit) errors.push(refusal.error);
      count += unseen;
    }
    if (this.forgottenUnreported > 0 && errors.length < limit) errors.push(new ForgottenFailureError({ runId: this.runId }));
    this.forgottenUnreported = 0;
    this.lookAgainAt = 0;
    return { count, errors };
  }

  private forget(from: number, to: number): void {
    this.forgottenUnreported += to - from + 1;
    this.keepFact(from, to);
  }

  /** Makes room by the refusals that somebody has seen already. */
  private forgetKnown(): void {
    for (const refusal of this.details) if (refusal.known) this.keepFact(refusal.from, refusal.to);
    this.details = this.details.filter((refusal) => !refusal.known);
    this.lookAgainAt = this.count + MAX_DETAILS;
  }

  private keepFact(from: number, to: number): void {
    for (let seq = from; seq <= to; seq++) {
      const chunk = this.chunk(seq);
      const byte = (seq % CHUNK_BITS) >> 3;
      chunk[byte] = (chunk[byte] as number) | (1 << (seq & 7)); // within the chunk
    }
  }

  private isForgotten(seq: number): boolean {
    const chunk = this.facts.get(Math.floor(seq / CHUNK_BITS));
    return chunk !== undefined && ((chunk[(seq % CHUNK_BITS) >> 3] as number) & (1 << (seq & 7))) !== 0; // within the chunk
  }

  private chunk(seq: number): Uint8Array {
    const index = Math.floor(seq / CHUNK_BITS);
    let chunk = this.facts.get(index);
    if (chunk === undefined) {
      chunk = new Uint8Array(CHUNK_BITS / 8);
      this.facts.set(index, chunk);
    }
    return chunk;
  }

  /** Index of the first refusal that ends at or behind `seq`. */
  private firstReaching(seq: number): number {
    let low = 0;
    let high = this.details.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.details[middle] as Refusal).to < seq)
        low = middle + 1; // below length
      else high = middle;
    }
    return low;
  }
}
