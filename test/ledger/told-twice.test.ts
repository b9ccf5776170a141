/** Failures that are told ahead of the cursor, and again by a worker that takes over. */
import { expect, test } from 'vitest';
import { LogFailuresError, WorkerDiedError } from '../../src/errors.js';
import { Accounts, refusal } from './accounts.js';

const died = new WorkerDiedError({ deaths: 3, reason: 'x' });

test('a lane that gives up behind a failure told ahead fails every record, not only that one', () => {
  const accounts = new Accounts();
  accounts.issue(20);
  accounts.tell(12);
  accounts.move(10);
  accounts.drainFailures();
  accounts.ledger.failRest(died);
  for (let seq = 11; seq <= 20; seq++) expect(accounts.ledger.state(seq, seq), `record ${seq}`).toBe('failed');
  expect(accounts.ledger.state(10, 10)).toBe('landed');
  expect(accounts.ledger.failures.count).toBe(10);
});

test('the last failure, told again, counts once', () => {
  const accounts = new Accounts();
  accounts.issue(20);
  accounts.tell(12);
  accounts.drainFailures();
  accounts.tell(12);
  accounts.drainFailures();
  expect(accounts.ledger.failures.count).toBe(1);
  expect(accounts.ledger.takeUnreported().count).toBe(1);
});

test('a fact, told again, counts once', () => {
  const accounts = new Accounts();
  accounts.issue(20);
  accounts.ledger.failures.addFacts(12, 13);
  accounts.ledger.failures.addFacts(12, 13);
  expect(accounts.ledger.failures.count).toBe(2);
});

test('two reasons for one record, a config file’s, are both kept and count as one record', async () => {
  const accounts = new Accounts();
  accounts.issue(20);
  accounts.tell(5, refusal(1));
  accounts.tell(5, refusal(2));
  accounts.move(20);
  accounts.drainFailures();
  expect(accounts.ledger.failures.count).toBe(1);
  const error: unknown = await accounts.ledger.outcome(5, 5, false).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(LogFailuresError);
  expect(error).toMatchObject({ count: 2, errors: [refusal(1), refusal(2)] });
});

test('counts don’t go below zero while failures are ahead of the cursor', () => {
  const accounts = new Accounts();
  accounts.issue(20);
  accounts.tell(12);
  accounts.tell(13);
  accounts.move(1);
  expect(accounts.ledger.counts()).toEqual({ accepted: 19, landed: 0, failed: 2, pending: 17, durable: 0 });
});

test('a refused range counts its records, not its one reason', async () => {
  const accounts = new Accounts();
  accounts.issue(20);
  accounts.tell(5, refusal(5), 10);
  accounts.move(20);
  const error: unknown = await accounts.ledger.outcome(5, 14, true).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ count: 10, errors: [refusal(5)] });
});

test('a failure without its reason that was awaited is not reported as well', async () => {
  const accounts = new Accounts();
  accounts.issue(20);
  accounts.ledger.failures.addFacts(12, 13);
  accounts.move(20);
  await accounts.ledger.outcome(12, 12, false).catch(() => undefined);
  await accounts.ledger.outcome(12, 12, false).catch(() => undefined);
  expect(accounts.ledger.takeUnreported().count).toBe(1);
  await accounts.ledger.outcome(13, 13, false).catch(() => undefined);
  expect(accounts.ledger.takeUnreported().count).toBe(0);
});
