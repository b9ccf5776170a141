import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { FILE_HEADER_BYTES, FRAME_HEADER_BYTES, withSlack } from '../../src/journal/frame.js';
import { type JournalRead, JournalReader, type ReaderOptions } from '../../src/journal/reader.js';
import type { JournalRecord } from '../../src/journal/record.js';
import type { Skipped } from '../../src/journal/segment-reader.js';
import type { Item } from '../../src/store/store.js';

const anyDouble: fc.Arbitrary<number> = fc.oneof(
  fc.double(),
  fc.constantFrom(
    0,
    -0,
    Number.NaN,
    Infinity,
    -Infinity,
    5e-324,
    Number.MAX_VALUE,
    2 ** 53 - 1,
    -(2 ** 53 - 1),
    2 ** 32,
    -(2 ** 31),
  ),
);
const anyInteger: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 0, max: 1000 }),
  fc.maxSafeInteger(),
  fc.constantFrom(-0, 2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 31, 2 ** 32, 1_700_000_000_000),
);
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('', 'lr', '😀', '\ufeff', '\0', 'a'.repeat(6000), '𝔘𝔫𝔦'.repeat(50)),
);
const anyKey: fc.Arbitrary<string> = fc.oneof(fc.constantFrom('loss', 'lr', '__proto__', 'model/layer.0'), anyText);

export const anyItem: fc.Arbitrary<Item> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('metric' as const), // the literal and not string
      key: anyKey,
      value: anyDouble,
      timestamp: anyInteger,
      step: anyInteger,
    },
    { noNullPrototype: true },
  ),
  fc.record({ kind: fc.constantFrom('param' as const, 'tag' as const), key: anyKey, value: anyText }, { noNullPrototype: true }), // likewise
);

export const anySeq: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 1, max: 1000 }),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  fc.constantFrom(0, 2 ** 31, 2 ** 32 - 1),
);

/** What a training loop logs: some metrics at each of `steps` steps. */
export function metrics(keys: readonly string[], firstStep: number, steps: number): Item[] {
  const items: Item[] = [];
  for (let step = firstStep; step < firstStep + steps; step++) {
    for (const key of keys) {
      items.push({ kind: 'metric', key, value: Math.sin(step + key.length), timestamp: 1_700_000_000_000 + step * 3, step });
    }
  }
  return items;
}

export interface ReadAll {
  readonly reads: readonly JournalRead[];
  readonly records: readonly JournalRecord[];
  readonly skipped: readonly Skipped[];
}

/** Everything that a reader of the folder gives, up to its end. */
export function readAll(folder: string, options: ReaderOptions = {}): ReadAll {
  const reads: JournalRead[] = [];
  const skipped: Skipped[] = [];
  const reader = new JournalReader(folder, { ...options, onSkip: (one) => skipped.push(one) });
  for (let read = reader.next(); read !== undefined; read = reader.next()) reads.push(read);
  reader.finish();
  return { reads, records: reads.map(({ record }) => record), skipped };
}

export interface Stretch {
  readonly start: number;
  /** Without slack. */
  readonly end: number;
  /** With it. */
  readonly slackEnd: number;
}

/** Where the frames of an undamaged file stand: by their lengths alone, as docs/journal.md says. */
export function framesOf(path: string): Stretch[] {
  const bytes = readFileSync(path);
  const found: Stretch[] = [];
  for (let start = FILE_HEADER_BYTES; start < bytes.length; ) {
    const end = start + FRAME_HEADER_BYTES + bytes.readUInt32LE(start + 8);
    found.push({ start, end, slackEnd: start + withSlack(end - start) });
    start += withSlack(end - start);
  }
  return found;
}
