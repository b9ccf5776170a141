import { describe, expect, test } from 'vitest';
import { ConfigSchemaError } from '../../../src/errors.js';
import { typeTagKey } from '../../../src/params/type-tag.js';
import { type ConfigTree, configBy, configOf, type SchemaResult, type StandardSchema } from '../../../src/reading/config.js';
import { failureOf } from '../../tracker/waiting.js';

function read(params: Record<string, string>, tags: Record<string, string> = {}): ConfigTree {
  return configOf(new Map(Object.entries(params)), new Map(Object.entries(tags)));
}

/** With a tag of the type of `k`. */
function typed(text: string, words: string, ofText = text): unknown {
  return read({ k: text }, { [typeTagKey('k', ofText)]: words })['k'];
}

describe('keys', () => {
  test('nest at each dot, and digits are names', () => {
    expect(read({ 'a.b.c': '1', 'a.b.d': 'x', 'a.0': 'y', e: 'true' })).toStrictEqual({
      a: { b: { c: 1, d: 'x' }, '0': 'y' },
      e: true,
    });
  });

  test('that would lie in a value stay whole, in whatever order they come', () => {
    for (const keys of [
      ['a', 'a.b', 'a.b.c', 'd.e', 'd.e.f'],
      ['d.e.f', 'a.b.c', 'a.b', 'd.e', 'a'],
    ]) {
      const config = configOf(new Map(keys.map((key) => [key, '1'])), new Map());
      expect(config).toStrictEqual({ a: 1, 'a.b': 1, 'a.b.c': 1, d: { e: 1 }, 'd.e.f': 1 });
    }
  });

  test('lie in an object that was logged as one value, beside what it has', () => {
    expect(read({ a: '{"b":1}', 'a.b': '2', 'a.c': '3' })).toStrictEqual({ a: { b: 1, c: 3 }, 'a.b': 2 });
  });

  test('called __proto__ or constructor are ordinary, and nothing else changes', () => {
    const config = read({
      '__proto__.polluted': '1',
      'constructor.prototype.polluted': '1',
      toString: '{"__proto__":{"polluted":1}}',
    });
    expect(Object.keys(config)).toEqual(['__proto__', 'constructor', 'toString']);
    expect(Object.getPrototypeOf(config)).toBe(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(config, '__proto__')?.value).toStrictEqual({ polluted: 1 });
    expect(config['toString']).toStrictEqual(JSON.parse('{"__proto__":{"polluted":1}}'));
    expect('polluted' in {}).toBe(false);
  });

  test('nest at each slash where a tag says so', () => {
    expect(read({ 'a/b': '1', 'c.d': '2' })).toStrictEqual({ 'a/b': 1, c: { d: 2 } });
    expect(read({ 'a/b': '1', 'c.d': '2' }, { 'headrace.separator': '/' })).toStrictEqual({ a: { b: 1 }, 'c.d': 2 });
  });

  test('of a tag have to join to the key', () => {
    const key = typeTagKey('a.b.c', '1');
    expect(read({ 'a.b.c': '1' }, { [key]: 'path a.b > c' })).toStrictEqual({ 'a.b': { c: 1 } });
    expect(read({ 'a.b.c': '1' }, { [key]: 'path a > c' })).toStrictEqual({ a: { b: { c: 1 } } });
    expect(read({ 'a.b.c': '1' }, { [key]: 'path' })).toStrictEqual({ a: { b: { c: 1 } } });
  });
});

