import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JournalReader } from '../../src/journal/reader.js';
import { type Acknowledgement, decode, encode, type JournalRecord } from '../../src/journal/record.js';
import { recover } from '../../src/journal/recovery.js';
import { JournalWriter } from '../../src/journal/writer.js';
import { newFolder } from './folder.js';
import { anyItem, anySeq, anyText, metrics, readAll } from './samples.js';

const anyRun = fc.integer({ min: 1, max: 2 ** 24 - 1 });
const anyRecord: fc.Arbitrary<JournalRecord | Acknowledgement> = fc.oneof(
  // Literals and not strings: hence the casts of this list.
  fc.record(
    { kind: fc.constant('opened' as const), run: anyRun, seq: anySeq, id: anyText, request: anyText },
    { noNullPrototype: true },
  ),
  fc.record(
    {
      kind: fc.constant('items' as const),
      run: anyRun,
      firstSeq: anySeq,
      lastSeq: anySeq,
      items: fc.array(anyItem, { maxLength: 300 }),
    },
    { noNullPrototype: true },
  ),
  fc.record(
    {
      kind: fc.constant('ended' as const),
      run: anyRun,
      seq: anySeq,
      status: fc.constantFrom('FINISHED' as const, 'FAILED' as const, 'KILLED' as const),
      endTime: fc.maxSafeNat(),
    },
    { noNullPrototype: true },
  ),
  fc.record({ kind: fc.constant('storeId' as const), run: anyRun, storeId: anyText }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('landed' as const), run: anyRun, seq: anySeq }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant('finished' as const), run: anyRun }, { noNullPrototype: true }),
);

test('a record of any kind comes back as it was: -0, NaN, 2^53-1, astral text and NUL included', () => {
  fc.assert(
    fc.property(anyRecord, (record) => {
      const { head, payload } = encode(record);
      expect(decode(head, Buffer.from(payload))).toStrictEqual(record);
    }),
    { numRuns: 1000 },
  );
});

test('the same through files, for a reader with large chunks and one with tiny ones', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(anyItem, { maxLength: 20 }), { maxLength: 8 }),
      fc.constantFrom(600, 3000, 2 ** 24),
      (batches, segmentBytes) => {
        const folder = newFolder();
        const journal = new JournalWriter({ folder, durability: 'os', segmentBytes });
        const records: JournalRecord[] = [
          { kind: 'opened', run: journal.newRun(), seq: 1, id: 'ab', request: '{"name":"\ud800"}' },
        ];
        for (const [i, items] of batches.entries()) {
          records.push({ kind: 'items', run: 1, firstSeq: 2 + i, lastSeq: 2 + i, items });
        }
        records.push({ kind: 'ended', run: 1, seq: batches.length + 2, status: 'FINISHED', endTime: 1 });
        const places = records.map((record) => journal.append(record));
        journal.write();

        const { reads, skipped } = readAll(folder);
        expect(skipped).toEqual([]);
        const met = reads.filter(({ place, record }) => record.kind !== 'opened' || place.sequence === 1);
        expect(met.map(({ record }) => record)).toStrictEqual(records);
        expect(met.map(({ place }) => place)).toEqual(places);
        expect(readAll(folder, { chunkBytes: 40 }).records).toStrictEqual(reads.map(({ record }) => record));
        journal.close();
      },
    ),
    { numRuns: 60 },
  );
});

test('a reader that goes on at any place meets what follows, and nothing twice', () => {
  const folder = newFolder();
  const journal = new JournalWriter({ folder, durability: 'os', segmentBytes: 900 });
  const run = journal.newRun();
  journal.append({ kind: 'opened', run, seq: 1, id: 'a', request: '{}' });
  for (let seq = 2; seq < 40; seq++) {
    journal.append({ kind: 'items', run, firstSeq: seq, lastSeq: seq, items: metrics(['loss'], seq, 3) });
  }
  journal.write();
  const { reads } = readAll(folder);
  expect(readdirSync(folder).length).toBeGreaterThan(4);
  for (const [i, { place }] of reads.entries()) {
    expect(readAll(folder, { from: place }).reads).toStrictEqual(reads.slice(i));
  }
  const reader = new JournalReader(folder);
  for (const [i] of reads.entries()) {
    expect(readAll(folder, { from: reader.place }).reads).toStrictEqual(reads.slice(i));
    reader.next();
  }
  reader.close();
  journal.close();
});

