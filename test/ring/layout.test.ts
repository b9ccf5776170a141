import fc from 'fast-check';
import { expect, test } from 'vitest';
import { header, isCapacity, kindOf, lengthOf, maxRecordBytes, newRing, reached, recordBytes } from '../../src/ring/layout.js';

test('a ring of a size that can not be masked is refused with the size', () => {
  for (const capacity of [0, 2048, 4097, 6000, 2 ** 31, 4096.5, Number.NaN]) {
    expect(isCapacity(capacity)).toBe(false);
    expect(() => newRing(capacity)).toThrow(
      new RangeError(`ring capacity must be a power of two from 4096 to 2^30, got ${capacity}`),
    );
  }
  expect(isCapacity(4096)).toBe(true);
  expect(isCapacity(2 ** 30)).toBe(true);
});

test('kind and length of a record survive its header word, up to the longest record of the largest ring', () => {
  const longest = maxRecordBytes(2 ** 30);
  expect(recordBytes(longest)).toBe(longest);
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 127 }),
      fc.oneof(fc.constant(longest / 8), fc.integer({ min: 1, max: longest / 8 })),
      (kind, units) => {
        const [word] = new Int32Array([header(kind, units * 8)]);
        expect([kindOf(word as number), lengthOf(word as number)]).toEqual([kind, units * 8]); // an array of one
      },
    ),
  );
});

test('a length is rounded up to what keeps doubles aligned', () => {
  expect([0, 1, 7, 8, 9, 24, 25].map(recordBytes)).toEqual([0, 8, 8, 8, 16, 24, 32]);
});

test('a position is compared rightly where it wraps', () => {
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.integer({ min: 1, max: 2 ** 31 - 1 }), (goal, ahead) => {
      const position = (goal + ahead) | 0;
      expect([reached(goal, goal), reached(position, goal), reached(goal, position)]).toEqual([true, true, false]);
    }),
  );
});
