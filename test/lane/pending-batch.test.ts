import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidKeyError, RunNotFoundError } from '../../src/errors.js';
import { ParamPlaces, PendingBatch, type Stretch } from '../../src/lane/pending-batch.js';
import type { BatchLimits } from '../../src/options.js';
import { INLINE, MAX_KEYS } from '../../src/ring/key-table.js';
import { queueOf } from './queue-of.js';

const LIMITS: BatchLimits = { maxParams: 100, maxMetrics: 1000, maxTags: 100, maxEntities: 1000, maxBytes: 900_000, lingerMs: 0 };

function batchOf(limits: Partial<BatchLimits> = {}, places = new ParamPlaces()): PendingBatch {
  return new PendingBatch(places, { ...LIMITS, ...limits }, 1, 0);
}

describe('the same key in one batch', () => {
  test('a value that is there already is not sent twice, and both records settle with it', () => {
    const batch = batchOf();
    expect(batch.add(1, 7, { kind: 'param', key: 'lr', value: '0.1' })).toBe(true);
    expect(batch.add(2, 8, { kind: 'param', key: 'depth', value: '3' })).toBe(true);
    expect(batch.add(3, 7, { kind: 'param', key: 'lr', value: '0.1' })).toBe(true);
    expect(batch.add(4, 8, { kind: 'param', key: 'depth', value: '3' })).toBe(true);
    expect(batch.items).toEqual([
      { kind: 'param', key: 'lr', value: '0.1' },
      { kind: 'param', key: 'depth', value: '3' },
    ]);
    expect(batch.seqs).toEqual([1, 2]);
    expect(batch.repeats).toEqual([3, 0, 4, 1]);
  });

  test('another value does not join: it is judged against the one that is stored', () => {
    const batch = batchOf();
    batch.add(1, 7, { kind: 'param', key: 'lr', value: '0.1' });
    expect(batch.add(2, 7, { kind: 'param', key: 'lr', value: '0.2' })).toBe(false);
    expect(batch.add(2, INLINE, { kind: 'param', key: 'other', value: '1' })).toBe(true);
    expect(batch.add(3, INLINE, { kind: 'param', key: 'other', value: '2' })).toBe(false);
    expect([batch.items.length, batch.repeats]).toEqual([2, []]);
  });

  test('a key is recognised when it stands in the batch by its text and comes by its id', () => {
    const batch = batchOf();
    expect(batch.add(1, INLINE, { kind: 'param', key: 'lr', value: '0.1' })).toBe(true);
    expect(batch.add(2, 7, { kind: 'param', key: 'lr', value: '0.1' })).toBe(true);
    expect(batch.add(3, 7, { kind: 'param', key: 'lr', value: '0.2' })).toBe(false);
    expect([batch.items.length, batch.repeats]).toEqual([1, [2, 0]]);
  });

  test("a metric, a tag and a param of one name do not get into each other's way", () => {
    const batch = batchOf();
    expect(batch.add(1, INLINE, { kind: 'metric', key: 'x', value: 1, timestamp: 0, step: 0 })).toBe(true);
    expect(batch.add(2, INLINE, { kind: 'metric', key: 'x', value: 1, timestamp: 0, step: 0 })).toBe(true);
    expect(batch.add(3, INLINE, { kind: 'tag', key: 'x', value: 'a' })).toBe(true);
    expect(batch.add(4, INLINE, { kind: 'tag', key: 'x', value: 'b' })).toBe(true);
    expect(batch.add(5, 7, { kind: 'param', key: 'x', value: 'c' })).toBe(true);
    expect(batch.items.map((item) => [item.kind, item.value])).toEqual([
      ['metric', 1],
      ['metric', 1],
      ['tag', 'a'],
      ['tag', 'b'],
      ['param', 'c'],
    ]);
    expect(batch.seqs).toEqual([1, 2, 3, 4, 5]);
  });

  test('a batch knows nothing of what stands in another batch of the lane', () => {
    const places = new ParamPlaces();
    const first = batchOf({}, places);
    const second = batchOf({}, places);
    expect(first.add(1, MAX_KEYS, { kind: 'param', key: 'lr', value: '0.1' })).toBe(true);
    expect(second.add(1, MAX_KEYS, { kind: 'param', key: 'lr', value: '0.2' })).toBe(true);
    // The first has lost its place to the second, but not its item.
    expect([first.items, second.items].map((items) => items.map(({ value }) => value))).toEqual([['0.1'], ['0.2']]);
    expect(second.add(2, MAX_KEYS, { kind: 'param', key: 'lr', value: '0.1' })).toBe(false);
  });

  test('no param stands in a batch twice, whatever comes by id or by text', () => {
    const param = fc.record({ id: fc.integer({ min: 1, max: 5 }), inTable: fc.boolean(), value: fc.constantFrom('a', 'b') });
    fc.assert(
      fc.property(fc.array(param, { maxLength: 40 }), (params) => {
        const batch = batchOf();
        const values = new Map<string, string>();
        const met = new Set<number>();
        params.forEach(({ id, inTable, value }, index) => {
          // A key that is in the table never comes by its text again.
          if (inTable) met.add(id);
          const known = values.get(`key ${id}`);
          const added = batch.add(index + 1, met.has(id) ? id : INLINE, { kind: 'param', key: `key ${id}`, value: value });
          expect(added).toBe(known === undefined || known === value);
          if (known === undefined) values.set(`key ${id}`, value);
        });
        expect(batch.items.map((item) => [item.key, item.value])).toEqual([...values]);
      }),
    );
  });
});

