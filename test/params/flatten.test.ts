import fc from 'fast-check';
import { expect, test } from 'vitest';
import { InvalidValueError } from '../../src/errors.js';
import { flatten } from '../../src/params/flatten.js';
import { namesIn } from '../../src/params/inner-separators.js';

interface Walk {
  readonly leaves: [key: string, value: unknown][];
  readonly refused: [key: string, reason: string][];
}

function walk(params: unknown, prefix?: string, separator: '.' | '/' = '.'): Walk {
  const seen: Walk = { leaves: [], refused: [] };
  flatten(
    params,
    prefix,
    separator,
    (key, value) => seen.leaves.push([key, value]),
    (key, error) => {
      if (!(error instanceof InvalidValueError)) throw error;
      expect(error.key).toBe(key);
      seen.refused.push([key, error.reason]);
    },
  );
  return seen;
}

function thrower(): never {
  throw new Error('boom');
}

test('nested names are joined, in the order of the object', () => {
  const params = { b: 1, optimizer: { name: 'adam', schedule: { warmup: 10 } }, a: [1, { x: 2 }] };
  expect(walk(params)).toEqual({
    leaves: [
      ['b', 1],
      ['optimizer.name', 'adam'],
      ['optimizer.schedule.warmup', 10],
      ['a', [1, { x: 2 }]],
    ],
    refused: [],
  });
  expect(walk({ optimizer: { lr: 1 } }, 'model', '/').leaves).toEqual([['model/optimizer/lr', 1]]);
  expect(walk({ lr: 1 }, '').leaves).toEqual([['lr', 1]]);
});

test('an empty name makes a key of its own, it does not vanish', () => {
  expect(walk({ '': { a: 1 } }).leaves).toEqual([['.a', 1]]);
  expect(walk({ a: { '': 1 } }).leaves).toEqual([['a.', 1]]);
});

test('class instances, objects without prototype and own __proto__ nest; inherited and hidden properties do not show', () => {
  class Point {
    x = 1;
    #y = 2;
    get sum(): number {
      return this.x + this.#y;
    }
  }
  const bare: unknown = Object.assign(Object.create(null), { a: 1 });
  expect(walk({ point: new Point(), bare, own: JSON.parse('{"__proto__":{"b":1}}') }).leaves).toEqual([
    ['point.x', 1],
    ['bare.a', 1],
    ['own.__proto__.b', 1],
  ]);
});

test('a Map nests and its keys become text', () => {
  const map = new Map<unknown, unknown>([
    ['a', 1],
    [2, { b: 3 }],
    [null, 4],
    [-0.5, 5],
    [7n, 6],
    [[1, 'x'], 7],
    [new Date(0), 8],
  ]);
  expect(walk(map, 'm').leaves).toEqual([
    ['m.a', 1],
    ['m.2.b', 3],
    ['m.null', 4],
    ['m.-0.5', 5],
    ['m.7', 6],
    ['m.[1,"x"]', 7],
    ['m.1970-01-01T00:00:00.000Z', 8],
  ]);
});

test('a key of a Map that has no text is refused alone', () => {
  const map = new Map<unknown, unknown>([
    ['a', 1],
    [thrower, 2],
    ['c', 3],
  ]);
  expect(walk({ map })).toEqual({
    leaves: [
      ['map.a', 1],
      ['map.c', 3],
    ],
    refused: [['map', 'has a Map entry, number 1, whose key is a function']],
  });
});

test('what is no nesting object reaches leaf as it is, the unloggable too', () => {
  const leaves = [
    [1],
    new Set([1]),
    new Float32Array(1),
    new Date(0),
    new URL('http://a/'),
    /a/,
    new Error('x'),
    Promise.resolve(),
    Object('a'),
    thrower,
    undefined,
    null,
    1n,
    Symbol.iterator,
    new URLSearchParams('a=1'),
  ];
  const seen = walk(Object.fromEntries(leaves.map((leaf, i) => [`k${i}`, leaf])));
  expect(seen.refused).toEqual([]);
  expect(seen.leaves.map(([, value]) => value)).toEqual(leaves);
  for (const [i, [, value]] of seen.leaves.entries()) expect(value).toBe(leaves[i]);
});

