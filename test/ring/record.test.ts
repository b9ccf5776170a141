import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RingConsumer } from '../../src/ring/consumer.js';
import { INLINE, type KeyId, KeyReader, KeyWriter, MAX_KEY_UNITS, newKeyTable } from '../../src/ring/key-table.js';
import { EMPTY, maxRecordBytes, NO_ROOM, newRing, type Offset, recordBytes } from '../../src/ring/layout.js';
import { RingProducer } from '../../src/ring/producer.js';
import {
  KEY_LONE_SURROGATE,
  KEY_NUL_CHARACTER,
  Kind,
  Literal,
  RecordReader,
  TOO_LARGE,
  type Written,
  writeBytesRecord,
  writeMetric,
  writeMetricWide,
  writeNumber,
  writeScalar,
  writeTextRecord,
} from '../../src/ring/record.js';
import { LONE_SURROGATE, NUL_CHARACTER } from '../../src/ring/text.js';

/** What was logged, as a plain value. */
type Logged =
  | { readonly kind: 'metric'; readonly value: number; readonly step: number; readonly time: number }
  | { readonly kind: 'scalar'; readonly of: ScalarKind; readonly value: number }
  | { readonly kind: 'text'; readonly of: TextKind; readonly text: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array };
type ScalarKind = typeof Kind.Number | typeof Kind.Date | typeof Kind.Literal;
type TextKind = typeof Kind.Text | typeof Kind.Digits | typeof Kind.Tag | typeof Kind.Config | typeof Kind.Run | typeof Kind.End;

type Command =
  | { readonly do: 'log'; readonly run: number; readonly key: string; readonly inner: number; readonly logged: Logged }
  | { readonly do: 'publish' }
  | { readonly do: 'take'; readonly count: number }
  | { readonly do: 'release' }
  /** Another consumer goes on where the last release was. */
  | { readonly do: 'succeed' };

/** Lengths at which the encoder changes its way: 24 and 1024 units. */
const LENGTHS = [0, 1, 7, 8, 23, 24, 25, 100, 340, 341, 500, 1000, 1023, 1024, 1025, 1500, 2100];
const anyDouble = fc.oneof(
  fc.double(),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((bits) => new Float64Array(new BigUint64Array([bits]).buffer)[0] as number), // one double
  fc.constantFrom(0, -0, Number.NaN, Infinity, -Infinity, 5e-324, 2 ** 53, -(2 ** 31)),
);
const wellFormed = fc.oneof(
  fc.string({ unit: 'grapheme-ascii', maxLength: 26 }),
  fc.string({ unit: 'binary', maxLength: 30 }).filter((text) => !text.includes('\0')),
  fc.string({ unit: 'grapheme', maxLength: 300 }).filter((text) => !text.includes('\0')),
  fc
    .tuple(
      fc.constantFrom(...LENGTHS),
      fc.constantFrom('a', '\x7f', '\x80', 'é', '\ufeff', '学', '😀'),
      fc.constantFrom('', 'z', 'é'),
    )
    .map(([length, unit, end]) => unit.repeat(Math.ceil(length / unit.length)) + end),
);
const damaged = fc
  .tuple(wellFormed, fc.constantFrom('\0', '\ud800', '\udfff', '\0\ud83d'), wellFormed)
  .map(([before, flaw, after]) => before + flaw + after);
const text = fc.oneof({ arbitrary: wellFormed, weight: 5 }, { arbitrary: damaged, weight: 1 });
/** Few, so that they are met again and enter the table; and any others. */
const key = fc.oneof(
  {
    arbitrary: fc.constantFrom('loss', 'accuracy', 'optimizer.lr', 'schlüssel', '学習率', '😀'.repeat(20), 'k'.repeat(300)),
    weight: 8,
  },
  { arbitrary: text.filter((k) => k.length > 0 && k.length <= MAX_KEY_UNITS), weight: 2 },
);
const step = fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.maxSafeInteger());
const logged: fc.Arbitrary<Logged> = fc.oneof(
  fc.record({ kind: fc.constant('metric' as const), value: anyDouble, step, time: fc.maxSafeNat() }),
  fc.record({
    kind: fc.constant('scalar' as const),
    of: fc.constantFrom(Kind.Number, Kind.Date, Kind.Literal),
    value: fc.oneof(anyDouble, fc.constantFrom(...Object.values(Literal))),
  }),
  fc.record({
    kind: fc.constant('text' as const),
    of: fc.constantFrom(Kind.Text, Kind.Digits, Kind.Tag, Kind.Config, Kind.Run, Kind.End),
    text,
  }),
  fc.record({ kind: fc.constant('bytes' as const), bytes: fc.uint8Array({ maxLength: 300 }) }),
);
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    arbitrary: fc.record({
      do: fc.constant('log' as const),
      run: fc.integer({ min: 0, max: 65_535 }),
      key,
      inner: fc.constantFrom(0, 1, 0x8000, 0xffff),
      logged,
    }),
    weight: 8,
  },
  { arbitrary: fc.constant({ do: 'publish' } as const), weight: 3 },
  { arbitrary: fc.record({ do: fc.constant('take' as const), count: fc.nat(6) }), weight: 3 },
  { arbitrary: fc.constant({ do: 'release' } as const), weight: 2 },
  { arbitrary: fc.constant({ do: 'succeed' } as const), weight: 1 },
);