describe('limits', () => {
  const add = {
    maxParams: (batch: PendingBatch, n: number) => batch.add(n, INLINE, { kind: 'param', key: `k${n}`, value: 'v' }),
    maxMetrics: (batch: PendingBatch, n: number) =>
      batch.add(n, INLINE, { kind: 'metric', key: 'k', value: n, timestamp: 0, step: 0 }),
    maxTags: (batch: PendingBatch, n: number) => batch.add(n, INLINE, { kind: 'tag', key: 'k', value: 'v' }),
  };

  test.each(['maxParams', 'maxMetrics', 'maxTags'] as const)(
    '%s is reached and not passed, and then nothing more joins',
    (limit) => {
      const batch = batchOf({ [limit]: 3 });
      expect([1, 2, 3].map((n) => add[limit](batch, n))).toEqual([true, true, true]);
      expect(batch.full).toBe(false);
      expect(add[limit](batch, 4)).toBe(false);
      expect(batch.full).toBe(true);
      expect([add.maxParams(batch, 5), add.maxMetrics(batch, 6), add.maxTags(batch, 7)]).toEqual([false, false, false]);
      expect(batch.addRefused(8, new InvalidKeyError({ key: '', reason: 'is empty' }))).toBe(false);
      expect(batch.items).toHaveLength(3);
    },
  );

  test('maxEntities counts all kinds together', () => {
    const batch = batchOf({ maxEntities: 3 });
    expect([add.maxParams(batch, 1), add.maxMetrics(batch, 2), add.maxTags(batch, 3), add.maxMetrics(batch, 4)]).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  test('maxBytes is not passed, unless by one item that is larger by itself', () => {
    const batch = batchOf({ maxBytes: 100 });
    expect(batch.add(1, INLINE, { kind: 'tag', key: 'k', value: 'v'.repeat(60) })).toBe(true);
    expect(batch.add(2, INLINE, { kind: 'tag', key: 'k', value: 'v'.repeat(60) })).toBe(false);
    const alone = batchOf({ maxBytes: 100 });
    expect(alone.add(1, INLINE, { kind: 'tag', key: 'k', value: 'v'.repeat(600) })).toBe(true);
    expect(alone.add(2, INLINE, { kind: 'tag', key: 'k', value: '' })).toBe(false);
  });

  test('a repeated value joins a batch that has no place left, and none that is closed', () => {
    const batch = batchOf({ maxParams: 1 });
    batch.add(1, 7, { kind: 'param', key: 'lr', value: '0.1' });
    expect(batch.add(2, 7, { kind: 'param', key: 'lr', value: '0.1' })).toBe(true);
    batch.close();
    expect(batch.add(3, 7, { kind: 'param', key: 'lr', value: '0.1' })).toBe(false);
  });
});

describe('what settles with a batch', () => {
  test('records of each stretch are counted, one after the other', () => {
    const batch = batchOf();
    const [first, second]: [Stretch, Stretch] = [
      { end: 0, left: 0 },
      { end: 0, left: 0 },
    ];
    expect([batch.firstSeq, batch.lastSeq]).toEqual([1, 0]);
    batch.complete(1, first);
    batch.complete(2, first);
    batch.complete(3, second);
    expect(batch.stretches).toEqual([
      { stretch: first, count: 2 },
      { stretch: second, count: 1 },
    ]);
    expect(batch.stretches[0]?.stretch).toBe(first);
    expect(batch.lastSeq).toBe(3);
  });

  test('a batch that begins where the low half of a seq wraps has an end before its beginning, and no other', () => {
    expect(new PendingBatch(new ParamPlaces(), LIMITS, 0, 0).lastSeq).toBe(2 ** 32 - 1);
  });

  test('a refused record is in it without an item', () => {
    const batch = batchOf();
    const error = new InvalidKeyError({ key: 'a//b', reason: 'is no path' });
    expect(batch.addRefused(1, error)).toBe(true);
    expect([batch.items, batch.refused]).toEqual([[], [{ seq: 1, error }]]);
  });
});

describe('a run that comes behind another', () => {
  test('resumed before its end was stored: it waits for that end, and only for that', () => {
    const earlier = queueOf('5f0');
    const later = queueOf('5f0');
    later.after = earlier;
    earlier.storeId = '9a1';
    expect([earlier.mustWait, later.mustWait]).toEqual([false, true]);
    earlier.ended = true;
    expect(later.mustWait).toBe(false);
  });

  test('a child waits until its parent’s id in the store is known, and not for a parent that can not be made', () => {
    const [parent, child, other] = [queueOf('5f0'), queueOf('5f1'), queueOf('5f2')];
    child.parent = parent;
    expect([child.mustWait, other.mustWait]).toEqual([true, false]);
    parent.storeId = '9a1';
    expect(child.mustWait).toBe(false);
    other.parent = queueOf('5f3');
    other.parent.fatal = new RunNotFoundError({ runId: '5f3' });
    expect(other.mustWait).toBe(false);
  });
});
