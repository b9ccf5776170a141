/**
 * Values of every kind that can be logged, for property tests: the JavaScript value, and beside it the
 * same value described so that another language can build it.
 */
import fc from 'fast-check';

export interface Loggable {
  readonly value: unknown;
  readonly described: Described;
}

/** Numbers travel as the 16 hex digits of their bytes, big-endian: JSON has no -0, NaN or exact doubles. */
export type Described =
  | readonly [kind: 'none']
  | readonly [kind: 'bool', value: boolean]
  | readonly [kind: 'str', value: string]
  /** A JavaScript number: whether it is an int or a float is for the reader to decide. */
  | readonly [kind: 'number', hex: string]
  | readonly [kind: 'float', hex: string]
  | readonly [kind: 'int', digits: string]
  | readonly [kind: 'date', milliseconds: number]
  | readonly [kind: 'list' | 'set', items: readonly Described[]]
  | readonly [kind: 'dict', items: ReadonlyArray<readonly [Described, Described]>];

const bytes = new DataView(new ArrayBuffer(8));

function hexOf(value: number): string {
  bytes.setFloat64(0, value);
  return bytes.getBigUint64(0).toString(16).padStart(16, '0');
}

function doubleOf(bits: bigint): number {
  bytes.setBigUint64(0, bits);
  return bytes.getFloat64(0);
}

/** The nearest doubles to a power of ten: where texts of numbers change their form. */
const nearPowerOfTen: fc.Arbitrary<number> = fc
  .tuple(fc.integer({ min: -325, max: 308 }), fc.integer({ min: -2, max: 2 }))
  .map(([exponent, ulps]) => {
    bytes.setFloat64(0, Number(`1e${exponent}`));
    const bits = bytes.getBigUint64(0) + BigInt(ulps);
    return doubleOf(bits < 0n ? 0n : bits);
  });

export const double: fc.Arbitrary<number> = fc.oneof(
  fc.double(),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(doubleOf),
  nearPowerOfTen,
  fc.integer(),
  fc.maxSafeInteger(),
  fc.integer({ min: -4, max: 4 }).map((n) => 2 ** 53 + n),
  fc
    .tuple(fc.integer({ min: -99_999, max: 99_999 }), fc.integer({ min: -22, max: 22 }))
    .map(([n, exponent]) => Number(`${n}e${exponent}`)),
  fc.constantFrom(-0, 0, NaN, Infinity, -Infinity, Number.MAX_VALUE, Number.MIN_VALUE, 2.5e-5, 1e22, 0.1 + 0.2),
);

/** Well-formed text without NUL, rich in what quoting must get right. */
const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary' }).map((t) => t.replaceAll('\0', '')),
  fc.string({
    unit: fc.constantFrom(
      ...`'"\\\n\r\t\x01\x1b\x7f\x80\xa0\xad `,
      'é',
      '\u200b',
      '\u2028',
      '\ufeff',
      '学',
      '\ue000',
      '\u{1f600}',
      '\u{e0001}',
      '\u{10fffd}',
    ),
  }),
);

const number: fc.Arbitrary<Loggable> = double.map((value) => ({ value, described: ['number', hexOf(value)] }));
const string: fc.Arbitrary<Loggable> = text.map((value) => ({ value, described: ['str', value] }));
const bigint: fc.Arbitrary<Loggable> = fc
  .oneof(fc.bigInt(), fc.bigInt({ min: -(10n ** 300n), max: 10n ** 300n }))
  .map((value) => ({ value, described: ['int', value.toString()] }));
/** Years 1 to 9999, whole seconds and whole minutes among them. */
const date: fc.Arbitrary<Loggable> = fc
  .tuple(fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }), fc.constantFrom(1, 1000, 60_000, 86_400_000))
  .map(([time, unit]) => Math.floor(time / unit) * unit)
  .map((time) => ({ value: new Date(time), described: ['date', time] }));

const scalar: fc.Arbitrary<Loggable> = fc.oneof(
  number,
  string,
  bigint,
  date,
  fc.boolean().map((value): Loggable => ({ value, described: ['bool', value] })),
  fc.constant<Loggable>({ value: null, described: ['none'] }),
);

const typedArray: fc.Arbitrary<Loggable> = fc.oneof(
  fc.array(double, { maxLength: 4 }).map((items): Loggable => floats(new Float64Array(items))),
  fc.array(double, { maxLength: 4 }).map((items): Loggable => floats(new Float32Array(items))),
  fc
    .uint8Array({ maxLength: 4 })
    .map((value): Loggable => ({ value, described: ['list', [...value].map((n) => ['int', String(n)] as const)] })),
  fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { maxLength: 3 }).map(
    (items): Loggable => ({
      value: new BigInt64Array(items),
      described: ['list', items.map((n) => ['int', String(n)] as const)],
    }),
  ),
);

function floats(value: Float32Array | Float64Array): Loggable {
  return { value, described: ['list', [...value].map((n) => ['float', hexOf(n)] as const)] };
}

function objectOf(entries: ReadonlyArray<readonly [string, Loggable]>): Loggable {
  const parts = new Map(entries);
  const value: unknown = Object.fromEntries([...parts].map(([name, part]) => [name, part.value]));
  // Names that look like indexes come first, whatever the order they were set in.
  const names = Object.keys(Object(value));
  const described = names.map((name) => [['str', name], parts.get(name)?.described ?? ['none']] as const);
  return { value, described: ['dict', described] };
}

function mapOf(entries: ReadonlyArray<readonly [Loggable, Loggable]>): Loggable {
  // 1, 1n, 1.0 and True are one key in Python, and a Date is itself in JavaScript: of equal keys the first is kept.
  const parts = new Map(entries.toReversed().map((entry) => [equality(entry[0]), entry]));
  const kept = [...parts.values()];
  return {
    value: new Map(kept.map(([key, item]) => [key.value, item.value])),
    described: ['dict', kept.map(([key, item]) => [inSet(key), item.described] as const)],
  };
}

function equality({ value }: Loggable): string {
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value).toString() : String(value);
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Date ? `date ${value.getTime()}` : `${typeof value} ${String(value)}`;
}

/** JavaScript makes 0 of -0 on its way into a Set, and into the keys of a Map. */
function inSet({ value, described }: Loggable): Described {
  return Object.is(value, -0) ? ['int', '0'] : described;
}

/** Sets have one member at most: the order of more is Python's own affair. */
const set: fc.Arbitrary<Loggable> = fc.option(scalar).map((member) => ({
  value: new Set(member === null ? [] : [member.value]),
  described: ['set', member === null ? [] : [inSet(member)]],
}));

export const loggable: fc.Arbitrary<Loggable> = fc.letrec<{ any: Loggable }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4, depthSize: 'small', withCrossShrink: true },
    { arbitrary: scalar, weight: 6 },
    { arbitrary: typedArray, weight: 1 },
    { arbitrary: set, weight: 1 },
    {
      arbitrary: fc.array(tie('any'), { maxLength: 4 }).map(
        (items): Loggable => ({
          value: items.map((item) => item.value),
          described: ['list', items.map((item) => item.described)],
        }),
      ),
      weight: 3,
    },
    {
      arbitrary: fc
        .array(fc.tuple(fc.oneof(text, fc.constantFrom('__proto__', '1', 'toString')), tie('any')), { maxLength: 4 })
        .map(objectOf),
      weight: 3,
    },
    { arbitrary: fc.array(fc.tuple(scalar, tie('any')), { maxLength: 3 }).map(mapOf), weight: 1 },
  ),
})).any;
