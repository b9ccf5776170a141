/** Records that the journal has before the store does. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StoreUnavailableError, WorkerDiedError } from '../../src/errors.js';
import { GroupReceipt, RecordReceipt } from '../../src/receipt.js';
import { Accounts, refusal } from './accounts.js';

const LEFT = new StoreUnavailableError({ store: 'a store', reason: 'is away for a test' });

type Outcome = 'pending' | 'resolved' | Error;

/** What has become of a promise by the next turn. */
async function now(promise: PromiseLike<void>): Promise<Outcome> {
  const pending = new Promise<'pending'>((resolve) => setImmediate(resolve, 'pending'));
  const over = promise.then(
    () => 'resolved' as const,
    (error: unknown) => error as Error, // the ledger rejects with errors alone
  );
  return Promise.race([over, pending]);
}

/** A run, made and settled, with records 2 and on that are not. */
function begun(records: number): Accounts {
  const accounts = new Accounts();
  accounts.issue(1 + records);
  accounts.journal(1);
  accounts.move(1);
  return accounts;
}

describe('durable()', () => {
  test('resolves with the journal and not before it, the receipt itself with the store', async () => {
    const accounts = begun(2);
    const receipt = new RecordReceipt(accounts.ledger, 3);
    const durable = receipt.durable();
    const landed = receipt.then(() => undefined);
    accounts.keep(2);
    expect([await now(durable), receipt.state]).toEqual(['pending', 'accepted']);
    accounts.keep(3);
    expect([await now(durable), receipt.state]).toEqual(['resolved', 'durable']);
    expect([await now(landed), await now(receipt.durable())]).toEqual(['pending', 'resolved']);
    accounts.settle(3);
    expect([await now(landed), receipt.state]).toEqual(['resolved', 'landed']);
  });

  test('without a journal resolves when the record lands', async () => {
    const accounts = begun(1);
    const receipt = new RecordReceipt(accounts.ledger, 2);
    const durable = receipt.durable();
    expect(await now(durable)).toBe('pending');
    accounts.settle(2);
    expect(await now(durable)).toBe('resolved');
  });

  test('of a record that was refused before it could be kept rejects, and nobody is told again', async () => {
    const accounts = begun(3);
    const refused = new RecordReceipt(accounts.ledger, 3);
    const durable = refused.durable();
    accounts.tell(3);
    accounts.ledger.settleWaiters();
    expect([await now(durable), refused.state]).toEqual(['pending', 'accepted']);
    accounts.keep(4);
    expect([await now(durable), refused.state]).toEqual([refusal(3), 'failed']);
    expect(accounts.ledger.takeUnreported()).toEqual({ count: 0, errors: [] });
  });

  test('has resolved for a record that the store refuses later: the receipt rejects, and durable() from then on', async () => {
    const accounts = begun(1);
    const receipt = new RecordReceipt(accounts.ledger, 2);
    const durable = receipt.durable();
    accounts.keep(2);
    expect(await now(durable)).toBe('resolved');
    accounts.tell(2);
    accounts.settle(2);
    expect([await now(receipt), await now(receipt.durable())]).toEqual([refusal(2), refusal(2)]);
  });

  test('that resolved leaves a later refusal to be reported', async () => {
    const accounts = begun(1);
    accounts.keep(2);
    await new RecordReceipt(accounts.ledger, 2).durable();
    accounts.tell(2);
    accounts.settle(2);
    expect(accounts.ledger.takeUnreported()).toEqual({ count: 1, errors: [refusal(2)] });
  });

  test('of a group waits for its last record and names what the caller refused', async () => {
    const accounts = begun(3);
    const { ledger } = accounts;
    const whole = new GroupReceipt(ledger, 2, 4, []);
    const torn = new GroupReceipt(ledger, 2, 4, [ledger.refuse(refusal(9))]);
    const waits = [whole.durable(), torn.durable()];
    accounts.keep(3);
    expect(await Promise.all(waits.map(now))).toEqual(['pending', 'pending']);
    accounts.keep(4);
    expect(await Promise.all(waits.map(now))).toEqual(['resolved', expect.objectContaining({ count: 1, keys: ['key 9'] })]);
    expect([whole.state, torn.state]).toEqual(['durable', 'failed']);
  });

  test('keeps the process alive while it waits, and not while only the store is waited for by nobody', async () => {
    const accounts = begun(2);
    const waits = [new RecordReceipt(accounts.ledger, 2).durable(), new RecordReceipt(accounts.ledger, 3).durable()];
    expect([accounts.isAwaited, accounts.holds]).toEqual([true, 1]);
    accounts.keep(2);
    expect(accounts.holds).toBe(1);
    accounts.keep(3);
    await Promise.all(waits);
    expect([accounts.holds, accounts.ledger.hasWaiters]).toEqual([0, false]);
  });
});

