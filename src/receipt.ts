import type { Receipt, RecordState } from './api.js';
import { LogFailuresError } from './errors.js';
import type { CallerRefusal, Ledger } from './ledger.js';

/**
 * Receipts are made at every logging call, so they hold numbers only; a promise is made when somebody
 * asks, since one that rejects with nobody listening ends the process.
 */
abstract class LazyReceipt implements Receipt {
  abstract readonly state: RecordState;

  abstract durable(): Promise<void>;

  protected abstract landed(): Promise<void>;

  // biome-ignore lint/suspicious/noThenProperty: a receipt is awaited like a promise, and is none until then
  then<A = void, B = never>(
    onFulfilled?: ((value: void) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.landed().then(onFulfilled, onRejected);
  }

  catch<T = never>(onRejected?: ((reason: unknown) => T | PromiseLike<T>) | null): Promise<void | T> {
    return this.landed().catch(onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<void> {
    return this.landed().finally(onFinally);
  }
}

/** Of one record. */
export class RecordReceipt extends LazyReceipt {
  private readonly ledger: Ledger;
  private readonly seq: number;

  constructor(ledger: Ledger, seq: number) {
    super();
    this.ledger = ledger;
    this.seq = seq;
  }

  get state(): RecordState {
    return this.ledger.state(this.seq, this.seq);
  }

  durable(): Promise<void> {
    return this.ledger.durability(this.seq, this.seq, false);
  }

  protected landed(): Promise<void> {
    return this.ledger.outcome(this.seq, this.seq, false);
  }
}

/** Of the records `from` to `to`, and of what the caller's side refused of the same call. */
export class GroupReceipt extends LazyReceipt {
  private readonly ledger: Ledger;
  private readonly from: number;
  private readonly to: number;
  private readonly refusals: readonly CallerRefusal[];

  constructor(ledger: Ledger, from: number, to: number, refusals: readonly CallerRefusal[]) {
    super();
    this.ledger = ledger;
    this.from = from;
    this.to = to;
    this.refusals = refusals;
  }

  get state(): RecordState {
    const state = this.from > this.to ? 'landed' : this.ledger.state(this.from, this.to);
    return this.refusals.length > 0 && state !== 'accepted' ? 'failed' : state;
  }

  durable(): Promise<void> {
    return this.withRefusals(this.ledger.durability(this.from, this.to, true));
  }

  protected landed(): Promise<void> {
    return this.withRefusals(this.ledger.outcome(this.from, this.to, true));
  }

  private async withRefusals(records: Promise<void>): Promise<void> {
    for (const refusal of this.refusals) refusal.known = true;
    const refused = this.refusals.map((refusal) => refusal.error);
    try {
      await records;
    } catch (error) {
      if (!(error instanceof LogFailuresError) || refused.length === 0) throw error;
      throw new LogFailuresError({ errors: [...refused, ...error.errors], count: refused.length + error.count });
    }
    if (refused.length > 0) throw new LogFailuresError({ errors: refused, count: refused.length });
  }
}

/** Of a call that was refused at once. */
export class RefusedReceipt extends LazyReceipt {
  readonly state = 'failed';
  private readonly refusal: CallerRefusal;

  constructor(refusal: CallerRefusal) {
    super();
    this.refusal = refusal;
  }

  durable(): Promise<void> {
    return this.landed();
  }

  protected landed(): Promise<void> {
    this.refusal.known = true;
    return Promise.reject(this.refusal.error);
  }
}

class NothingToDo extends LazyReceipt {
  readonly state = 'landed';

  durable(): Promise<void> {
    return this.landed();
  }

  protected landed(): Promise<void> {
    return Promise.resolve();
  }
}

/** Of every call while headrace is disabled. */
export const LANDED_RECEIPT: Receipt = new NothingToDo();