/** A ring with both its ends in one thread, and beside it the list that it must behave like. */
class ModelledRing {
  private readonly ring: SharedArrayBuffer;
  private readonly table = newKeyTable();
  private readonly producer: RingProducer;
  private consumer: RingConsumer;
  private reader: RecordReader;
  private keyReader = new KeyReader(this.table);
  private readonly keys = new KeyWriter(this.table);
  private readonly accepted: { run: number; key: string; inner: number; seq: number; logged: Logged }[] = [];
  private published = 0;
  private taken = 0;
  private released = 0;

  constructor(capacity: number, startAt: number) {
    this.ring = newRing(capacity, startAt);
    this.producer = new RingProducer(this.ring);
    this.consumer = new RingConsumer(this.ring);
    this.reader = new RecordReader(this.consumer);
  }

  perform(command: Command): void {
    switch (command.do) {
      case 'log':
        this.log(command.run, command.key, command.inner, command.logged);
        return;
      case 'publish':
        this.producer.publish();
        this.published = this.accepted.length;
        return;
      case 'take':
        this.take(command.count);
        return;
      case 'release':
        this.consumer.release(this.consumer.position);
        this.released = this.taken;
        return;
      case 'succeed':
        this.consumer = new RingConsumer(this.ring);
        this.reader = new RecordReader(this.consumer);
        this.keyReader = new KeyReader(this.table);
        this.taken = this.released;
    }
  }

  /** What is left comes out, and the ring is empty behind it. */
  finish(): void {
    this.perform({ do: 'publish' });
    this.take(this.accepted.length);
    this.perform({ do: 'release' });
    expect(this.taken).toBe(this.accepted.length);
    expect(this.producer.used).toBe(0);
  }

  private log(run: number, givenKey: string, givenInner: number, logged: Logged): void {
    const key = withoutKey(logged) ? '' : givenKey;
    const inner = logged.kind === 'metric' ? 0 : givenInner;
    const id = this.keys.id(key);
    // Past 2^32 the record holds the low half.
    const seq = 2 ** 32 - 5 + this.accepted.length;
    const before = this.producer.position;
    let written = this.write(run, id, key, inner, seq, logged);
    if (written === NO_ROOM) {
      expect(this.producer.position).toBe(before);
      this.perform({ do: 'publish' });
      this.take(this.accepted.length);
      this.perform({ do: 'release' });
      written = this.write(run, id, key, inner, seq, logged);
    }
    const refusal = this.refusal(id, key, logged);
    if (refusal === undefined) {
      expect(written).toBeGreaterThan(0);
      this.accepted.push({ run, key, inner, seq: seq % 2 ** 32, logged });
    } else {
      expect(written).toBe(refusal);
      expect(this.producer.position).toBe(before);
    }
  }

  private write(run: number, id: KeyId, key: string, inner: number, seq: number, logged: Logged): Written {
    const { producer } = this;
    switch (logged.kind) {
      case 'metric':
        return id !== INLINE && (logged.step | 0) === logged.step && logged.time < 2 ** 32
          ? writeMetric(producer, run, id, seq, logged.value, logged.step, logged.time)
          : writeMetricWide(producer, run, id, key, seq, logged.value, logged.step, logged.time);
      case 'scalar':
        return logged.of === Kind.Number && id !== INLINE && inner === 0
          ? writeNumber(producer, run, id, seq, logged.value)
          : writeScalar(producer, logged.of, run, id, key, seq, logged.value, inner);
      case 'text':
        return writeTextRecord(producer, logged.of, run, id, key, seq, logged.text, inner);
      case 'bytes':
        return writeBytesRecord(producer, Kind.Tree, run, id, key, seq, logged.bytes, inner);
    }
  }

  private refusal(id: KeyId, key: string, logged: Logged): number | undefined {
    if (logged.kind === 'text') {
      const keyBytes = id === INLINE ? Buffer.byteLength(key) : 0;
      const bytes = recordBytes(24 + Buffer.byteLength(logged.text) + keyBytes);
      if (bytes > maxRecordBytes(this.producer.capacity)) return TOO_LARGE;
      if (!logged.text.isWellFormed()) return LONE_SURROGATE;
      if (logged.text.includes('\0')) return NUL_CHARACTER;
    }
    if (!key.isWellFormed()) return KEY_LONE_SURROGATE;
    return key.includes('\0') ? KEY_NUL_CHARACTER : undefined;
  }

