/** What is whole is found, whatever has happened around it; what is not whole is never handed out. */
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JournalReader } from '../../src/journal/reader.js';
import type { JournalRecord } from '../../src/journal/record.js';
import { listSegments } from '../../src/journal/segment-name.js';
import { JournalWriter } from '../../src/journal/writer.js';
import { newFolder } from './folder.js';
import { framesOf, metrics, readAll, type Stretch } from './samples.js';

interface Sample {
  readonly folder: string;
  readonly path: string;
  readonly bytes: Buffer;
  readonly records: readonly JournalRecord[];
  readonly frames: readonly Stretch[];
}

/** One segment with frames of many sizes. */
function sample(batches = 58): Sample {
  const folder = newFolder();
  const journal = new JournalWriter({ folder, durability: 'os' });
  const run = journal.newRun();
  const other = journal.newRun();
  const records: JournalRecord[] = [
    { kind: 'opened', run, seq: 1, id: 'a'.repeat(32), request: JSON.stringify({ name: 'a run', tags: [['k', 'v']] }) },
    { kind: 'opened', run: other, seq: 1, id: 'b'.repeat(32), request: '{}' },
  ];
  for (let seq = 2; seq < batches + 2; seq++) {
    const items = metrics(['loss', 'accuracy'], seq, seq % 7);
    if (seq % 5 === 0) items.push({ kind: 'param', key: 'text', value: 'x'.repeat((seq * 37) % 300) });
    records.push({ kind: 'items', run: seq % 3 === 0 ? other : run, firstSeq: seq, lastSeq: seq, items });
  }
  records.push({ kind: 'ended', run, seq: batches + 2, status: 'FINISHED', endTime: 1 });
  for (const record of records) journal.append(record);
  journal.write();
  const path = listSegments(folder).segments[0]?.path ?? '';
  return { folder, path, bytes: readFileSync(path), records, frames: framesOf(path) };
}

test('a journal cut off at any byte gives every frame that is whole, and calls the rest a torn tail', () => {
  const { folder, path, bytes, records, frames } = sample(12);
  expect(frames).toHaveLength(records.length);
  for (let length = bytes.length; length >= 0; length--) {
    truncateSync(path, length);
    const whole = frames.filter(({ end }) => end <= length);
    const { records: met, skipped } = readAll(folder);
    expect(met).toStrictEqual(records.slice(0, whole.length));
    const from = whole[whole.length - 1]?.slackEnd ?? 32;
    if (length === 0) expect(skipped).toEqual([{ path, start: 0, end: 0, reason: 'empty' }]);
    else if (length < 32) expect(skipped).toEqual([{ path, start: 0, end: length, reason: 'truncated' }]);
    else if (length > from) expect(skipped).toEqual([{ path, start: from, end: length, reason: 'torn' }]);
    else expect(skipped).toEqual([]);
  }
});

type Random = (below: number) => number;

const SECTOR = 512;

/** Every kind of damage at places that `random` gives. */
const changes: Record<string, (bytes: Buffer, random: Random) => Buffer> = {
  'a flipped bit': (bytes, random) => overwritten(bytes, random(bytes.length), (byte) => byte ^ (1 << random(8)), 1),
  'flipped bits': (bytes, random) => {
    let changed = bytes;
    for (let i = random(20); i >= 0; i--)
      changed = overwritten(changed, random(bytes.length), (byte) => byte ^ (1 << random(8)), 1);
    return changed;
  },
  'bytes cut out': (bytes, random) => {
    const at = random(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(random(10) === 0 ? 3000 : 40))]);
  },
  'bytes put in': (bytes, random) => {
    const at = random(bytes.length + 1);
    const put = Buffer.from(Array.from({ length: 1 + random(60) }, () => random(256)));
    return Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at)]);
  },
  'bytes overwritten': (bytes, random) => overwritten(bytes, random(bytes.length), () => random(256), 1 + random(200)),
  'zeros over a part': (bytes, random) => overwritten(bytes, random(bytes.length), () => 0, 1 + random(1000)),
  'a part of the file twice': (bytes, random) => {
    const from = random(bytes.length);
    const at = random(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(from, from + 1 + random(1500)), bytes.subarray(at)]);
  },
  'swapped sectors': (bytes, random) => {
    const sectors = Math.floor(bytes.length / SECTOR);
    const [a, b] = [random(sectors) * SECTOR, random(sectors) * SECTOR];
    const changed = Buffer.from(bytes);
    bytes.copy(changed, a, b, b + SECTOR);
    bytes.copy(changed, b, a, a + SECTOR);
    return changed;
  },
  'a torn end': (bytes, random) => bytes.subarray(0, random(bytes.length)),
};

