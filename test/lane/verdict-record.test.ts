import { describe, expect, test } from 'vitest';
import {
  BatchRefusedError,
  type HeadraceError,
  InvalidKeyError,
  InvalidValueError,
  ParamConflictError,
  StoreUnavailableError,
  ValueTooLongError,
} from '../../src/errors.js';
import { VERDICT_RING_BYTES, type VerdictListener, VerdictReader, VerdictWriter } from '../../src/lane/verdict-record.js';
import { newRing } from '../../src/ring/layout.js';

type Told =
  | readonly [what: 'failed', slot: number, seq: number, count: number, error: HeadraceError | undefined]
  | readonly [string, unknown?];

class Ends implements VerdictListener {
  readonly writer: VerdictWriter;
  private readonly reader: VerdictReader;
  private readonly told: Told[] = [];

  constructor(startAt = 0) {
    const buffer = newRing(VERDICT_RING_BYTES, startAt);
    this.writer = new VerdictWriter(buffer);
    this.reader = new VerdictReader(buffer);
  }

  /** What the reader finds now. */
  read(): Told[] {
    this.reader.drain(this);
    return this.told.splice(0);
  }

  askForMessage(): boolean {
    return this.reader.askForMessage();
  }

  onFailed(slot: number, seq: number, count: number, error: HeadraceError | undefined): void {
    this.told.push(['failed', slot, seq, count, error]);
  }

  onCreated(slot: number, storeId: string): void {
    this.told.push(['created', [slot, storeId]]);
  }

  onDown(error: HeadraceError): void {
    this.told.push(['down', error]);
  }

  onUp(): void {
    this.told.push(['up']);
  }

  onTrouble(error: HeadraceError): void {
    this.told.push(['trouble', error]);
  }

  onNotice(text: string): void {
    this.told.push(['notice', text]);
  }
}

const small = new InvalidKeyError({ key: 'a//b', reason: 'is no path' });
const large = new InvalidValueError({ key: 'k', reason: 'x'.repeat(20_000) });

/** Writes failures from `seq` on until there is no room even for a fact; returns how many it wrote. */
function fill(writer: VerdictWriter, error: HeadraceError): number {
  let seq = 0;
  while (writer.failed(2, seq + 1, 1, error)) seq++;
  return seq;
}

test('an error arrives with its class, code and fields', () => {
  const ends = new Ends();
  const errors = [
    small,
    new InvalidValueError({ key: 'k\0', reason: 'holds \ud800 and "quotes"\n' }),
    new ValueTooLongError({ key: 'long', length: 6001, limit: 6000 }),
    new ParamConflictError({ runId: '5f0', key: 'lr', storedValue: '0.1', newValue: '学😀' }),
    new BatchRefusedError({ runId: '5f0', storeId: '9a1', errorCode: 'BAD_REQUEST', reason: 'no', status: 400 }),
  ];
  errors.forEach((error, index) => {
    expect(ends.writer.failed(7, index + 1, 1, error)).toBe(true);
  });
  ends.writer.publish();
  const told = ends.read();
  expect(told).toEqual(errors.map((error, index) => ['failed', 7, index + 1, 1, error]));
  told.forEach(([, , , , error], index) => {
    expect(error).toBeInstanceOf(errors[index]?.constructor);
    expect(error?.message).toBe(errors[index]?.message);
  });
});

test('nothing is told before it is published, and everything in its order', () => {
  const ends = new Ends(2 ** 32 - 64);
  const down = new StoreUnavailableError({ store: 'a file', reason: 'is locked' });
  ends.writer.down(down);
  ends.writer.created(65_535, '9a'.repeat(128));
  ends.writer.failed(65_535, 2 ** 32 - 1, 3, small);
  expect(ends.read()).toEqual([]);
  ends.writer.publish();
  ends.writer.up();
  ends.writer.notice('left out API_KEY');
  expect(ends.read()).toEqual([
    ['down', down],
    ['created', [65_535, '9a'.repeat(128)]],
    ['failed', 65_535, 2 ** 32 - 1, 3, small],
  ]);
  ends.writer.publish();
  expect(ends.read()).toEqual([['up'], ['notice', 'left out API_KEY']]);
});

