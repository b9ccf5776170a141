import { expect, test } from 'vitest';
import { TooManyRunsError } from '../../src/errors.js';
import { newRunTable, RunSlots, RunTable } from '../../src/lane/run-table.js';

const OPEN_AT_MOST = 65_536;

test('the cursor of one run is not that of another, and low halves are unsigned', () => {
  const table = new RunTable(newRunTable());
  table.settle(0, 2 ** 32 - 1);
  table.settle(1, 7);
  table.settle(OPEN_AT_MOST - 1, 2 ** 31);
  expect([0, 1, 2, OPEN_AT_MOST - 1].map((slot) => table.settled(slot))).toEqual([2 ** 32 - 1, 7, 0, 2 ** 31]);
});

test('a slot is not given to another run while records of the old one may be read again', () => {
  const table = new RunTable(newRunTable());
  const slots = new RunSlots(table);
  const slot = slots.take(0);
  table.settle(slot, 9);
  slots.giveBack(slot, 640);
  expect(slots.take(632)).not.toBe(slot);
  // A worker that takes over skips them by this.
  expect(table.settled(slot)).toBe(9);
  expect(slots.take(640)).toBe(slot);
  expect(table.settled(slot)).toBe(0);
});

test('a slot is given back rightly where positions wrap', () => {
  for (const end of [2 ** 31 - 8, 2 ** 32 - 8]) {
    const slots = new RunSlots(new RunTable(newRunTable()));
    const slot = slots.take(0);
    slots.giveBack(slot, end | 0);
    expect(slots.take((end - 8) | 0)).not.toBe(slot);
    expect(slots.take((end + 16) | 0)).toBe(slot);
  }
});

test('slots that are given back are taken in that order, each once', () => {
  const slots = new RunSlots(new RunTable(newRunTable()));
  const taken = [slots.take(0), slots.take(0), slots.take(0)];
  expect(new Set(taken).size).toBe(3);
  for (const slot of taken) slots.giveBack(slot, 0);
  expect([slots.take(0), slots.take(0), slots.take(0)]).toEqual(taken);
  expect(taken).not.toContain(slots.take(0));
});

test('more runs than there are places are refused with the number', () => {
  const slots = new RunSlots(new RunTable(newRunTable()));
  for (let run = 0; run < OPEN_AT_MOST; run++) slots.take(0);
  expect(() => slots.take(0)).toThrow(new TooManyRunsError({ limit: OPEN_AT_MOST }));
  slots.giveBack(5, 0);
  expect(slots.take(0)).toBe(5);
});