function overwritten(bytes: Buffer, at: number, value: (byte: number) => number, count: number): Buffer {
  const changed = Buffer.from(bytes);
  for (let i = at; i < Math.min(at + count, bytes.length); i++) changed[i] = value(changed[i] ?? 0);
  return changed;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Bytes that neither a frame that was handed out nor a skipped range accounts for, or that both do. */
function unaccounted(size: number, taken: readonly Range[], skipped: readonly Range[]): number[] {
  const counts = new Uint8Array(size + 8);
  const mark = (from: number, to: number): void => {
    for (let i = from; i < Math.min(to, size); i++) counts[i] = (counts[i] ?? 0) + 1;
  };
  for (const { start, end } of taken) mark(start, end);
  for (const { start, end } of skipped) mark(start, end);
  const wrong: number[] = [];
  for (let i = 0; i < size; i++) if (counts[i] !== 1) wrong.push(i);
  return wrong;
}

test('10,000 random mutations: no crash, every whole frame once and in order, nothing else, and each lost byte named', {
  timeout: 60_000,
}, () => {
  const original = sample(26);
  const { folder, path, records, frames } = original;
  const names = Object.keys(changes);
  const seen = { lost: 0, moved: 0, whole: 0 };
  let state = 20_261_123;
  // xorshift: the same mutations at every run, and one that fails is told by its number.
  const random = (below: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
  const texts = records.map((record) => JSON.stringify(record));
  const written = frames.map(({ start, end }) => original.bytes.subarray(start, end));
  for (let i = 0; i < 10_000; i++) {
    let mutant = original.bytes;
    const done: string[] = [];
    for (let times = random(4) === 0 ? 3 : 1; times > 0; times--) {
      const name = names[random(names.length)] ?? '';
      if (mutant.length > 2 * SECTOR) mutant = changes[name]?.(mutant, random) ?? mutant;
      done.push(name);
    }
    writeFileSync(path, mutant);
    const label = `mutation ${i}: ${done.join(', ')}`;
    const { reads, records: met, skipped } = readAll(folder, { chunkBytes: i % 2 === 0 ? 700 : undefined });

    // Its bytes are there in one piece, wherever.
    const wanted = texts.filter((_, n) => mutant.includes(written[n] ?? ''));
    const texted = met.map((record) => JSON.stringify(record));
    // Only what differs is worth the time of a matcher.
    if (texted.join('\n') !== wanted.join('\n')) expect(texted, label).toEqual(wanted);

    const taken = reads.map(({ place: { offset } }) => ({
      start: offset,
      end: offset + 32 + mutant.readUInt32LE(offset + 8),
    }));
    const repeated = skipped.filter(({ reason }) => reason === 'repeated');
    const ends = [...taken, ...repeated].map(({ start, end }) => [end, start + ((end - start + 7) & ~7)] as const); // a pair each
    // Slack is nobody's: it may be cut, or changed, without a loss. So is the header.
    const uncounted = unaccounted(mutant.length, taken, skipped).filter(
      (byte) => byte >= 32 && !ends.some(([end, slackEnd]) => byte >= end && byte < slackEnd),
    );
    if (uncounted.length > 0) expect(uncounted, label).toEqual([]);
    if (wanted.length < records.length) seen.lost++;
    else seen.whole++;
    if (reads.some(({ place }, n) => n > 0 && place.offset < (reads[n - 1]?.place.offset ?? 0))) seen.moved++;
  }
  // Each of them has happened, or the test would prove nothing.
  expect(seen.lost).toBeGreaterThan(5000);
  expect(seen.moved).toBeGreaterThan(100);
  expect(seen.whole).toBeGreaterThan(100);
});

test('bytes that are a frame of another journal are none when the frame around them is damaged', () => {
  const { folder, path, bytes, frames, records } = sample();
  const other = sample();
  const [, , inner] = other.frames;
  const copied = other.bytes.subarray(inner?.start, inner?.end);
  const [host] = frames.filter(({ start, end }) => end - start > copied.length + 64);
  if (host === undefined) throw new Error('no frame has room for another');
  copied.copy(bytes, host.start + 40);
  writeFileSync(path, bytes);
  const { records: met, skipped } = readAll(folder);
  expect(met).toStrictEqual(records.filter((_, n) => frames[n] !== host));
  expect(skipped).toEqual([{ path, start: host.start, end: host.slackEnd, reason: 'damaged' }]);
});

test('frames of another segment that got into a file are not its records', () => {
  const first = sample();
  const second = sample();
  const both = Buffer.concat([first.bytes, second.bytes.subarray(32)]);
  writeFileSync(first.path, both);
  const { records, skipped } = readAll(first.folder);
  expect(records).toStrictEqual(first.records);
  expect(skipped).toEqual([{ path: first.path, start: first.bytes.length, end: both.length, reason: 'torn' }]);
});

test('random bytes after a header, and files of nothing but magic, end', () => {
  const { folder, path, bytes } = sample();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), (junk) => {
      writeFileSync(path, Buffer.concat([bytes.subarray(0, 32), junk]));
      expect(readAll(folder).records).toEqual([]);
    }),
    { numRuns: 100 },
  );
  writeFileSync(path, Buffer.alloc(200_000, Buffer.from([0xff, 0xc0, 0xfe, 0xc1])));
  expect(readAll(folder)).toMatchObject({ records: [], skipped: [{ reason: 'foreign' }] });
});

