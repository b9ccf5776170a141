import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { JournalRecord } from '../../src/journal/record.js';
import { recover } from '../../src/journal/recovery.js';
import { acknowledgementsPath, listSegments } from '../../src/journal/segment-name.js';
import { JournalWriter } from '../../src/journal/writer.js';
import { newFolder } from './folder.js';
import { framesOf, metrics, readAll } from './samples.js';

function items(run: number, firstSeq: number, lastSeq: number = firstSeq): JournalRecord {
  return { kind: 'items', run, firstSeq, lastSeq, items: metrics(['loss'], firstSeq, 2) };
}

function opened(run: number, seq = 1): JournalRecord {
  return { kind: 'opened', run, seq, id: `id of ${run}`, request: '{"name":"n"}' };
}

function ended(run: number, seq: number): JournalRecord {
  return { kind: 'ended', run, seq, status: 'FINISHED', endTime: 7 };
}

/** Its process is gone: it is not closed. */
function left(folder: string, records: readonly JournalRecord[], segmentBytes?: number): JournalWriter {
  const journal = new JournalWriter({ folder, durability: 'os', segmentBytes });
  for (const record of records) journal.append(record);
  journal.write();
  return journal;
}

test('a folder that is not there has nothing', () => {
  expect(recover(join(newFolder(), 'none'))).toMatchObject({
    segments: [],
    skipped: [],
    nextRun: 1,
    nextSegment: 1,
    nextSequence: 1,
  });
});

test('what has landed is not replayed, what has not is, from the first frame on', () => {
  const folder = newFolder();
  const journal = left(folder, [opened(1), opened(2), items(1, 2, 4), items(2, 2), items(1, 5), items(1, 6, 9), ended(2, 3)]);
  journal.storeId(1, 'abc');
  journal.landed(1, 5);
  journal.landed(2, 3);
  journal.close();
  const { runs } = recover(folder);
  expect(runs.get(1)).toMatchObject({
    state: { opened: { id: 'id of 1', request: '{"name":"n"}' }, storeId: 'abc', landed: 5, ended: undefined },
    backlog: { from: { segment: 1, sequence: 6 }, frames: 1, records: 4 },
  });
  expect(runs.get(1)?.state.finished).toBe(false);
  expect(runs.get(2)?.state.finished).toBe(true);
  expect(runs.get(2)?.state.ended).toMatchObject({ status: 'FINISHED', endTime: 7 });
  expect(runs.get(2)?.backlog).toBeUndefined();
});

test('a record that goes on in the next frame has not landed with the one before it', () => {
  const folder = newFolder();
  const journal = left(folder, [opened(1), items(1, 2, 4), items(1, 5, 4), items(1, 5, 5)], 150);
  journal.landed(1, 4);
  journal.collect();
  expect(readAll(folder).records.filter(({ kind }) => kind === 'items')).toStrictEqual([items(1, 5, 4), items(1, 5, 5)]);
  expect(recover(folder).runs.get(1)?.backlog).toMatchObject({ frames: 2, records: 1 });
});

test('seqs that wrap at 2^32 land in their order', () => {
  const folder = newFolder();
  const high = 2 ** 32 - 2;
  const journal = left(folder, [opened(1, high), items(1, high + 1), items(1, 0, 3), items(1, 4)], 150);
  journal.landed(1, high + 1);
  journal.collect();
  expect(recover(folder).runs.get(1)?.backlog).toMatchObject({ frames: 2, records: 5 });
  journal.landed(1, 3);
  journal.collect();
  journal.close();
  expect(recover(folder).runs.get(1)?.backlog).toMatchObject({ frames: 1, records: 1 });
});

test('one damaged spot does not make the records of a run nameless', () => {
  const folder = newFolder();
  left(folder, [opened(1), items(1, 2), items(1, 3)]);
  const path = listSegments(folder).segments[0]?.path ?? '';
  const bytes = readFileSync(path);
  bytes.fill(0, 50, 60);
  writeFileSync(path, bytes);
  expect(recover(folder).runs.get(1)).toMatchObject({ state: { opened: { id: 'id of 1' } }, backlog: { records: 2 } });

  // And when both copies are gone they are told of as what they are.
  rmSync(acknowledgementsPath(folder));
  const { runs, skipped } = recover(folder);
  expect(runs.get(1)).toMatchObject({ state: { opened: undefined }, backlog: { records: 2 } });
  expect(skipped).toMatchObject([{ path, start: 32, reason: 'damaged' }]);
  const journal = new JournalWriter({ folder, durability: 'os' });
  expect(journal.newRun()).toBe(2);
  expect(() => journal.append(items(1, 4))).toThrow('was lost');
  // Whoever has put them aside says so like this.
  journal.landed(1, 3);
  expect(journal.collect()).toBe(bytes.length);
});

test('damaged acknowledgements cost a replay and nothing else', () => {
  const folder = newFolder();
  const journal = left(folder, [opened(1), items(1, 2), items(1, 3), opened(2), items(2, 2)]);
  journal.landed(1, 2);
  journal.storeId(2, 'xyz');
  journal.close();
  const path = acknowledgementsPath(folder);
  const bytes = readFileSync(path);
  const size = bytes.length;
  for (let at = 0; at < 400; at += 3) {
    const changed = Buffer.from(bytes);
    changed.fill(0xa5, at, at + 5);
    writeFileSync(path, changed);
    const { runs, skipped } = recover(folder);
    expect(runs.get(1)?.backlog?.records).toBeGreaterThanOrEqual(1);
    expect(runs.get(2)?.backlog?.records).toBe(1);
    expect(runs.get(1)?.state.opened).toMatchObject({ id: 'id of 1' });
    for (const one of skipped) expect(one.reason).toMatch(/damaged|foreign/);
  }
  expect(statSync(path).size).toBe(size);
});

