import fc from 'fast-check';
import { expect, test } from 'vitest';
import { InvalidValueError } from '../../src/errors.js';
import { take } from '../../src/params/take.js';
import { Tag, type Tree } from '../../src/params/tree.js';

function refusal(value: unknown): string {
  try {
    take(value, 'k');
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    expect(error.key).toBe('k');
    return error.reason;
  }
  throw new Error('the value was taken');
}

function nested(levels: number, innermost: unknown): unknown {
  let value = innermost;
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}

function thrower(): never {
  throw new Error('boom');
}

test('a value is what it was at the call: later changes of the object do not reach its tree', () => {
  const layers = [1, 2];
  const map = new Map([['a', layers]]);
  const tree = take(map, 'k');
  layers.push(3);
  map.clear();
  expect(tree).toEqual([Tag.Object, 'a', [Tag.Array, 1, 2]]);
});

test('what msgpackr would lose is tagged: -0, bigints, own __proto__, Sets, Maps', () => {
  expect(take(-0, 'k')).toEqual([Tag.NegativeZero]);
  expect(take(2n ** 70n, 'k')).toEqual([Tag.BigInt, '1180591620717411303424']);
  expect(take(JSON.parse('{"__proto__":{"a":1}}'), 'k')).toEqual([Tag.Object, '__proto__', [Tag.Object, 'a', 1]]);
  expect(take(new Set([1, -0]), 'k')).toEqual([Tag.Set, 1, 0]); // a Set itself turns -0 into 0
  expect(take(new Map<unknown, unknown>([[[1], new Map()]]), 'k')).toEqual([Tag.Object, [Tag.Array, 1], [Tag.Object]]);
  expect(take(new Float64Array([-0]), 'k')).toEqual([Tag.Floats, [Tag.NegativeZero]]);
});

test.each<[string, unknown, Tree]>([
  ['a boxed number', Object(-0), [Tag.NegativeZero]],
  ['a boxed text', Object('a'), 'a'],
  ['a boxed boolean', Object(false), false],
  ['a boxed bigint', Object(1n), [Tag.BigInt, '1']],
  ['a Buffer, which has a toJSON of its own', Buffer.from([1, 2]), [Tag.Array, 1, 2]],
  ['a view of a part of a buffer', new Uint8Array(new Uint8Array([1, 2, 3]).buffer, 1, 1), [Tag.Array, 2]],
  ['an ArrayBuffer', new Uint8Array([7]).buffer, [Tag.Array, 7]],
  ['a SharedArrayBuffer', new SharedArrayBuffer(1), [Tag.Array, 0]],
  ['bigints of a typed array', new BigUint64Array([2n ** 64n - 1n]), [Tag.Array, [Tag.BigInt, '18446744073709551615']]],
  ['a Date, which has a toJSON of its own', new Date(5), [Tag.Date, 5]],
  ['a URL, which has a toJSON of its own', new URL('http://a/'), 'http://a/'],
  ['a regular expression', /a\/b/gi, '/a\\/b/gi'],
  ['a toJSON that answers a Date', { toJSON: () => new Date(5) }, [Tag.Date, 5]],
  [
    'a toJSON that answers itself',
    new (class Self {
      a = 1;
      toJSON(): this {
        return this;
      }
    })(),
    [Tag.Object, 'a', 1],
  ],
  ['an Error that knows its own JSON', Object.assign(new Error('x'), { toJSON: () => 'as text' }), 'as text'],
  ['a property called toJSON that is data', { toJSON: 1 }, [Tag.Object, 'toJSON', 1]],
  ['a plain object behind a Proxy', new Proxy({ a: 1 }, {}), [Tag.Object, 'a', 1]],
  ['an array behind a Proxy', new Proxy([1], {}), [Tag.Array, 1]],
  ['symbols as keys, which are no names', { [Symbol('s')]: 1, a: 1 }, [Tag.Object, 'a', 1]],
])('%s is taken as what it holds', (_, value, tree) => {
  expect(take(value, 'k')).toEqual(tree);
});

test('an object that is in two places is no cycle', () => {
  const shared = { a: 1 };
  expect(take([shared, { shared }], 'k')).toEqual([
    Tag.Array,
    [Tag.Object, 'a', 1],
    [Tag.Object, 'shared', [Tag.Object, 'a', 1]],
  ]);
});

test('a subclass that lies about its content does not change what is taken', () => {
  class Liar extends Map<string, number> {
    override get size(): number {
      return thrower();
    }
    override entries(): never {
      return thrower();
    }
    override [Symbol.iterator](): never {
      return thrower();
    }
  }
  expect(take(new Liar([['a', 1]]), 'k')).toEqual([Tag.Object, 'a', 1]);
  class Late extends Date {
    override getTime(): number {
      return 99;
    }
    override valueOf(): number {
      return 99;
    }
  }
  expect(take(new Late(5), 'k')).toEqual([Tag.Date, 5]);
});

