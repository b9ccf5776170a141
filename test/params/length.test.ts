import fc from 'fast-check';
import { expect, test } from 'vitest';
import { codePoints, cutToCodePoints, isLonger } from '../../src/params/length.js';

const text = fc.string({ unit: fc.constantFrom('a', 'é', '学', '😀', '\u{10ffff}', 'e\u0301') });

test('length is counted in code points, as MLflow counts it', () => {
  expect(codePoints('😀'.repeat(6000))).toBe(6000);
  expect(codePoints('e\u0301'.repeat(3000))).toBe(6000);
  fc.assert(fc.property(text, (t) => codePoints(t) === Array.from(t).length));
});

test('a value of exactly the limit is not too long, one more code point is', () => {
  expect(isLonger('😀'.repeat(6000), 6000)).toBe(false);
  expect(isLonger(`${'😀'.repeat(6000)}z`, 6000)).toBe(true);
  expect(isLonger('x'.repeat(6001), 6000)).toBe(true);
  fc.assert(fc.property(text, fc.nat(12), (t, limit) => isLonger(t, limit) === Array.from(t).length > limit));
});

test('cutting never splits a character and never cuts what is short enough', () => {
  expect(cutToCodePoints(`${'😀'.repeat(6000)}z`, 6000)).toBe('😀'.repeat(6000));
  expect(cutToCodePoints('x'.repeat(6001), 6000)).toBe('x'.repeat(6000));
  fc.assert(fc.property(text, fc.nat(12), (t, limit) => cutToCodePoints(t, limit) === Array.from(t).slice(0, limit).join('')));
});
