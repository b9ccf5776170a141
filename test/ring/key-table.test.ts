import fc from 'fast-check';
import { expect, test } from 'vitest';
import { INLINE, KeyReader, KeyWriter, MAX_KEY_UNITS, MAX_KEYS, newKeyTable } from '../../src/ring/key-table.js';

/** The id of a key that is met often enough. */
function interned(keys: KeyWriter, key: string): number {
  return keys.id(key) === INLINE ? keys.id(key) : keys.id(key);
}

test('a key that is met once takes no place in the table', () => {
  const keys = new KeyWriter(newKeyTable());
  expect(keys.id('once')).toBe(INLINE);
  for (let i = 0; i < MAX_KEYS * 2; i++) expect(keys.id(`one-off ${i}`)).toBe(INLINE);
  expect(interned(keys, 'first')).toBe(1);
});

test('a key that is met a second time has an id, and keeps it', () => {
  const table = newKeyTable();
  const keys = new KeyWriter(table);
  expect(keys.id('loss')).toBe(INLINE);
  expect(keys.id('loss')).toBe(1);
  expect(keys.id('loss')).toBe(1);
  expect(new KeyReader(table).name(1)).toBe('loss');
});

test('no two keys are taken for one another, in whatever order they come', () => {
  const name = fc.oneof(
    fc.nat(20).map((n) => `layer.${n}.bias`),
    fc.nat(20).map((n) => `layer.bias.${n}`),
    fc.constantFrom('', '学習率', '😀', '__proto__', 'constructor', 'a'.repeat(MAX_KEY_UNITS), 'a'.repeat(MAX_KEY_UNITS + 1)),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('\ud800', 'a\0b'),
  );
  fc.assert(
    fc.property(fc.array(name, { maxLength: 300, size: 'max' }), (names) => {
      const table = newKeyTable();
      const keys = new KeyWriter(table);
      const reader = new KeyReader(table);
      const ids = new Map<string, number>();
      for (const key of names) {
        const id = keys.id(key);
        if (id === INLINE) {
          expect(ids.has(key)).toBe(false);
          continue;
        }
        expect(id).toBe(ids.get(key) ?? ids.size + 1);
        ids.set(key, id);
        expect(reader.name(id)).toBe(key);
      }
      // A worker that takes over meets the latest id first.
      const late = new KeyReader(table);
      for (const [key, id] of [...ids].reverse()) expect(late.name(id)).toBe(key);
    }),
  );
});

test('what is no key is written nowhere', () => {
  const keys = new KeyWriter(newKeyTable());
  for (const key of ['', 'k'.repeat(MAX_KEY_UNITS + 1), '\udc00 half a pair', 'NUL \0']) {
    for (let i = 0; i < 3; i++) expect(keys.id(key)).toBe(INLINE);
  }
  // What a program without types can pass.
  for (const key of [undefined, null, 7, {}, Symbol('key')]) {
    for (let i = 0; i < 3; i++) expect(keys.id(key as unknown as string)).toBe(INLINE);
  }
  expect(interned(keys, 'first')).toBe(1);
});

test('a table without a free entry leaves new keys to their records and still knows the old ones', () => {
  const table = newKeyTable();
  const keys = new KeyWriter(table);
  for (let n = 1; n <= MAX_KEYS; n++) expect(interned(keys, `key ${n}`)).toBe(n);
  for (let i = 0; i < 3; i++) expect(keys.id('one too many')).toBe(INLINE);
  expect(keys.id('key 1')).toBe(1);
  expect(keys.id(`key ${MAX_KEYS}`)).toBe(MAX_KEYS);
  const reader = new KeyReader(table);
  expect(reader.name(MAX_KEYS)).toBe(`key ${MAX_KEYS}`);
  expect(reader.name(1)).toBe('key 1');
});

test('a table without room for text leaves new keys to their records and still knows the old ones', () => {
  const table = newKeyTable();
  const keys = new KeyWriter(table);
  const long = (n: number): string => `${n}`.padStart(4, '0') + '学'.repeat(MAX_KEY_UNITS - 4);
  let entered = 0;
  while (entered < MAX_KEYS && interned(keys, long(entered)) !== INLINE) entered++;
  expect(entered).toBeGreaterThan(600);
  expect(entered).toBeLessThan(MAX_KEYS);
  // A short one has room still.
  expect(interned(keys, 'short')).toBe(entered + 1);
  const reader = new KeyReader(table);
  for (let n = 0; n < entered; n++) expect(reader.name(n + 1)).toBe(long(n));
  expect(reader.name(entered + 1)).toBe('short');
});