test('a reader behind a writer meets each record once it is written, through every change of segment', () => {
  const folder = newFolder();
  const journal = new JournalWriter({ folder, durability: 'os', segmentBytes: 500 });
  const reader = new JournalReader(folder, { onSkip: (skipped) => expect(skipped).toBe('nothing') });
  const run = journal.newRun();
  expect(reader.next()).toBeUndefined();
  journal.append({ kind: 'opened', run, seq: 1, id: 'a', request: '{}' });
  for (let seq = 2; seq < 60; seq++) {
    const record: JournalRecord = { kind: 'items', run, firstSeq: seq, lastSeq: seq, items: metrics(['loss'], seq, 1) };
    const place = journal.append(record);
    expect(journal.durable).toBeLessThan(place.sequence);
    journal.write();
    expect(journal.durable).toBe(place.sequence);
    let read = reader.next();
    while (read?.record.kind === 'opened') read = reader.next();
    expect(read).toStrictEqual({ record, place });
    expect(reader.next()).toBeUndefined();
  }
  reader.close();
  journal.close();
});

test('frames that nobody wants are passed over without a look at their payload', () => {
  const folder = newFolder();
  const journal = new JournalWriter({ folder, durability: 'os' });
  const run = journal.newRun();
  const other = journal.newRun();
  for (const one of [run, other]) journal.append({ kind: 'opened', run: one, seq: 1, id: String(one), request: '{}' });
  for (let seq = 2; seq < 10; seq++) {
    journal.append({ kind: 'items', run: seq % 2 === 0 ? run : other, firstSeq: seq, lastSeq: seq, items: [] });
  }
  journal.write();
  const { records } = readAll(folder, { wants: (head) => head.run === other && head.lastSeq > 5 });
  expect(records).toMatchObject([
    { run: other, lastSeq: 7 },
    { run: other, lastSeq: 9 },
  ]);
  journal.close();
});

test('folder and files are for nobody else', () => {
  const folder = join(newFolder(), 'deep', 'journal');
  const journal = new JournalWriter({ folder, durability: 'os' });
  journal.append({ kind: 'opened', run: journal.newRun(), seq: 1, id: 'a', request: '{}' });
  journal.write();
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  const files = readdirSync(folder);
  expect(files).toHaveLength(2);
  for (const file of files) expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
  journal.close();
});

test('a metric takes few bytes, and a frame without damage tells its run without its payload', () => {
  const folder = newFolder();
  const journal = new JournalWriter({ folder, durability: 'os' });
  const run = journal.newRun();
  journal.append({ kind: 'opened', run, seq: 1, id: 'a', request: '{}' });
  const before = journal.bytes;
  journal.append({
    kind: 'items',
    run,
    firstSeq: 2,
    lastSeq: 1001,
    items: metrics(['loss', 'acc', 'train/lr'], 0, 334).slice(0, 1000),
  });
  expect((journal.bytes - before) / 1000).toBeLessThan(12);
  journal.close();
  expect(recover(folder).runs.get(run)?.backlog).toMatchObject({ frames: 2, records: 1000 });
});

test('docs/journal.md shows the bytes of a journal as they are', () => {
  const page = readFileSync(new URL('../../docs/journal.md', import.meta.url), 'utf8');
  const folder = newFolder();
  const journal = new JournalWriter({ folder, durability: 'os' });
  journal.append({ kind: 'opened', run: journal.newRun(), seq: 1, id: 'ab', request: '{}' });
  journal.append({
    kind: 'items',
    run: 1,
    firstSeq: 2,
    lastSeq: 2,
    items: [{ kind: 'metric', key: 'loss', value: 0.5, timestamp: 1000, step: 7 }],
  });
  journal.write();
  const [file = ''] = readdirSync(folder).filter((name) => name.startsWith('0'));
  const bytes = readFileSync(join(folder, file));
  // The salt is random, and so are the sums.
  const shown = /```hex\n([^`]+)```/.exec(page)?.[1] ?? '';
  const expected = shown
    .replace(/ {2}.*$/gm, '')
    .replace(/^\w+: /gm, '')
    .split(/\s+/)
    .filter(Boolean);
  expect(expected).toHaveLength(bytes.length);
  for (const [i, byte] of expected.entries()) {
    if (byte !== '..') expect(`${i}: ${bytes.toString('hex', i, i + 1)}`).toBe(`${i}: ${byte}`);
  }
  journal.close();
});
