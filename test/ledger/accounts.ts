import { InvalidValueError } from '../../src/errors.js';
import { newRunTable, RunTable } from '../../src/lane/run-table.js';
import { Ledger, type SettlementSource } from '../../src/ledger.js';

/** A ledger whose lane's other end is the test. */
export class Accounts implements SettlementSource {
  readonly table: RunTable = new RunTable(newRunTable());
  readonly ledger: Ledger = new Ledger('5f0', 3, this.table, this);
  /** What holds the process alive. */
  holds = 0;
  /** Asked to be told of moving cursors. */
  isAwaited = false;
  /** Told by the worker, not yet read. */
  private readonly told: { seq: number; count: number; error: InvalidValueError }[] = [];

  issue(count: number): void {
    this.ledger.issued += count;
  }

  /** The worker tells a failure, as it does before it moves the cursor. */
  tell(seq: number, error: InvalidValueError = refusal(seq), count = 1): void {
    this.told.push({ seq, count, error });
  }

  /** The worker moves the cursor; nobody looks yet. */
  move(seq: number): void {
    this.table.settle(this.ledger.slot, seq);
  }

  /** The worker has everything up to here in the journal; nobody looks yet. */
  journal(seq: number): void {
    this.table.journal(this.ledger.slot, seq);
  }

  keep(seq: number): void {
    this.journal(seq);
    this.ledger.settleWaiters();
  }

  settle(seq: number): void {
    this.move(seq);
    this.ledger.settleWaiters();
  }

  drainFailures(): void {
    for (const { seq, count, error } of this.told.splice(0)) {
      const from = this.ledger.whole(seq);
      this.ledger.failures.add(from, from + count - 1, error);
    }
  }

  awaitSettlement(): void {
    this.isAwaited = true;
  }

  hold(): void {
    this.holds++;
  }

  release(): void {
    this.holds--;
  }
}

export function refusal(seq: number): InvalidValueError {
  return new InvalidValueError({ key: `key ${seq}`, reason: 'is bad' });
}
