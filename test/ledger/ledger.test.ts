import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ClosedError, LogFailuresError, StoreUnavailableError, WorkerDiedError } from '../../src/errors.js';
import { MAX_LISTED } from '../../src/ledger.js';
import { RecordReceipt } from '../../src/receipt.js';
import { Accounts, refusal } from './accounts.js';

const died = new WorkerDiedError({ deaths: 3, reason: 'for a test' });

/** What has become of a promise by the next turn. */
async function now(promise: Promise<void>): Promise<unknown> {
  const pending = new Promise<'pending'>((resolve) => setImmediate(resolve, 'pending'));
  return Promise.race([promise.then(() => 'landed').catch((error: unknown) => error), pending]);
}

describe('who waits', () => {
  test('nobody is told before the cursor has passed, and everybody after', async () => {
    const scene = fc.record({
      waits: fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 40 }),
      moves: fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 8 }),
      failed: fc.uniqueArray(fc.integer({ min: 2, max: 60 }), { maxLength: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(scene, async ({ waits, moves, failed }) => {
        const accounts = new Accounts();
        accounts.issue(60);
        const settled = new Map<number, string>();
        let told = 0;
        let cursor = 0;
        const wait = (seq: number, place: number): void => {
          accounts.ledger.outcome(seq, seq, false).then(
            () => settled.set(place, `landed ${seq}`),
            (error: unknown) => settled.set(place, `${(error as Error).message} ${seq}`), // settle rejects with errors
          );
        };
        // Half of them before anything moves, the others in between.
        const early = waits.length >> 1;
        waits.slice(0, early).forEach(wait);
        let next = early;
        for (const move of [...moves, 60]) {
          const to = Math.min(60, cursor + move);
          for (const seq of failed.filter((seq) => seq > told && seq <= to).sort((a, b) => a - b)) accounts.tell(seq);
          told = Math.max(told, to);
          cursor = to;
          accounts.settle(cursor);
          if (next < waits.length) wait(waits[next] as number, next++); // below length
          await new Promise((resolve) => setImmediate(resolve));
          for (const [place, seq] of waits.entries()) {
            if (place >= early && place >= next) continue;
            const right = failed.includes(seq) ? refusal(seq).message : 'landed';
            expect(settled.get(place)).toBe(seq <= cursor ? `${right} ${seq}` : undefined);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test('a million waiters are all told', { timeout: 60_000 }, async () => {
    const accounts = new Accounts();
    const count = 1_000_000;
    accounts.issue(count);
    const all = Promise.all(Array.from({ length: count }, (_, i) => new RecordReceipt(accounts.ledger, i + 1)));
    // Receipts become promises in a turn of their own.
    await new Promise((resolve) => setImmediate(resolve));
    expect(accounts.holds).toBe(1);
    for (let cursor = 20_000; cursor <= count; cursor += 20_000) accounts.settle(cursor);
    expect(await all).toHaveLength(count);
    expect(accounts.holds).toBe(0);
    expect(accounts.ledger.hasWaiters).toBe(false);
  });

  test.each([2 ** 31 - 2, 2 ** 32 - 2, 2 ** 33 - 2])('waiters around seq %i are told in their turn', async (before) => {
    const accounts = new Accounts();
    const { ledger } = accounts;
    accounts.issue(before);
    for (let seq = 0; seq < before; accounts.move(seq % 2 ** 32)) seq = Math.min(before, seq + 2 ** 30);
    expect([ledger.settled(), ledger.durable()]).toEqual([before, before]);
    accounts.issue(4);
    const seqs = [before + 4, before + 1, before + 3, before + 2];
    const waits = new Map(seqs.map((seq) => [seq, ledger.outcome(seq, seq, false)]));
    for (let seq = before + 1; seq <= before + 4; seq++) {
      expect(ledger.state(seq, seq)).toBe('accepted');
      if (seq === before + 3) accounts.tell(seq % 2 ** 32, refusal(3));
      accounts.settle(seq % 2 ** 32);
      expect(ledger.settled()).toBe(seq);
      expect(await now(waits.get(seq) as Promise<void>)).toEqual(seq === before + 3 ? refusal(3) : 'landed'); // one of four
      const later = waits.get(seq + 1);
      if (later !== undefined) expect(await now(later)).toBe('pending');
    }
    expect([ledger.state(before + 3, before + 3), ledger.state(before + 4, before + 4)]).toEqual(['failed', 'landed']);
  });

  test('the lane is asked to look after the ledger when the first waits, and the process is held as long as one does', async () => {
    const accounts = new Accounts();
    accounts.issue(3);
    expect([accounts.isAwaited, accounts.holds]).toEqual([false, 0]);
    const first = accounts.ledger.outcome(1, 1, false);
    const second = accounts.ledger.outcome(2, 2, false);
    expect([accounts.isAwaited, accounts.holds]).toEqual([true, 1]);
    accounts.settle(1);
    await first;
    expect(accounts.holds).toBe(1);
    accounts.settle(2);
    await second;
    expect(accounts.holds).toBe(0);
  });

  test('waiting for everything holds nobody, and is over when everything has settled, failed or not', async () => {
    const accounts = new Accounts();
    accounts.issue(3);
    const all = accounts.ledger.whenSettled();
    expect(accounts.holds).toBe(0);
    accounts.issue(1);
    accounts.tell(2);
    accounts.settle(2);
    expect(await now(all)).toBe('pending');
    accounts.settle(3);
    expect(await now(all)).toBe('landed');
    // What it did not name is left for the report.
    expect(accounts.ledger.takeUnreported()).toEqual({ count: 1, errors: [refusal(2)] });
  });

  test('what has settled already is told without the lane', async () => {
    const accounts = new Accounts();
    accounts.issue(2);
    accounts.tell(2);
    accounts.move(2);
    expect(await now(accounts.ledger.outcome(1, 1, false))).toBe('landed');
    expect(await now(accounts.ledger.outcome(2, 2, false))).toEqual(refusal(2));
    expect(accounts.isAwaited).toBe(false);
  });

  test('a failure that was told ahead of the cursor fails nothing yet', async () => {
    const accounts = new Accounts();
    accounts.issue(2);
    accounts.tell(2);
    expect(accounts.ledger.state(2, 2)).toBe('accepted');
    const wait = accounts.ledger.outcome(2, 2, false);
    accounts.settle(1);
    expect(await now(wait)).toBe('pending');
    accounts.settle(2);
    expect(await now(wait)).toEqual(refusal(2));
  });

  test('a group waits for its last record and then names every failure', async () => {
    const accounts = new Accounts();
    accounts.issue(5);
    const group = accounts.ledger.outcome(2, 4, true);
    accounts.tell(2);
    accounts.settle(2);
    expect(await now(group)).toBe('pending');
    expect(accounts.ledger.state(2, 4)).toBe('failed');
    accounts.tell(4);
    accounts.tell(5);
    accounts.settle(5);
    expect(await now(group)).toEqual(new LogFailuresError({ errors: [refusal(2), refusal(4)], count: 2 }));
  });
});

describe('what is counted', () => {
  test('the records that make and end the run are not counted as logged', () => {
    const accounts = new Accounts();
    const { ledger } = accounts;
    accounts.issue(1);
    expect(ledger.counts()).toEqual({ accepted: 0, landed: 0, failed: 0, pending: 0, durable: 0 });
    accounts.issue(4);
    accounts.tell(3);
    accounts.move(3);
    expect(ledger.counts()).toEqual({ accepted: 4, landed: 1, failed: 1, pending: 2, durable: 0 });
    accounts.issue(1);
    ledger.endSeq = 6;
    expect([ledger.counts(), ledger.hasEnded]).toEqual([{ accepted: 4, landed: 1, failed: 1, pending: 2, durable: 0 }, false]);
    accounts.move(6);
    expect([ledger.counts(), ledger.hasEnded]).toEqual([{ accepted: 4, landed: 3, failed: 1, pending: 0, durable: 0 }, true]);
  });

  test('a run that could be neither made nor ended has not failed two records more than were logged', () => {
    const accounts = new Accounts();
    accounts.issue(4);
    accounts.ledger.endSeq = 4;
    accounts.tell(1, refusal(1), 4);
    accounts.move(4);
    expect(accounts.ledger.counts()).toEqual({ accepted: 2, landed: 0, failed: 2, pending: 0, durable: 0 });
  });

  test('what the caller refused is counted as failed and never as accepted', () => {
    const accounts = new Accounts();
    accounts.issue(2);
    accounts.ledger.refuse(refusal(0));
    accounts.move(2);
    expect(accounts.ledger.counts()).toEqual({ accepted: 1, landed: 1, failed: 1, pending: 0, durable: 0 });
  });

  test('a run that is closed stays settled when its cell belongs to another run', () => {
    const accounts = new Accounts();
    accounts.issue(3);
    accounts.tell(2);
    accounts.move(3);
    expect(accounts.ledger.state(2, 2)).toBe('failed');
    accounts.ledger.close();
    accounts.move(0);
    expect([accounts.ledger.state(1, 1), accounts.ledger.state(2, 2), accounts.ledger.state(3, 3)]).toEqual([
      'landed',
      'failed',
      'landed',
    ]);
    expect(accounts.ledger.counts()).toEqual({ accepted: 2, landed: 1, failed: 1, pending: 0, durable: 0 });
  });
});

describe('when nothing will land any more', () => {
  test('what had not settled fails, what had has landed, and nobody waits for ever', async () => {
    const accounts = new Accounts();
    accounts.issue(4);
    accounts.move(2);
    const waits = [3, 4].map((seq) => accounts.ledger.outcome(seq, seq, false));
    accounts.ledger.failRest(died);
    expect(await Promise.all(waits.map(now))).toEqual([died, died]);
    expect([1, 2, 3, 4].map((seq) => accounts.ledger.state(seq, seq))).toEqual(['landed', 'landed', 'failed', 'failed']);
    expect(accounts.ledger.counts()).toEqual({ accepted: 3, landed: 1, failed: 2, pending: 0, durable: 0 });
    expect(accounts.holds).toBe(0);
  });

  test('a run of which everything had settled has no failure', () => {
    const accounts = new Accounts();
    accounts.issue(2);
    accounts.move(2);
    accounts.ledger.failRest(died);
    expect(accounts.ledger.takeUnreported()).toEqual({ count: 0, errors: [] });
  });
});

describe('what is left for a report', () => {
  test('each failure is given out once, to whoever comes first', async () => {
    const accounts = new Accounts();
    const { ledger } = accounts;
    accounts.issue(4);
    for (const seq of [2, 3, 4]) accounts.tell(seq);
    accounts.move(4);
    expect(await now(ledger.outcome(3, 3, false))).toEqual(refusal(3));
    expect(ledger.takeUnreported()).toEqual({ count: 2, errors: [refusal(2), refusal(4)] });
    expect(ledger.takeUnreported()).toEqual({ count: 0, errors: [] });
  });

  test('a failure that is told only now is in it', () => {
    const accounts = new Accounts();
    accounts.issue(2);
    accounts.tell(2);
    accounts.move(2);
    expect(accounts.ledger.takeUnreported()).toEqual({ count: 1, errors: [refusal(2)] });
  });

  test('who saw why the run could not be made is not told of the run itself again', async () => {
    const accounts = new Accounts();
    const unavailable = new StoreUnavailableError({ store: 'a file', reason: 'for a test' });
    accounts.issue(2);
    accounts.ledger.failures.add(1, 1, unavailable);
    accounts.ledger.failures.add(2, 2, unavailable);
    accounts.move(2);
    expect(await now(accounts.ledger.outcome(2, 2, false))).toBe(unavailable);
    expect(accounts.ledger.takeUnreported()).toEqual({ count: 0, errors: [] });
  });

  test('a refusal of the caller is in it unless it was awaited', () => {
    const { ledger } = new Accounts();
    const closed = new ClosedError({ what: 'run 5f0 has ended' });
    ledger.refuse(closed).known = true;
    ledger.refuse(refusal(7));
    expect(ledger.takeUnreported()).toEqual({ count: 1, errors: [refusal(7)] });
    expect(ledger.takeUnreported()).toEqual({ count: 0, errors: [] });
  });

  test('more refusals than are kept are still counted, and a few named', () => {
    const { ledger } = new Accounts();
    for (let n = 0; n < 12_345; n++) ledger.refuse(refusal(n));
    const { count, errors } = ledger.takeUnreported();
    expect(count).toBe(12_345);
    expect(errors).toEqual(Array.from({ length: MAX_LISTED }, (_, n) => refusal(n)));
    expect(ledger.takeUnreported()).toEqual({ count: 0, errors: [] });
    expect(ledger.refusedCount).toBe(12_345);
  });
});
