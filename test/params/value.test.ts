import fc from 'fast-check';
import { Packr } from 'msgpackr/pack';
import { Unpackr } from 'msgpackr/unpack';
import { expect, test } from 'vitest';
import { take } from '../../src/params/take.js';
import { Tag, type Tree } from '../../src/params/tree.js';
import { type ValueFormat, valueText } from '../../src/params/value.js';
import { double, loggable } from './loggable.js';

const FORMATS: readonly ValueFormat[] = ['js', 'python'];
const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });

function js(value: unknown): string {
  return valueText(take(value, 'k'), 'js');
}

test('packing on the way to the worker changes no text', () => {
  fc.assert(
    fc.property(loggable, fc.constantFrom(...FORMATS), ({ value }, format) => {
      const tree = take(value, 'k');
      // Packed by us a moment ago.
      const arrived = unpackr.unpack(packr.pack(tree)) as Tree;
      expect(valueText(arrived, format)).toBe(valueText(tree, format));
    }),
    { numRuns: 3000 },
  );
});

test('a value taken twice has the same text twice, or logging it again would be a conflict', () => {
  fc.assert(
    fc.property(loggable, fc.constantFrom(...FORMATS), ({ value }, format) => {
      expect(valueText(take(value, 'k'), format)).toBe(valueText(take(structuredClone(value), 'k'), format));
    }),
    { numRuns: 1000 },
  );
});

test('what JSON can say is said as JSON.stringify says it', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      const said = JSON.stringify([value]);
      fc.pre(!/\\u0000|\\ud[89a-f]/i.test(said));
      // Parsed again: JSON.stringify has already made 0 of -0.
      expect(js(JSON.parse(said))).toBe(said);
    }),
    { numRuns: 2000 },
  );
});

test('a number keeps its sign of zero and reads back as the same double', () => {
  fc.assert(
    fc.property(double, (value) => {
      expect(Number(valueText(value, 'js'))).toBe(value);
      expect(Number(js([value]).slice(1, -1))).toBe(value);
    }),
    { numRuns: 3000 },
  );
});

test('a raw -0, as it comes from the ring, is not 0', () => {
  expect(valueText(-0, 'js')).toBe('-0');
  expect(valueText(-0, 'python')).toBe('-0.0');
});

test('a float of a config file keeps its point in Python text and has none in JavaScript text', () => {
  expect(FORMATS.map((format) => valueText([Tag.Float, 1], format))).toEqual(['1', '1.0']);
  expect(FORMATS.map((format) => valueText([Tag.Array, [Tag.Float, 1e16], 1], format))).toEqual([
    '[10000000000000000,1]',
    '[1e+16, 1]',
  ]);
  expect(FORMATS.map((format) => valueText([Tag.Float, [Tag.NegativeZero]], format))).toEqual(['-0', '-0.0']);
  expect(FORMATS.map((format) => valueText([Tag.Float, NaN], format))).toEqual(['NaN', 'nan']);
});

test('years that Python has no datetime for are text, years 1 and 9999 are not', () => {
  const python = (iso: string): string[] =>
    [new Date(iso), [new Date(iso)]].map((value) => valueText(take(value, 'k'), 'python'));
  expect(python('0001-01-01T00:00:00.000Z')).toEqual([
    '0001-01-01 00:00:00+00:00',
    '[datetime.datetime(1, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)]',
  ]);
  expect(python('9999-12-31T23:59:59.999Z')[0]).toBe('9999-12-31 23:59:59.999000+00:00');
  for (const iso of ['0000-12-31T23:59:59.999Z', '-000001-01-01T00:00:00.000Z', '+010000-01-01T00:00:00.000Z']) {
    expect(python(iso)).toEqual([iso, `['${iso}']`]);
  }
});

test('two Maps that differ only in the type of a key differ in Python text', () => {
  expect(valueText(take(new Map([[1, 'a']]), 'k'), 'python')).toBe("{1: 'a'}");
  expect(valueText(take(new Map([['1', 'a']]), 'k'), 'python')).toBe("{'1': 'a'}");
});
