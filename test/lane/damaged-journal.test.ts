/** The file of a journal is damaged while its process lives: what can't be read back has not landed, and must not seem to. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { JournalDamagedError } from '../../src/errors.js';
import { listSegments } from '../../src/journal/segment-name.js';
import { SegmentReader } from '../../src/journal/segment-reader.js';
import { newFolder } from '../journal/folder.js';
import { until } from '../tracker/waiting.js';
import { Caller, narrow, Worker } from './lane-parts.js';
import { RecordingStore } from './recording-store.js';

afterEach(() => void vi.restoreAllMocks());

/** Where the frames of each run stand, in the order written. */
function framesIn(folder: string): { path: string; at: number; firstSeq: number; lastSeq: number }[] {
  return listSegments(folder).segments.flatMap((segment) => {
    const reader = new SegmentReader(segment, () => undefined);
    const frames = [];
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
      frames.push({ path: segment.path, at: frame.start, firstSeq: frame.head.firstSeq, lastSeq: frame.head.lastSeq });
    }
    reader.close();
    return frames;
  });
}

function damage(folder: string, holds: (frame: { firstSeq: number; lastSeq: number }) => boolean): number {
  const frames = framesIn(folder).filter(holds);
  for (const { path, at } of frames) {
    const bytes = readFileSync(path);
    // The first of its payload.
    bytes[at + 32] = (bytes[at + 32] ?? 0) ^ 1;
    writeFileSync(path, bytes);
  }
  return frames.length;
}

/** A run whose records went on in the journal, as the store is away, in frames of ten. */
function fallBehind(seqs: number): { caller: Caller; store: RecordingStore; worker: Worker } {
  narrow(300);
  const caller = new Caller({ ringBytes: 2 ** 20 });
  const store = new RecordingStore();
  const worker = new Worker(caller, store);
  store.isHeld = true;
  caller.start(1);
  for (let seq = 2; seq <= seqs; seq++) {
    caller.tag(1, seq);
    if (seq % 10 === 1 || seq === seqs) {
      worker.drain();
      worker.send();
      expect(worker.keep()).toBe(true);
    }
  }
  return { caller, store, worker };
}

async function comesBack(store: RecordingStore, worker: Worker): Promise<void> {
  store.letAllGo();
  await until('everything to settle', () => {
    worker.keep();
    worker.fill();
    worker.send();
    return worker.isIdle;
  });
}

/** Seqs whose failure was told. */
function failedOf(caller: Caller): number[] {
  return caller.listen().flatMap(({ seq, count, error }) => {
    expect(error).toBeInstanceOf(JournalDamagedError);
    return Array.from({ length: count }, (_, i) => seq + i);
  });
}

function seqs(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

test.for([
  ['in the middle', seqs(102, 121)],
  ['at the end', seqs(192, 201)],
] as const)('records of damaged frames %s of a run count as landed', async ([, lost]) => {
  const { caller, store, worker } = fallBehind(201);
  expect(damage(caller.journal.folder, ({ firstSeq }) => lost.includes(firstSeq))).toBe(lost.length / 10);
  await comesBack(store, worker);
  const landed = seqs(2, 201).filter((seq) => !lost.includes(seq));
  expect(store.of('run-1')).toEqual(['made', ...landed.map((seq) => `at=${seq}`)]);
  expect(failedOf(caller)).toEqual(lost);
  expect(caller.table.settled(1)).toBe(201);
  expect(worker.notices).toContain('damaged');
});

test('records of a file that somebody deletes count as landed', async () => {
  const { caller, store, worker } = fallBehind(201);
  for (const { path } of listSegments(caller.journal.folder).segments) rmSync(path);
  await comesBack(store, worker);
  const landed = store.of('run-1').slice(1);
  const failed = failedOf(caller);
  expect(failed.length).toBeGreaterThan(100);
  expect([...landed, ...failed.map((seq) => `at=${seq}`)]).toEqual(seqs(2, 201).map((seq) => `at=${seq}`));
  expect(caller.table.settled(1)).toBe(201);
});

test('a run whose end is in a damaged frame stays open', async () => {
  const { caller, store, worker } = fallBehind(101);
  caller.end(1, 102);
  worker.drain();
  expect(worker.keep()).toBe(true);
  expect(damage(caller.journal.folder, ({ firstSeq }) => firstSeq === 102)).toBe(1);
  await comesBack(store, worker);
  expect(store.of('run-1').at(-1)).toBe('FINISHED');
  expect([failedOf(caller), caller.table.settled(1)]).toEqual([[], 102]);
});

test.for([0, 1, 2])('a record of several frames, number %i of which is damaged, counts as landed', async (place) => {
  const { caller, store, worker } = fallBehind(51);
  const path = join(newFolder(), 'config.json');
  const keys = Array.from({ length: 10_000 }, (_, i) => `key ${i}`);
  writeFileSync(path, JSON.stringify(Object.fromEntries(keys.map((key) => [key, 1]))));
  caller.config(1, 52, path);
  caller.tag(1, 53);
  worker.drain();
  expect(worker.keep()).toBe(true);
  const parts = framesIn(caller.journal.folder).filter(({ firstSeq }) => firstSeq === 52);
  expect(parts).toHaveLength(3);
  damage(caller.journal.folder, (frame) => frame.firstSeq === 52 && frame.lastSeq === parts[place]?.lastSeq);
  await comesBack(store, worker);
  expect(new Set(failedOf(caller))).toEqual(new Set([52]));
  expect([store.of('run-1').at(-1), caller.table.settled(1)]).toEqual(['at=53', 53]);
});

test('a run that another one’s damaged frame is nothing to fails nothing', async () => {
  narrow(300);
  const caller = new Caller({ ringBytes: 2 ** 20 });
  const store = new RecordingStore();
  const worker = new Worker(caller, store);
  store.isHeld = true;
  for (const slot of [1, 2]) caller.start(slot);
  for (let seq = 2; seq <= 201; seq++) {
    for (const slot of [1, 2]) caller.tag(slot, seq);
    if (seq % 10 !== 1) continue;
    worker.drain();
    worker.send();
    expect(worker.keep()).toBe(true);
  }
  let isFirst = false;
  damage(caller.journal.folder, ({ firstSeq }) => {
    isFirst = firstSeq === 102 && !isFirst;
    return isFirst;
  });
  await comesBack(store, worker);
  const failed = caller.listen();
  expect(new Set(failed.map(({ slot }) => slot)).size).toBe(1);
  const lostIn = failed[0]?.slot ?? 0;
  expect(store.of(`run-${lostIn}`)).toHaveLength(1 + 190);
  expect(store.of(`run-${3 - lostIn}`)).toEqual(['made', ...seqs(2, 201).map((seq) => `at=${seq}`)]);
});