test('toJSON is called once for each object, with the name that it stands under, and its answer is not asked again', () => {
  const asked: string[] = [];
  const answer = { inner: 1, toJSON: (): string => 'asked twice' };
  const value = {
    toJSON: (name: string): object => {
      asked.push(name);
      return answer;
    },
  };
  expect(take({ a: value, b: [value] }, 'k')).toEqual([
    Tag.Object,
    'a',
    [Tag.Object, 'inner', 1],
    'b',
    [Tag.Array, [Tag.Object, 'inner', 1]],
  ]);
  expect(asked).toEqual(['a', '0']);
});

test.each<[string, unknown, string]>([
  ['undefined', undefined, 'is undefined; null says'],
  ['a function', thrower, 'is a function'],
  ['a class', class A {}, 'is a function'],
  ['a symbol', Symbol('s'), 'is a symbol'],
  ['a boxed symbol', Object(Symbol('s')), 'is a symbol'],
  ['a function in an array in an array', [1, 2, { fn: thrower }], 'holds a function at [2].fn'],
  ['undefined in an object, which JSON would drop', { a: { b: undefined } }, 'holds undefined at a.b;'],
  ['undefined in an array, which JSON would make null', [undefined], 'holds undefined at [0];'],
  ['undefined in a Set', new Set([undefined]), 'holds undefined at [0];'],
  ['undefined as a key of a Map', new Map([[undefined, 1]]), 'holds undefined at [0];'],
  ['undefined under a text key of a Map', new Map([['a b', undefined]]), 'holds undefined at ["a b"];'],
  ['undefined from toJSON', { a: { toJSON: (): void => {} } }, 'holds undefined at a;'],
  ['a hole', Array(3), 'holds a hole in an array at [0]'],
  ['an invalid Date', { at: new Date(NaN) }, 'holds an invalid Date at at'],
  ['NUL', 'a\0b', 'has a NUL character'],
  ['NUL deep within', [{ a: '\0' }], 'holds text at [0].a that has a NUL character'],
  ['a lone surrogate', '\udc00', 'has a lone surrogate'],
  ['a lone surrogate in a name', { ['\ud800']: 1 }, 'holds text at ["\\ud800"] that has a lone surrogate'],
  ['NUL in a key of a Map', new Map([['\0', 1]]), 'holds text at ["\\u0000"] that has a NUL character'],
  ['NUL from toJSON', { toJSON: () => '\0' }, 'has a NUL character'],
  ['a DataView', new DataView(new ArrayBuffer(1)), 'is a DataView'],
  ['a Promise', Promise.resolve(), 'is a Promise'],
  ['a WeakMap', new WeakMap(), 'is a WeakMap'],
  ['a WeakSet', new WeakSet(), 'is a WeakSet'],
  ['a WeakRef', new WeakRef({}), 'is a WeakRef'],
  ['an Error', [new TypeError('x')], 'holds an Error (log its message, or its stack) at [0]'],
  ['URLSearchParams, which would become {}', new URLSearchParams('a=1'), 'is an object whose content is not in its properties'],
  ['an iterator, which would become {}', [1].values(), 'is an object whose content is not in its properties'],
  [
    'a Proxy around a Map, which would become {}',
    new Proxy(new Map([[1, 2]]), {}),
    'is an object whose content is not in its properties',
  ],
  [
    'a getter that throws',
    {
      a: {
        get b(): never {
          return thrower();
        },
      },
    },
    'holds something that throws when it is read at a.b; boom',
  ],
  ['a toJSON that throws', { a: { toJSON: thrower } }, 'holds an object whose toJSON throws at a; boom'],
  [
    'a toJSON that can not even be read',
    {
      get toJSON(): never {
        return thrower();
      },
    },
    'is an object whose toJSON throws; boom',
  ],
  ['a Proxy that throws for its names', new Proxy({}, { ownKeys: thrower }), 'is something that throws when it is read; boom'],
  [
    'a Proxy that throws for its prototype',
    new Proxy({}, { getPrototypeOf: thrower }),
    'is something that throws when it is read; boom',
  ],
  ['a Proxy that throws for an item', new Proxy([1], { get: thrower }), 'is an object whose toJSON throws; boom'],
  ['a false URL', Object.create(URL.prototype), 'is something that throws when it is read'],
  ['a false Date', Object.create(Date.prototype), 'is an object whose toJSON throws'],
  ['an enormous bigint', 2n ** 1_000_000n, 'is a bigint of more than 19,700 digits'],
  ['an array of many millions', new Uint8Array(50_000_000), 'is too much'],
])('%s is refused, with the place', (_, value, reason) => {
  expect(refusal(value).startsWith(reason), refusal(value)).toBe(true);
});

test('a revoked Proxy is refused', () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  expect(refusal({ a: proxy })).toMatch(/^holds something that throws when it is read at a; .*revoked/);
});