test('an empty object or Map is kept as a leaf, also under a prefix; nothing at all is nothing to log', () => {
  expect(walk({ a: {}, b: new Map(), c: [] }).leaves).toEqual([
    ['a', {}],
    ['b', {}],
    ['c', []],
  ]);
  expect(walk({}, 'p').leaves).toEqual([['p', {}]]);
  expect(walk({})).toEqual({ leaves: [], refused: [] });
});

test('toJSON is asked once and its answer may nest', () => {
  let asked = 0;
  const value = {
    hidden: 1,
    toJSON: (): unknown => {
      asked++;
      return { a: { b: 1 }, c: 'x' };
    },
  };
  expect(walk({ value })).toEqual({
    leaves: [
      ['value.a.b', 1],
      ['value.c', 'x'],
    ],
    refused: [],
  });
  expect(asked).toBe(1);
  expect(walk(value, 'p').leaves).toEqual([
    ['p.a.b', 1],
    ['p.c', 'x'],
  ]);
  expect(
    walk({
      text: { toJSON: () => '1.50' },
      empty: {
        toJSON(): unknown {
          asked++;
          return Object.create(this);
        },
      },
    }),
  ).toEqual({
    leaves: [
      ['text', '1.50'],
      ['empty', {}],
    ],
    refused: [],
  });
  expect(asked).toBe(3);
});

test('one bad leaf is refused alone and the walk goes on behind it', () => {
  const params = {
    a: 1,
    b: {
      get bad(): never {
        return thrower();
      },
      good: 2,
    },
    c: { toJSON: thrower },
    d: new Proxy({}, { ownKeys: thrower }),
    e: new Proxy({}, { getPrototypeOf: thrower }),
    f: 3,
  };
  expect(walk(params)).toEqual({
    leaves: [
      ['a', 1],
      ['b.good', 2],
      ['f', 3],
    ],
    refused: ['b.bad', 'c', 'd', 'e'].map((key) => [key, 'is something that throws when it is read; boom']),
  });
});

test('a cycle is refused at the place where it closes; the same object twice is none', () => {
  const params: Record<string, unknown> = { a: 1 };
  params['self'] = params;
  params['map'] = new Map([['up', params]]);
  params['z'] = 2;
  const cycle = 'is a cycle; it is one of the objects that it lies in';
  expect(walk(params)).toEqual({
    leaves: [
      ['a', 1],
      ['z', 2],
    ],
    refused: [
      ['self', cycle],
      ['map.up', cycle],
    ],
  });
  const shared = { x: 1 };
  expect(walk({ a: shared, b: { shared } }).leaves).toEqual([
    ['a.x', 1],
    ['b.shared.x', 1],
  ]);
  const knowsItself = { toJSON: (): unknown => ({ self: knowsItself, b: 1 }) };
  expect(walk({ knowsItself })).toEqual({ leaves: [['knowsItself.b', 1]], refused: [['knowsItself.self', cycle]] });
});

test('64 levels are walked, what lies deeper is refused, and a chain of 100,000 ends', () => {
  const deep = (levels: number): unknown => {
    let value: unknown = { end: 1 };
    for (let i = 1; i < levels; i++) value = { a: value };
    return value;
  };
  expect(walk(deep(64)).leaves).toHaveLength(1);
  for (const levels of [65, 100_000]) {
    const { leaves, refused } = walk(deep(levels));
    expect(leaves).toEqual([]);
    expect(refused).toEqual([[Array(64).fill('a').join('.'), 'is more than 64 levels deep']]);
  }
});

test('objects that share their parts 2^60 times, or grow while they are walked, come to an end', () => {
  let shared: unknown = 1;
  for (let i = 0; i < 60; i++) shared = { a: shared, b: shared };
  let leaves = 0;
  const refused: string[] = [];
  flatten(
    shared,
    undefined,
    '.',
    () => leaves++,
    (_, error) => refused.push(error.message),
  );
  expect(leaves).toBeLessThanOrEqual(1_000_000);
  expect(refused).toHaveLength(1);
  expect(refused[0]).toContain('over 1,000,000 names');
  const map = new Map<string, unknown>();
  map.set('a', { toJSON: () => map.set(`k${map.size}`, 1) && 1 });
  expect(walk(map).leaves).toEqual([['a', 1]]);
});