test('a reader that stops in the midst of damage goes on with what is left, and nothing twice', () => {
  const { folder, path, bytes, frames } = sample();
  const target = Buffer.from(bytes);
  bytes.copy(target, 2 * SECTOR, 5 * SECTOR, 6 * SECTOR);
  bytes.copy(target, 5 * SECTOR, 2 * SECTOR, 3 * SECTOR);
  target.fill(1, (frames[4]?.start ?? 0) + 40, (frames[4]?.start ?? 0) + 44);
  writeFileSync(path, target);
  const { reads } = readAll(folder);
  expect(reads.length).toBeGreaterThan(40);
  const reader = new JournalReader(folder);
  for (let i = 0; i <= reads.length; i++) {
    expect(readAll(folder, { from: reader.place }).reads).toStrictEqual(reads.slice(i));
    reader.next();
  }
  reader.close();
});

test('one file does not hide the others: empty, cut, foreign, of another version, unreadable', () => {
  const folder = newFolder();
  const journal = new JournalWriter({ folder, durability: 'os', segmentBytes: 300 });
  const run = journal.newRun();
  const records: JournalRecord[] = [{ kind: 'opened', run, seq: 1, id: 'a', request: '{}' }];
  for (let seq = 2; seq < 30; seq++)
    records.push({ kind: 'items', run, firstSeq: seq, lastSeq: seq, items: metrics(['loss'], seq, 4) });
  for (const record of records) journal.append(record);
  journal.write();
  const paths = listSegments(folder).segments.map((segment) => segment.path);
  const undamaged = readAll(folder).reads;
  const [empty = '', cut = '', foreign = '', version = '', copy = '', zeros = ''] = paths.slice(2);
  const held = new Map(paths.map((path) => [path, readFileSync(path)]));

  truncateSync(empty, 0);
  truncateSync(cut, 20);
  writeFileSync(foreign, 'a letter to somebody else, longer than the header of any journal');
  const next = Buffer.from(held.get(version) ?? '');
  next.writeUInt16LE(2, 8);
  writeFileSync(version, headedAnew(next));
  writeFileSync(copy, held.get(paths[0] ?? '') ?? '');
  writeFileSync(zeros, Buffer.alloc(400));
  writeFileSync(join(folder, 'notes.journal'), 'not a segment');
  writeFileSync(join(folder, 'notes.txt'), 'not of the journal');

  const { records: met, skipped } = readAll(folder);
  const reasons = Object.fromEntries(skipped.map((one) => [one.path, one.reason]));
  expect(reasons).toEqual({
    [empty]: 'empty',
    [cut]: 'truncated',
    [foreign]: 'foreign',
    [version]: 'version',
    [copy]: 'foreign',
    [zeros]: 'foreign',
    [join(folder, 'notes.journal')]: 'foreign',
  });
  const lost = new Set([empty, cut, foreign, version, copy, zeros]);
  const kept = undamaged.filter(({ place }) => !lost.has(paths[place.segment - 1] ?? ''));
  expect(kept.length).toBeGreaterThan(20);
  expect(met).toStrictEqual(kept.map(({ record }) => record));
  expect(readFileSync(foreign, 'utf8')).toContain('a letter');
  expect(readdirSync(folder)).toHaveLength(paths.length + 3);
  journal.close();
});

function headedAnew(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeUInt32LE(sumOf(changed.subarray(0, 28)), 28);
  return changed;
}

/** The header's sum, by the bits. */
function sumOf(data: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of data) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum & 1) === 0 ? sum >>> 1 : (sum >>> 1) ^ 0x82f63b78;
  }
  return ~sum >>> 0;
}
