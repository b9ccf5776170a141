import fs from 'node:fs';
import { join } from 'node:path';
import { JournalReader } from '../../src/journal/reader.js';
import { listSegments } from '../../src/journal/segment-name.js';
import { JournalWriter } from '../../src/journal/writer.js';
import type { Item } from '../../src/store/store.js';
import { FIRST_TIMESTAMP } from '../server/rows.js';

export interface JournalWrites {
  readonly kind: 'metrics' | 'params';
  readonly durability: 'os' | 'fsync';
  /** Of each round; a multiple of a group. */
  readonly records: number;
  readonly rounds: number;
}

/** One for each round. */
export interface WriteTimes {
  readonly bytes: readonly number[];
  /** Seconds of `append`: to pack the records, to sum them up, to put them together. */
  readonly append: readonly number[];
  /** Seconds of `write` and `sync`. */
  readonly write: readonly number[];
  /** Seconds of the same bytes in pieces by `fs.writeSync`, and as many calls of `fdatasync`. */
  readonly plain: readonly number[];
}

/** What a lane's worker takes from the ring at once, and then writes and syncs. */
export const GROUP = 20_000;

/** As the worker makes them. */
const FRAME = 4096;
const PIECE_BYTES = 64 * 1024;

const KEYS = ['train.loss', 'train.accuracy', 'train.images_per_second', 'optimizer.lr'];

export async function scenario({ kind, durability, records, rounds }: JournalWrites): Promise<WriteTimes> {
  const times = { bytes: [] as number[], append: [] as number[], write: [] as number[], plain: [] as number[] };
  // The first compiles the code.
  for (let round = -1; round < rounds; round++) {
    const folder = join(process.cwd(), `journal-${round}`);
    const written = writeJournal(folder, kind, durability, records);
    expectRecords(folder, records);
    const { bytes, seconds } = writePlain(folder, durability, records / GROUP);
    fs.rmSync(folder, { recursive: true });
    if (round < 0) continue;
    times.bytes.push(bytes);
    times.append.push(written.append);
    times.write.push(written.write);
    times.plain.push(seconds);
  }
  return times;
}

function writeJournal(
  folder: string,
  kind: JournalWrites['kind'],
  durability: JournalWrites['durability'],
  records: number,
): { append: number; write: number } {
  const writer = new JournalWriter({ folder, durability });
  const run = writer.newRun();
  writer.append({ kind: 'opened', run, seq: 1, id: 'a'.repeat(32), request: '{}' });
  let append = 0;
  let write = 0;
  for (let from = 0; from < records; from += GROUP) {
    const frames = framesOf(kind, from);
    const startedAt = performance.now();
    let seq = 2 + from;
    for (const items of frames) {
      writer.append({ kind: 'items', run, firstSeq: seq, lastSeq: seq + items.length - 1, items });
      seq += items.length;
    }
    const appendedAt = performance.now();
    writer.write();
    writer.sync();
    write += performance.now() - appendedAt;
    append += appendedAt - startedAt;
  }
  writer.close();
  return { append: append / 1000, write: write / 1000 };
}

function framesOf(kind: JournalWrites['kind'], from: number): Item[][] {
  const frames: Item[][] = [];
  for (let at = 0; at < GROUP; at += FRAME) {
    frames.push(Array.from({ length: Math.min(FRAME, GROUP - at) }, (_, i) => itemOf(kind, from + at + i)));
  }
  return frames;
}

function itemOf(kind: JournalWrites['kind'], i: number): Item {
  const value = Math.random();
  if (kind === 'params') return { kind: 'param', key: `group_${i % 20}.option_${i}`, value: String(value) };
  const step = Math.floor(i / KEYS.length);
  // A key for each remainder.
  return { kind: 'metric', key: KEYS[i % KEYS.length] as string, value, step, timestamp: FIRST_TIMESTAMP + step };
}

function expectRecords(folder: string, records: number): void {
  const reader = new JournalReader(folder);
  let found = 0;
  for (let read = reader.next(); read !== undefined; read = reader.next()) {
    if (read.record.kind === 'items') found += read.record.items.length;
  }
  reader.close();
  if (found !== records) throw new Error(`${records} records were written, but the journal holds ${found}`);
}

function writePlain(folder: string, durability: JournalWrites['durability'], groups: number): { bytes: number; seconds: number } {
  const content = Buffer.concat(listSegments(folder).segments.map(({ path }) => fs.readFileSync(path)));
  const file = fs.openSync(join(folder, 'plain'), 'wx');
  const group = Math.ceil(content.length / groups);
  const startedAt = performance.now();
  for (let from = 0; from < content.length; from += group) {
    const to = Math.min(from + group, content.length);
    for (let at = from; at < to; at += PIECE_BYTES) fs.writeSync(file, content, at, Math.min(PIECE_BYTES, to - at));
    if (durability === 'fsync') fs.fdatasyncSync(file);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  fs.closeSync(file);
  return { bytes: content.length, seconds };
}