describe('a tag of a type', () => {
  const iso = '2024-01-02T03:04:05.000Z';
  const python = '2024-01-02 03:04:05.123000+00:00';
  test.each<[text: string, words: string, value: unknown]>([
    ['1', 'text', '1'],
    ['1', 'bigint', 1n],
    [iso, 'date', new Date(iso)],
    [python, 'date', new Date(Date.UTC(2024, 0, 2, 3, 4, 5, 123))],
    ['+275760-09-13T00:00:00.000Z', 'date', new Date(8.64e15)],
    ['[1,2,3,"a",4]', 'bigint 0,2-3', undefined],
    ['[1,2,3,"a",4]', 'bigint 0-2,4', [1n, 2n, 3n, 'a', 4n]],
    [`{"b":["x",{"a":"${iso}"}],"a":7}`, 'date 1; bigint 2', { b: ['x', { a: new Date(iso) }], a: 7n }],
    ['[10000000000000000, 1]', 'bigint 0', [10n ** 16n, 1]],
  ])('tells what %s was: %s', (text, words, value) => {
    expect(typed(text, words)).toStrictEqual(value ?? read({ k: text })['k']);
  });

  test.each([
    ['adam', 'bigint'],
    ['1.5', 'bigint'],
    ['-0', 'bigint'],
    ['true', 'bigint'],
    ['1', 'date'],
    ['yesterday', 'date'],
    ['2024-01-02', 'date'],
    ['2024-02-30T00:00:00.000Z', 'date'],
    ['[1]', 'bigint 1'],
    ['[1]', 'bigint -1'],
    ['[1]', 'bigint 0-99999999999'],
    ['[1]', 'bigint x'],
    ['[]', 'bigint 0'],
    ['1', 'vector'],
    ['1', 'bigint; vector'],
    ['1', ''],
  ])('that does not fit is as good as none: %s as %s', (text, words) => {
    expect(typed(text, words)).toStrictEqual(read({ k: text })['k']);
  });

  test('of another value of the key is not taken for its own', () => {
    expect(typed('1', 'text', '2')).toBe(1);
  });

  test('has a key that MLflow takes, however long that of its param is', () => {
    const key = '学'.repeat(250);
    const tag = typeTagKey(key, '1');
    expect(tag).toMatch(/^headrace\.type\.[\da-f]{64}\.[\da-f]{8}$/);
    expect(read({ [key]: '1' }, { [tag]: 'text' })).toStrictEqual({ [key]: '1' });
    expect([...typeTagKey('k'.repeat(227), '1')]).toHaveLength(250);
  });
});

describe('texts made to break a reader', () => {
  test.each([
    '['.repeat(6000),
    '{'.repeat(6000),
    `[${'"\\'.repeat(3000)}`,
    `[${'0,'.repeat(2999)}`,
    "['\\Uffffffff']",
    '[datetime.datetime(, tzinfo=datetime.timezone.utc)]',
    '[datetime.datetime(99999999, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)]',
    `[${'9'.repeat(400)}.0]`,
    '1e999',
    '[]]',
    '[,]',
    '[1,]',
    '{"a"}',
    '{"a":1,2}',
    '{1:}',
    '[1 2]',
    '-',
    '--1',
    'set(',
  ])('stay text: %s', (text) => {
    expect(read({ k: text })).toStrictEqual({ k: text });
  });

  test('64 levels are read, as they can be written', () => {
    const deep = '['.repeat(64) + ']'.repeat(64);
    expect(read({ k: deep })).toStrictEqual({ k: JSON.parse(deep) });
    expect(read({ k: `[${deep}]` })).toStrictEqual({ k: `[${deep}]` });
  });
});

describe('a schema', () => {
  const schema = <T>(validate: (value: unknown) => SchemaResult<T> | Promise<SchemaResult<T>>): StandardSchema<T> => ({
    '~standard': { version: 1, vendor: 'test', validate },
  });

  test('gives out what it makes of the configuration, at once or later', async () => {
    const config = read({ 'optimizer.lr': '0.1' });
    expect(
      await configBy(
        schema((value) => ({ value: [value] })),
        config,
      ),
    ).toStrictEqual([{ optimizer: { lr: 0.1 } }]);
    expect(
      await configBy(
        schema(async (value) => ({ value })),
        config,
      ),
    ).toStrictEqual(config);
  });

  test('that refuses names each bad key', async () => {
    const issues = [
      { message: 'expected a number', path: ['optimizer', { key: 'lr' }] },
      { message: 'is missing', path: ['layers', 0] },
      { message: 'is odd' },
    ];
    const error = await failureOf(
      ConfigSchemaError,
      configBy(
        schema(() => ({ issues })),
        {},
      ),
    );
    expect(error.code).toBe('HEADRACE_CONFIG_SCHEMA');
    expect(error.problems).toEqual([
      { key: 'optimizer.lr', message: 'expected a number' },
      { key: 'layers.0', message: 'is missing' },
      { key: '', message: 'is odd' },
    ]);
    expect(error.message).toContain('"optimizer.lr": expected a number; "layers.0": is missing; as a whole: is odd');
  });
});
