/** Text and tag of a value together tell all of it, and most values need no tag. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { take } from '../../../src/params/take.js';
import { typeTag, typeTagKey } from '../../../src/params/type-tag.js';
import { valueText } from '../../../src/params/value.js';
import { configOf } from '../../../src/reading/config.js';
import { double, loggable } from '../../params/loggable.js';

const FORMATS = ['js', 'python'] as const;

/** Maps as objects; Sets and typed arrays as arrays. */
function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [nameOf(key), plain(item)]));
  if (value instanceof Set) return [...value].map(plain);
  if (value instanceof Uint8Array || value instanceof Float32Array || value instanceof Float64Array) return [...value];
  if (value instanceof BigInt64Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}

function nameOf(key: unknown): string {
  return key instanceof Date ? key.toISOString() : String(key);
}

test.each(FORMATS)('values of every kind come back, %s', (format) => {
  fc.assert(
    fc.property(loggable, ({ value }) => {
      const tree = take(value, 'k');
      const text = valueText(tree, format);
      const tag = typeTag(tree, text, false);
      const tags = new Map(tag === undefined ? [] : [[typeTagKey('k', text), tag]]);
      expect(configOf(new Map([['k', text]]), tags)).toStrictEqual({ k: plain(value) });
    }),
    { numRuns: 3000 },
  );
});

test.each(FORMATS)('numbers, booleans, null, ordinary text, and lists and objects of them need no tag, %s', (format) => {
  const word = fc.string({ unit: fc.constantFrom(...'abcxyz -_./:'), minLength: 1 }).filter((text) => /^[a-z]/.test(text));
  const words = new Set(['true', 'false', 'null', 'nan', 'inf']);
  const scalar = fc.oneof(
    double,
    fc.boolean(),
    fc.constant(null),
    word.filter((text) => !words.has(text)),
  );
  const any = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, scalar, fc.array(tie('value')), fc.dictionary(word, tie('value'))),
  })).value;
  fc.assert(
    fc.property(any, (value) => {
      const tree = take(value, 'k');
      expect(typeTag(tree, valueText(tree, format), false)).toBeUndefined();
    }),
    { numRuns: 1000 },
  );
});

test('a tag is never longer than MLflow takes, with the longest of values and keys', () => {
  const alternating = Array.from({ length: 2999 }, (_, i) => (i % 2 === 0 ? 1 : 1n));
  const tree = take(alternating, 'k');
  const text = valueText(tree, 'js');
  expect(text.length).toBeLessThanOrEqual(6000);
  const names = Array.from({ length: 63 }, () => 'a.b');
  expect(names.join('.').length).toBeGreaterThan(250);
  expect(typeTag(tree, text, false, names)?.length).toBeLessThanOrEqual(8000);
});