describe('any order of journal, store and refusals', () => {
  test('durable() is told when either cursor has passed, the receipt when the store’s has, and counts agree', async () => {
    const scene = fc.record({
      waits: fc.array(fc.tuple(fc.integer({ min: 2, max: 40 }), fc.boolean()), { maxLength: 30 }),
      moves: fc.array(fc.tuple(fc.constantFrom('journal', 'settle'), fc.integer({ min: 1, max: 40 })), { maxLength: 12 }),
      failed: fc.uniqueArray(fc.integer({ min: 2, max: 40 }), { maxLength: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(scene, async ({ waits, moves, failed }) => {
        const accounts = begun(39);
        const { ledger } = accounts;
        const promises = waits.map(([seq, durably]) =>
          durably ? ledger.durability(seq, seq, false) : ledger.outcome(seq, seq, false),
        );
        for (const promise of promises) promise.catch(() => undefined);
        let [journaled, settled] = [1, 1];
        for (const [cursor, to] of moves) {
          const from = Math.max(journaled, settled);
          // Every refusal is told before either cursor passes it.
          for (const seq of failed.filter((seq) => seq > from && seq <= to)) accounts.tell(seq);
          if (cursor === 'journal') journaled = Math.max(journaled, to);
          else settled = Math.max(settled, to);
          accounts.keep(Math.max(journaled, settled));
          accounts.settle(settled);
          const durable = Math.max(journaled, settled);
          for (const [i, [seq, durably]] of waits.entries()) {
            const isOver = seq <= (durably ? durable : settled);
            const right = failed.includes(seq) ? refusal(seq) : 'resolved';
            expect(await now(promises[i] as Promise<void>)).toEqual(isOver ? right : 'pending'); // as many
          }
          const counts = ledger.counts();
          const refused = failed.filter((seq) => seq <= durable).length;
          expect(counts.failed).toBe(refused);
          expect(counts.landed + counts.durable).toBe(durable - 1 - refused);
          expect(counts.landed + counts.pending + counts.failed).toBe(counts.accepted);
          expect(counts.durable).toBeLessThanOrEqual(counts.pending);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('what is counted', () => {
  test('the records that make and end the run are not counted as durable', () => {
    const accounts = new Accounts();
    const { ledger } = accounts;
    accounts.issue(1);
    accounts.journal(1);
    expect(ledger.counts()).toEqual({ accepted: 0, landed: 0, failed: 0, pending: 0, durable: 0 });
    expect(ledger.isKept).toBe(true);
    accounts.issue(2);
    ledger.endSeq = 3;
    accounts.journal(2);
    expect(ledger.counts()).toEqual({ accepted: 1, landed: 0, failed: 0, pending: 1, durable: 1 });
    expect(ledger.endIsDurable).toBe(false);
    accounts.journal(3);
    expect(ledger.endIsDurable).toBe(true);
    accounts.move(3);
    expect(ledger.counts()).toEqual({ accepted: 1, landed: 1, failed: 0, pending: 0, durable: 0 });
    expect([ledger.isKept, ledger.endIsDurable]).toEqual([false, true]);
  });

  test('a run of more than 2^32 records, whose journal was needed at its beginning only, has none ahead of the store', () => {
    const accounts = begun(99);
    accounts.journal(100);
    for (let quarter = 1; quarter <= 4; quarter++) {
      const seq = quarter * 2 ** 30 + 50;
      accounts.ledger.issued = seq + 100;
      accounts.move(seq % 2 ** 32);
      expect([accounts.ledger.settled(), accounts.ledger.durable()]).toEqual([seq, seq]);
    }
  });
});

describe('when this process settles nothing more', () => {
  test('who waits for the store is told why, who waits for the journal has what it waited for', async () => {
    const accounts = begun(2);
    const { ledger } = accounts;
    accounts.journal(3);
    const [receipt, other] = [new RecordReceipt(ledger, 2), new RecordReceipt(ledger, 3)];
    const [early, durable] = [receipt.then(() => undefined), other.durable()];
    accounts.move(1);
    ledger.leaveBehind(LEFT);
    expect([await now(early), await now(durable), await now(other)]).toEqual([LEFT, 'resolved', LEFT]);
    expect([receipt.state, other.state, accounts.holds]).toEqual(['durable', 'durable', 0]);
    // Nothing was refused.
    expect(ledger.takeUnreported()).toEqual({ count: 0, errors: [] });
  });

  test('what had landed has, also for who asks afterwards', async () => {
    const accounts = begun(1);
    const early = new RecordReceipt(accounts.ledger, 2).then(() => undefined);
    accounts.move(2);
    accounts.ledger.leaveBehind(LEFT);
    expect([await now(early), await now(new RecordReceipt(accounts.ledger, 2))]).toEqual(['resolved', 'resolved']);
  });

  test('a worker that died too often fails also what is in the journal', async () => {
    const accounts = begun(2);
    const died = new WorkerDiedError({ deaths: 3, reason: 'for a test' });
    accounts.keep(3);
    accounts.ledger.failRest(died);
    expect(await now(new RecordReceipt(accounts.ledger, 3))).toBe(died);
    expect(accounts.ledger.counts()).toEqual({ accepted: 2, landed: 0, failed: 2, pending: 0, durable: 0 });
  });
});
