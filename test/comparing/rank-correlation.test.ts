import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rankCorrelation } from '../../src/comparing/rank-correlation.js';

/** As textbooks define it: one more than how many are less, and half of the others that are equal. */
function naiveRanks(values: readonly number[]): number[] {
  return values.map((value) => {
    const less = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return 1 + less + (equal - 1) / 2;
  });
}

function naive(pairs: readonly (readonly [number, number])[]): number | undefined {
  const xs = naiveRanks(pairs.map(([x]) => x));
  const ys = naiveRanks(pairs.map(([, y]) => y));
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const covariance = mean(xs.map((x, index) => (x - mean(xs)) * ((ys[index] ?? 0) - mean(ys))));
  const deviation = (values: readonly number[]): number => Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));
  if (pairs.length < 3 || deviation(xs) === 0 || deviation(ys) === 0) return undefined;
  return covariance / (deviation(xs) * deviation(ys));
}

const value = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.double({ noNaN: true }),
  fc.constantFrom(0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
);

test('it is what the definition says, with ties, infinities and zeros of both signs', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(value, value), { maxLength: 30 }), (pairs) => {
      const expected = naive(pairs);
      if (expected === undefined) expect(rankCorrelation(pairs)).toBeUndefined();
      else expect(rankCorrelation(pairs)).toBeCloseTo(expected, 10);
    }),
    { numRuns: 3000 },
  );
});

test('values that only rise together correlate fully, and never more than fully', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.double({ noNaN: true, min: -1e100, max: 1e100 }), {
        minLength: 3,
        maxLength: 40,
        comparator: 'IsStrictlyEqual',
      }),
      (xs) => {
        const sorted = [...xs].sort((a, b) => a - b);
        expect(rankCorrelation(sorted.map((x, index) => [x, index ** 3]))).toBe(1);
        expect(rankCorrelation(sorted.map((x, index) => [x, -index]))).toBe(-1);
      },
    ),
  );
});

test('known values: a published example with ties', () => {
  // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
  expect(
    rankCorrelation([
      [1, 10],
      [2, 20],
      [2, 30],
      [3, 40],
    ]),
  ).toBeCloseTo(4.5 / Math.sqrt(22.5), 12);
});
