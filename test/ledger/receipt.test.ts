import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LogFailuresError } from '../../src/errors.js';
import { GroupReceipt, LANDED_RECEIPT, RecordReceipt, RefusedReceipt } from '../../src/receipt.js';
import { Accounts, refusal } from './accounts.js';

const unhandled: unknown[] = [];
const onUnhandled = (error: unknown): void => {
  unhandled.push(error);
};

beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', onUnhandled);
});

afterEach(() => {
  process.off('unhandledRejection', onUnhandled);
});

/** Node tells of a rejection that nobody handles when the turn is over. */
async function turns(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

test('a state is never ahead of the store', () => {
  const accounts = new Accounts();
  accounts.issue(3);
  const receipts = [1, 2, 3].map((seq) => new RecordReceipt(accounts.ledger, seq));
  const states = (): string[] => receipts.map(({ state }) => state);
  expect(states()).toEqual(['accepted', 'accepted', 'accepted']);
  accounts.tell(2);
  expect(states()).toEqual(['accepted', 'accepted', 'accepted']);
  accounts.move(2);
  expect(states()).toEqual(['landed', 'failed', 'accepted']);
  accounts.move(3);
  expect(states()).toEqual(['landed', 'failed', 'landed']);
});

test('a receipt that nobody awaits makes no promise, so its failure ends no process', async () => {
  const accounts = new Accounts();
  accounts.issue(2);
  const outcome = vi.spyOn(accounts.ledger, 'outcome');
  const known = accounts.ledger.refuse(refusal(0));
  const receipts = [
    new RecordReceipt(accounts.ledger, 2),
    new GroupReceipt(accounts.ledger, 1, 2, [known]),
    new RefusedReceipt(known),
  ];
  accounts.tell(2);
  accounts.settle(2);
  await turns();
  expect(receipts.map(({ state }) => state)).toEqual(['failed', 'failed', 'failed']);
  expect(outcome).not.toHaveBeenCalled();
  expect(unhandled).toEqual([]);
  expect(accounts.ledger.takeUnreported().count).toBe(2);
});

test('a promise that the user derives belongs to the user, and its rejection is seen', async () => {
  const accounts = new Accounts();
  accounts.issue(1);
  accounts.tell(1);
  accounts.settle(1);
  const seen = new RecordReceipt(accounts.ledger, 1).then(() => 'landed').catch((error: unknown) => error);
  expect(await seen).toEqual(refusal(1));
  expect(unhandled).toEqual([]);
});

test('await, then, catch, finally and durable tell the same, each time they are asked', async () => {
  const accounts = new Accounts();
  accounts.issue(2);
  accounts.tell(2);
  const landed = new RecordReceipt(accounts.ledger, 1);
  const failed = new RecordReceipt(accounts.ledger, 2);
  const finished: string[] = [];
  const told = Promise.allSettled([
    landed,
    landed.durable(),
    landed.then(() => 'then'),
    landed.catch(() => 'caught'),
    landed.finally(() => finished.push('landed')),
    failed,
    failed.durable(),
    failed.then(
      () => 'then',
      () => 'otherwise',
    ),
    failed.catch(() => 'caught'),
    failed.finally(() => finished.push('failed')),
  ]);
  await turns();
  accounts.settle(2);
  const rejected = { status: 'rejected', reason: refusal(2) };
  expect(await told).toEqual([
    { status: 'fulfilled', value: undefined },
    { status: 'fulfilled', value: undefined },
    { status: 'fulfilled', value: 'then' },
    { status: 'fulfilled', value: undefined },
    { status: 'fulfilled', value: undefined },
    rejected,
    rejected,
    { status: 'fulfilled', value: 'otherwise' },
    { status: 'fulfilled', value: 'caught' },
    rejected,
  ]);
  expect(finished).toEqual(['landed', 'failed']);
  await expect(failed).rejects.toEqual(refusal(2));
});

test('a group names what the caller and what the store refused, and counts both', async () => {
  const accounts = new Accounts();
  const { ledger } = accounts;
  accounts.issue(4);
  const group = new GroupReceipt(ledger, 2, 4, [ledger.refuse(refusal(7)), ledger.refuse(refusal(8))]);
  expect(group.state).toBe('accepted');
  accounts.tell(3);
  accounts.settle(4);
  expect(group.state).toBe('failed');
  const error = await group.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LogFailuresError);
  expect(error).toMatchObject({ count: 3, keys: ['key 7', 'key 8', 'key 3'], code: 'HEADRACE_LOG_FAILURES' });
  // Awaited: not reported.
  expect(ledger.takeUnreported().count).toBe(0);
});

test('a group of which only the caller refused something waits for the rest, and then rejects', async () => {
  const accounts = new Accounts();
  accounts.issue(2);
  const group = new GroupReceipt(accounts.ledger, 2, 2, [accounts.ledger.refuse(refusal(7))]);
  let settled = false;
  const told = expect(group.finally(() => (settled = true))).rejects.toMatchObject({ count: 1, keys: ['key 7'] });
  await turns();
  expect(settled).toBe(false);
  accounts.settle(2);
  await told;
});

test('a group without a record has landed, and one that was refused whole has failed', async () => {
  const accounts = new Accounts();
  accounts.issue(1);
  const empty = new GroupReceipt(accounts.ledger, 2, 1, []);
  expect(empty.state).toBe('landed');
  accounts.settle(1);
  await empty;
  const refused = new GroupReceipt(accounts.ledger, 2, 1, [accounts.ledger.refuse(refusal(7))]);
  expect(refused.state).toBe('failed');
  await expect(refused.durable()).rejects.toMatchObject({ count: 1, keys: ['key 7'] });
});

test('a group of records that all landed resolves', async () => {
  const accounts = new Accounts();
  accounts.issue(3);
  accounts.move(3);
  const group = new GroupReceipt(accounts.ledger, 1, 3, []);
  expect(group.state).toBe('landed');
  expect(await group.durable()).toBe(undefined);
});

test('a refusal that was awaited is not reported', async () => {
  const { ledger } = new Accounts();
  const receipt = new RefusedReceipt(ledger.refuse(refusal(7)));
  await expect(receipt.durable()).rejects.toEqual(refusal(7));
  expect(await receipt.catch((error: unknown) => error)).toEqual(refusal(7));
  expect(ledger.takeUnreported()).toEqual({ count: 0, errors: [] });
});

test('the receipt of a disabled tracker lands', async () => {
  expect(LANDED_RECEIPT.state).toBe('landed');
  await LANDED_RECEIPT;
  await LANDED_RECEIPT.durable();
});