test.each<[unknown, string]>([
  [[1], 'is an array;'],
  ['text', 'is a string;'],
  [null, 'is null;'],
  [undefined, 'is undefined;'],
  [thrower, 'is a function;'],
  [new Set([1]), 'is a set;'],
  [new Date(0), 'is a date;'],
  [new Uint8Array(1), 'is a typed array;'],
  [Promise.resolve(), 'is an object without readable properties;'],
  [{ toJSON: () => 'x' }, 'is a string;'],
  [{ toJSON: thrower }, 'is something that throws when it is read; boom'],
])('params that are no object are refused under the prefix: %s', (params, reason) => {
  for (const prefix of [undefined, 'p']) {
    const { leaves, refused } = walk(params, prefix);
    expect(leaves).toEqual([]);
    expect(refused).toHaveLength(1);
    expect(refused[0]?.[0]).toBe(prefix ?? '');
    expect(refused[0]?.[1]).toMatch(reason);
  }
});

test('nothing that it is given makes it throw, and no name is lost', () => {
  fc.assert(
    fc.property(
      fc.anything({
        withBigInt: true,
        withMap: true,
        withSet: true,
        withDate: true,
        withNullPrototype: true,
        withSparseArray: true,
      }),
      (value) => {
        const { leaves, refused } = walk({ first: 1, value, last: 2 });
        // A Map's key may be without text.
        expect(refused.every(([, reason]) => reason.includes('whose key'))).toBe(true);
        expect(leaves[0]).toEqual(['first', 1]);
        expect(leaves.at(-1)).toEqual(['last', 2]);
        return (
          leaves.length + refused.length >= 3 && leaves.slice(1, -1).every(([key]) => key === 'value' || key.startsWith('value.'))
        );
      },
    ),
    { numRuns: 1000 },
  );
});

test('params made of plain objects come back whole when their keys are split again', () => {
  const tree = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), fc.oneof({ maxDepth: 5 }, fc.integer(), tie('node')), {
      minKeys: 1,
      maxKeys: 4,
    }),
  })).node;
  fc.assert(
    fc.property(tree, (params) => {
      const rebuilt: Record<string, unknown> = {};
      for (const [key, value] of walk(params).leaves) {
        const names = key.split('.');
        let at = rebuilt;
        for (const name of names.slice(0, -1)) {
          at[name] ??= {};
          at = at[name] as Record<string, unknown>; // made just here
        }
        at[names.at(-1) ?? ''] = value;
      }
      expect(rebuilt).toEqual(params);
    }),
  );
});

test('names with separators in them are told from the key, be it by 16 bits or one by one', () => {
  const name = fc.string({ unit: fc.constantFrom('a', '.', '/'), maxLength: 6 });
  let oneByOne = 0;
  fc.assert(
    fc.property(
      fc.array(name, { minLength: 1, maxLength: 8 }),
      fc.option(name, { nil: undefined }),
      fc.constantFrom('.' as const, '/' as const),
      (names, prefix, separator) => {
        const params = names.reduceRight<unknown>((inner, each) => ({ [each]: inner }), 1);
        const told: (readonly string[])[] = [];
        const leaf = (key: string, _: unknown, inner: number, all: readonly string[] | undefined): void => {
          if (all !== undefined) oneByOne++;
          told.push(all ?? namesIn(key, separator, inner));
        };
        flatten(params, prefix, separator, leaf, (_, error) => expect.unreachable(error.message));
        const before = prefix === undefined || prefix === '' ? [] : prefix.split(separator);
        expect(told).toEqual([[...before, ...names]]);
      },
    ),
    { numRuns: 2000 },
  );
  expect(oneByOne).toBeGreaterThan(0);
});