  private take(count: number): void {
    for (let i = 0; i < count; i++) {
      const offset = this.consumer.next();
      const wanted = this.taken < this.published ? this.accepted[this.taken] : undefined;
      if (wanted === undefined) {
        expect(offset).toBe(EMPTY);
        return;
      }
      const { reader } = this;
      const id = reader.keyId(offset);
      expect({
        run: reader.run(offset),
        seq: reader.seq(offset),
        key: id === INLINE ? reader.inlineKey(offset) : this.keyReader.name(id),
        inner: reader.inner(offset),
        logged: this.read(offset),
      }).toEqual(wanted);
      this.taken++;
    }
  }

  private read(offset: Offset): Logged {
    const { reader } = this;
    const kind = reader.kind(offset);
    switch (kind) {
      case Kind.Metric:
        return { kind: 'metric', value: reader.value(offset), step: reader.metricStep(offset), time: reader.metricStamp(offset) };
      case Kind.MetricWide:
        return { kind: 'metric', value: reader.value(offset), step: reader.wideStep(offset), time: reader.wideTimestamp(offset) };
      case Kind.Number:
      case Kind.Date:
      case Kind.Literal:
        return { kind: 'scalar', of: kind, value: reader.value(offset) };
      case Kind.Tree:
        return { kind: 'bytes', bytes: new Uint8Array(reader.copyBytes(offset)) };
      case Kind.Text:
      case Kind.Digits:
      case Kind.Tag:
      case Kind.Config:
      case Kind.Run:
      case Kind.End:
        return { kind: 'text', of: kind, text: reader.text(offset) };
      default:
        throw new Error(`kind ${kind} was never written`);
    }
  }
}

function withoutKey(logged: Logged): boolean {
  return logged.kind === 'text' && (logged.of === Kind.Config || logged.of === Kind.Run || logged.of === Kind.End);
}

const startAt = fc.constantFrom(0, 2 ** 31 - 2048, 2 ** 31 - 64, 2 ** 32 - 4096, 2 ** 32 - 64, 2 ** 32 - 8);

test('what is read from a ring that wraps all the time is what was written, and what was refused leaves no trace', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(4096, 8192),
      startAt,
      fc.array(command, { maxLength: 120, size: 'max' }),
      (capacity, start, commands) => {
        const ring = new ModelledRing(capacity, start);
        for (const command of commands) ring.perform(command);
        ring.finish();
      },
    ),
    { numRuns: 1000 },
  );
});

test('a text that fits is not refused because the bound for its encoding does not', () => {
  const ring = new RingProducer(newRing(4096));
  expect(writeTextRecord(ring, Kind.Text, 0, 1, '', 1, 'x'.repeat(1000))).toBeGreaterThan(0);
  expect(ring.position).toBe(1024);
  expect(writeTextRecord(ring, Kind.Text, 0, INLINE, 'k'.repeat(500), 2, 'x'.repeat(1000))).toBeGreaterThan(0);
  expect(writeTextRecord(ring, Kind.Text, 0, 1, '', 3, 'é'.repeat(1013))).toBe(TOO_LARGE);
});

test('a record of half the ring finds a place wherever the ring stands', () => {
  const longest = 'x'.repeat(2048 - 24);
  for (let start = 0; start < 4096; start += 8) {
    const buffer = newRing(4096, start);
    const producer = new RingProducer(buffer);
    const consumer = new RingConsumer(buffer);
    expect(writeTextRecord(producer, Kind.Text, 0, 1, '', 1, longest)).toBeGreaterThan(0);
    producer.publish();
    expect(new RecordReader(consumer).text(consumer.next())).toBe(longest);
    expect(consumer.next()).toBe(EMPTY);
  }
});

test('a record given up behind padding does not let the next one run over the end of the ring', () => {
  const buffer = newRing(4096);
  const producer = new RingProducer(buffer);
  const consumer = new RingConsumer(buffer);
  const reader = new RecordReader(consumer);
  expect(writeTextRecord(producer, Kind.Text, 0, 1, '', 1, 'x'.repeat(1976))).toBeGreaterThan(0);
  expect(writeTextRecord(producer, Kind.Text, 0, 1, '', 2, 'y'.repeat(1976))).toBeGreaterThan(0);
  producer.publish();
  consumer.next();
  consumer.next();
  consumer.release(consumer.position);

  expect(writeTextRecord(producer, Kind.Text, 0, 1, '', 3, `\ud800${'z'.repeat(40)}`)).toBe(LONE_SURROGATE);
  expect(writeTextRecord(producer, Kind.Text, 0, 1, '', 3, 'z'.repeat(200))).toBeGreaterThan(0);
  producer.publish();
  expect(reader.text(consumer.next())).toBe('z'.repeat(200));
});

test('bytes copied from a record stay when the record is overwritten', () => {
  const buffer = newRing(4096);
  const producer = new RingProducer(buffer);
  const consumer = new RingConsumer(buffer);
  writeBytesRecord(producer, Kind.Tree, 0, 1, '', 1, new Uint8Array([1, 2, 3]));
  producer.publish();
  const copy = new RecordReader(consumer).copyBytes(consumer.next());
  producer.bytes.fill(0xff, 512);
  expect([...copy]).toEqual([1, 2, 3]);
});