test('memory that was transferred away is refused, not logged as []', () => {
  const view = new Float32Array(4);
  const { buffer } = view;
  structuredClone(buffer, { transfer: [buffer] });
  expect(refusal(view)).toMatch(/^is memory that was transferred away/);
  expect(refusal([buffer])).toMatch(/^holds memory that was transferred away at \[0\]/);
});

test('a cycle is refused whatever it goes through', () => {
  const object: Record<string, unknown> = {};
  object['self'] = { again: object };
  expect(refusal(object)).toMatch(/^holds a cycle at self\.again/);
  const array: unknown[] = [];
  array.push([array]);
  expect(refusal(array)).toMatch(/^holds a cycle at \[0\]\[0\]/);
  const map = new Map<string, unknown>();
  map.set('a', new Set([map]));
  expect(refusal(map)).toMatch(/^holds a cycle at a\[0\]/);
  const withToJson = { toJSON: (): unknown => ({ self: withToJson }) };
  expect(refusal(withToJson)).toMatch(/^holds a cycle at self/);
  const parent = { child: { toJSON: (): unknown => parent } };
  expect(refusal(parent)).toMatch(/^holds a cycle at child/);
});

test('64 levels are taken and 65 are refused', () => {
  expect(Array.isArray(take(nested(64, 1), 'k'))).toBe(true);
  expect(refusal(nested(65, 1))).toMatch(/^holds more than 64 levels of nesting at …/);
});

test('a chain of 100,000 objects is refused, it does not end in a stack overflow', () => {
  expect(refusal(nested(100_000, 1))).toMatch(/^holds more than 64 levels/);
  const endless = { toJSON: (): unknown => ({ next: { toJSON: endless.toJSON } }) };
  expect(refusal(endless)).toMatch(/^holds more than 64 levels/);
});

test('objects that share their parts, or grow while they are read, come to an end', () => {
  let shared: unknown = 1;
  for (let i = 0; i < 60; i++) shared = [shared, shared];
  expect(refusal(shared)).toMatch(/^holds too much: over 1,000,000 values/);
  const growing = new Set<unknown>();
  const grow = (): number => {
    growing.add({ toJSON: grow });
    return 1;
  };
  grow();
  expect(refusal(growing)).toMatch(/^holds too much/);
  expect(refusal(Array(2000).fill('x'.repeat(100_000)))).toMatch(/^holds too much/);
  expect(
    refusal(new Proxy([], { get: (_, name) => (name === 'length' ? Infinity : name === 'toJSON' ? undefined : 1) })),
  ).toMatch(/too much/);
});

test('a long text alone is taken: how long it may be is judged where its length can be told', () => {
  const text = 'x'.repeat(100_000_000);
  expect(take(text, 'k')).toBe(text);
});

test('what is thrown by the value may be anything, also something without text', () => {
  const mute = { toString: thrower };
  const throwMute = (): never => {
    throw mute;
  };
  expect(
    refusal({
      get a(): never {
        return throwMute();
      },
    }),
  ).toBe('holds something that throws when it is read at a; something without text');
  const throwOurs = (): never => {
    throw new InvalidValueError({ key: 'other', reason: 'is not ours' });
  };
  expect(
    refusal({
      get a(): never {
        return throwOurs();
      },
    }),
  ).toMatch(/^holds something that throws when it is read at a;/);
});

test('a stack that is nearly full gives the error of this value, not a RangeError', () => {
  const outcomes: unknown[] = [];
  const dive = (): void => {
    try {
      dive();
    } catch {
      // The stack is full here; on the way up each frame leaves a little more room.
    }
    if (Array.isArray(outcomes.at(-1))) return;
    try {
      outcomes.push(take(nested(60, 1), 'k'));
    } catch (error) {
      outcomes.push(error);
    }
  };
  dive();
  expect(Array.isArray(outcomes.at(-1))).toBe(true);
  expect(outcomes.filter((outcome) => outcome instanceof InvalidValueError).length).toBeGreaterThan(0);
  // Where there is no room to make any error, the engine's is all there can be.
  expect(outcomes.slice(0, -1).every((outcome) => outcome instanceof InvalidValueError || outcome instanceof RangeError)).toBe(
    true,
  );
});

test('whatever it is given, the answer is a tree of packable parts or an InvalidValueError', () => {
  const packable = (tree: Tree): boolean =>
    typeof tree === 'object' && tree !== null
      ? Number.isInteger(tree[0]) && tree.every((part) => packable(part))
      : tree === null ||
        typeof tree === 'boolean' ||
        typeof tree === 'number' ||
        (typeof tree === 'string' && tree.isWellFormed());
  fc.assert(
    fc.property(
      fc.anything({
        withBigInt: true,
        withBoxedValues: true,
        withDate: true,
        withMap: true,
        withSet: true,
        withSparseArray: true,
        withTypedArray: true,
        withNullPrototype: true,
        withObjectString: true,
      }),
      (value) => {
        try {
          return packable(take(value, 'k'));
        } catch (error) {
          return error instanceof InvalidValueError;
        }
      },
    ),
    { numRuns: 2000 },
  );
});