test('one message is sent for one request, and the first without being asked for', () => {
  const ends = new Ends();
  const tell = (): boolean => ends.writer.failed(0, 1, 1, small) && ends.writer.publish();
  expect([tell(), tell()]).toEqual([true, false]);
  // Something is there already: read first, then ask again.
  expect(ends.askForMessage()).toBe(false);
  expect(tell()).toBe(false);
  ends.read();
  expect(ends.askForMessage()).toBe(true);
  expect([tell(), tell()]).toEqual([true, false]);
});

describe('when nobody reads', () => {
  test('details are dropped before the facts are, and no fact is lost, told twice or out of order', () => {
    const ends = new Ends();
    const count = fill(ends.writer, large);
    ends.writer.publish();
    const told = ends.read();
    expect(told.map(([, slot, seq, records]) => [slot, seq, records])).toEqual(
      Array.from({ length: count }, (_, i) => [2, i + 1, 1]),
    );
    const detailed = told.findIndex((verdict) => verdict[4] === undefined);
    expect(detailed).toBeGreaterThan(30);
    expect(told.slice(0, detailed).every((verdict) => verdict[4] instanceof InvalidValueError)).toBe(true);
    expect(told.slice(detailed).every((verdict) => verdict[4] === undefined)).toBe(true);
    // A quarter of the ring is left for facts alone.
    expect(count - detailed).toBeGreaterThan(8000);
  });

  test('a full ring takes nothing, says so, and goes on where it was when there is room', () => {
    const ends = new Ends(2 ** 31 - 64);
    for (let round = 0; round < 3; round++) {
      const count = fill(ends.writer, small);
      expect(ends.writer.failed(2, 0, 1, small)).toBe(false);
      expect(ends.writer.created(2, '9a')).toBe(false);
      ends.writer.down(small);
      ends.writer.up();
      ends.writer.notice('no room for this');
      ends.writer.publish();
      const told = ends.read();
      expect(told).toHaveLength(count);
      expect(told.at(-1)?.slice(0, 4)).toEqual(['failed', 2, count, 1]);
    }
    expect(ends.writer.created(2, '9a')).toBe(true);
    ends.writer.failed(2, 1, 1, small);
    ends.writer.publish();
    expect(ends.read()).toEqual([
      ['created', [2, '9a']],
      ['failed', 2, 1, 1, small],
    ]);
  });

  test('a range whose details have no room keeps its length', () => {
    const ends = new Ends();
    let ranges = 0;
    while (ends.writer.failed(2, 1 + ranges * 10, 10, large)) ranges++;
    ends.writer.publish();
    const told = ends.read();
    expect(told).toHaveLength(ranges);
    expect(told.map(([, , seq, count]) => [seq, count])).toEqual(Array.from({ length: ranges }, (_, i) => [1 + i * 10, 10]));
    expect(told[0]?.[4]).toEqual(large);
    expect(told.at(-1)?.[4]).toBeUndefined();
  });

  test('a range whose details are larger than the ring is told all the same', () => {
    const ends = new Ends();
    const huge = new InvalidValueError({ key: 'k', reason: 'x'.repeat(VERDICT_RING_BYTES) });
    expect(ends.writer.failed(2, 1, 10, huge)).toBe(true);
    ends.writer.publish();
    expect(ends.read()).toEqual([['failed', 2, 1, 10, undefined]]);
  });
});

test('an error too large for the ring is told as a fact', () => {
  const ends = new Ends();
  const huge = new InvalidValueError({ key: 'k', reason: 'x'.repeat(VERDICT_RING_BYTES) });
  expect(ends.writer.failed(2, 1, 1, huge)).toBe(true);
  ends.writer.publish();
  expect(ends.read()).toEqual([['failed', 2, 1, 1, undefined]]);
});
