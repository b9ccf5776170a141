import fc from 'fast-check';
import { expect, test } from 'vitest';
import { curveOf, LEAST_POINTS } from '../../src/comparing/curve.js';

const history = fc
  .array(
    fc.oneof(
      { weight: 20, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
      fc.constantFrom(Number.NaN, Number.NEGATIVE_INFINITY),
    ),
    {
      minLength: 1,
      maxLength: 300,
    },
  )
  .map((values) => values.map((value, index) => ({ value, step: index * 10, timestamp: index })));

test('a thinned curve keeps its ends, its peaks and that there was a gap, in order, within its limit', () => {
  fc.assert(
    fc.property(history, fc.integer({ min: LEAST_POINTS, max: 60 }), (points, limit) => {
      const { at, values } = curveOf(points, limit);
      expect(values.length).toBe(at.length);
      expect(values.length).toBeLessThanOrEqual(limit);
      expect([...at]).toEqual([...new Set(at)].sort((a, b) => a - b));
      for (const [index, step] of at.entries()) expect(values[index]).toBe(points[step / 10]?.value);
      expect(at[0]).toBe(0);
      expect(at.at(-1)).toBe((points.length - 1) * 10);
      const finite = points.map(({ value }) => value).filter(Number.isFinite);
      if (finite.length > 0) {
        expect(values).toContain(Math.min(...finite));
        expect(values).toContain(Math.max(...finite));
      }
      expect(values.every(Number.isFinite)).toBe(finite.length === points.length);
    }),
    { numRuns: 1000 },
  );
});

test('a short history is kept as it is', () => {
  const points = [3, 1, 2].map((value, step) => ({ value, step, timestamp: 0 }));
  expect(curveOf(points, 1000)).toEqual({ along: 'step', at: [0, 1, 2], values: [3, 1, 2] });
});

test('values logged without a step stand beside each other, not on top of each other', () => {
  const points = [3, 1, 2].map((value, timestamp) => ({ value, step: 0, timestamp }));
  expect(curveOf(points, 1000)).toEqual({ along: 'order', at: [0, 1, 2], values: [3, 1, 2] });
});
