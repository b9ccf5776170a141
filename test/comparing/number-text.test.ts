import fc from 'fast-check';
import { expect, test } from 'vitest';
import { numberIdentity, numberOf, sameValue } from '../../src/params/number-text.js';
import { pythonNumber } from '../../src/params/python-text.js';

/** One number, digits times a power of ten, in one of the ways it may be written. */
const spelled = fc
  .record({
    digits: fc.bigInt({ min: 0n, max: 999n }),
    power: fc.integer({ min: -4, max: 4 }),
    isNegative: fc.boolean(),
    zeros: fc.nat(3),
    shift: fc.integer({ min: -3, max: 3 }),
    mark: fc.constantFrom('e', 'E'),
  })
  .map(({ digits, power, isNegative, zeros, shift, mark }) => {
    const whole = `${'0'.repeat(zeros)}${digits}${'0'.repeat(Math.max(0, shift))}`;
    const text = `${whole}${shift < 0 ? `.${'0'.repeat(-shift)}` : ''}${mark}${power - Math.max(0, shift)}`;
    const scaled = digits * 10n ** BigInt(power + 4);
    return { text: isNegative ? `-${text}` : text, exact: isNegative ? -scaled : scaled };
  });

test('two texts of one number are the same, of two numbers never', () => {
  fc.assert(
    fc.property(spelled, spelled, (a, b) => {
      expect(sameValue(a.text, b.text)).toBe(a.exact === b.exact);
    }),
    { numRuns: 5000 },
  );
});

test('being the same goes both ways and is handed on', () => {
  const text = fc.oneof(
    spelled.map(({ text }) => text),
    fc.constantFrom('nan', 'NaN', 'inf', '-inf', 'Infinity', '0', '-0.0', 'adam', '', '1 '),
  );
  fc.assert(
    fc.property(text, text, text, (a, b, c) => {
      expect(sameValue(a, a)).toBe(true);
      expect(sameValue(a, b)).toBe(sameValue(b, a));
      if (sameValue(a, b) && sameValue(b, c)) expect(sameValue(a, c)).toBe(true);
    }),
    { numRuns: 5000 },
  );
});

test('a double is the same number as JavaScript and as Python write it', () => {
  fc.assert(
    fc.property(fc.double(), (value) => {
      expect(sameValue(String(value), pythonNumber(value))).toBe(true);
      expect(numberOf(pythonNumber(value))).toBe(Object.is(value, -0) ? -0 : value);
    }),
    { numRuns: 3000 },
  );
});

test('integers that are one double are still two numbers', () => {
  expect(sameValue('9007199254740993', '9007199254740992')).toBe(false);
  expect(sameValue('12345678901234567890', '12345678901234567891')).toBe(false);
});

test.each([
  ['1e-3', '0.001'],
  ['1', '1.0'],
  ['.5', '0.5'],
  ['5.', '+5'],
  ['0', '-0.0'],
  ['nan', 'NaN'],
  ['inf', 'Infinity'],
  ['1e400', '10e399'],
  ['1e-999999999999999999999', '10e-1000000000000000000000'],
])('%s and %s are one number', (left, right) => {
  expect(sameValue(left, right)).toBe(true);
});

test.each(['', '.', '-', 'e5', '0x10', '1_000', ' 1', '1 ', '1\n', '1e', '+.e1', '1.2.3', 'True', 'null', '1e5.0', '١'])(
  '%j is no number',
  (text) => {
    expect(numberIdentity(text)).toBeUndefined();
    expect(numberOf(text)).toBeUndefined();
  },
);