test('a run that is idle while its segments go is still known, and not as one that has ended', () => {
  const folder = newFolder();
  const journal = left(folder, [opened(1), items(1, 2), opened(2)], 200);
  journal.landed(1, 2);
  for (let seq = 2; seq < 50; seq++) journal.append(items(2, seq));
  journal.write();
  journal.landed(2, 49);
  journal.collect();
  expect(listSegments(folder).segments.length).toBeLessThan(2);
  const run = recover(folder).runs.get(1);
  expect(run?.state).toMatchObject({ opened: { id: 'id of 1' }, landed: 2 });
  expect(run?.state.finished).toBe(false);
});

test('the next owner goes on with a run where its predecessor stopped', () => {
  const folder = newFolder();
  left(folder, [opened(1), items(1, 2), opened(2), items(2, 2)]);
  const journal = new JournalWriter({ folder, durability: 'os' });
  expect(journal.recovered.runs.get(1)?.backlog).toMatchObject({ records: 1 });
  expect(journal.newRun()).toBe(3);
  journal.append(items(1, 3));
  journal.append(ended(1, 4));
  journal.write();
  const { records } = readAll(folder);
  expect(records).toStrictEqual([opened(1), items(1, 2), opened(2), items(2, 2), opened(1), items(1, 3), ended(1, 4)]);
  journal.landed(1, 4);
  journal.collect();
  expect(listSegments(folder).segments.map(({ number }) => number)).toEqual([1, 2]);
  journal.landed(2, 2);
  journal.close();
  // Run 2 has no end.
  expect(readdirSync(folder)).toEqual(['landed.journal']);
  const { runs } = recover(folder);
  expect([...runs.values()].filter(({ state }) => !state.finished).map(({ state }) => state.run)).toEqual([2]);
});

test('each segment declares the runs it has something of, so that any other may go', () => {
  const folder = newFolder();
  const records = [opened(1), opened(2)];
  for (let seq = 2; seq < 40; seq++) records.push(items(1 + (seq % 2), seq));
  const journal = left(folder, records, 600);
  const { segments } = listSegments(folder);
  expect(segments.length).toBeGreaterThan(5);
  for (const { path } of segments) if (path !== segments[3]?.path) rmSync(path);
  rmSync(acknowledgementsPath(folder));
  const met = readAll(folder).records;
  for (const record of met) {
    if (record.kind === 'items') expect(met.slice(0, met.indexOf(record))).toContainEqual(opened(record.run));
  }
  expect(met.length).toBeGreaterThan(4);
  journal.close();
});

test('thousands of short runs leave neither files nor memory behind', () => {
  const folder = newFolder();
  const journal = new JournalWriter({ folder, durability: 'os', segmentBytes: 20_000 });
  for (let i = 0; i < 3000; i++) {
    const run = journal.newRun();
    for (const record of [opened(run), items(run, 2), ended(run, 3)]) journal.append(record);
    journal.storeId(run, 'f'.repeat(32));
    journal.write();
    journal.landed(run, 3);
    if (i % 10 === 0) journal.collect();
  }
  expect(journal.bytes).toBeLessThan(150_000);
  expect(recover(folder).runs.size).toBeLessThan(500);
  journal.close();
  expect(readdirSync(folder)).toEqual([]);
});

test('a segment of which a part is damaged goes when what is whole has landed', () => {
  const folder = newFolder();
  left(folder, [opened(1), items(1, 2), items(1, 3), items(1, 4), ended(1, 5)]);
  const path = listSegments(folder).segments[0]?.path ?? '';
  const bytes = readFileSync(path);
  bytes.fill(0, (framesOf(path)[2]?.start ?? 0) + 35, (framesOf(path)[2]?.start ?? 0) + 45);
  writeFileSync(path, bytes);
  const stranger = join(folder, '00000009-00000000.journal');
  writeFileSync(stranger, 'somebody wrote this by hand, and longer than a header is');
  const journal = new JournalWriter({ folder, durability: 'os' });
  expect(journal.recovered.skipped).toMatchObject([
    { path, reason: 'damaged' },
    { path: stranger, reason: 'foreign' },
  ]);
  expect(journal.collect()).toBe(0);
  journal.landed(1, 5);
  journal.close();
  expect(readdirSync(folder)).toEqual(['00000009-00000000.journal']);
});

test('segments that hold nothing go with the next owner', () => {
  const folder = newFolder();
  writeFileSync(join(folder, '00000003-0badf00d.journal'), '');
  writeFileSync(join(folder, '00000004-0badf00d.journal'), Buffer.alloc(20));
  const journal = new JournalWriter({ folder, durability: 'os' });
  expect(journal.recovered.skipped.map(({ reason }) => reason)).toEqual(['empty', 'truncated']);
  expect(journal.place.segment).toBe(5);
  journal.close();
  expect(readdirSync(folder)).toEqual([]);
});
