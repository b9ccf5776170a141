/** A disk that is full, read-only or lies: a typed error, whole frames kept, and on it goes when it is over. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs, { chmodSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { JournalFullError, JournalRecordTooLargeError, JournalWriteError } from '../../src/errors.js';
import type { JournalRecord } from '../../src/journal/record.js';
import { recover } from '../../src/journal/recovery.js';
import { JournalWriter } from '../../src/journal/writer.js';
import { bundleChild, Child } from './child.js';
import { newFolder } from './folder.js';
import { readAll } from './samples.js';

let program: Awaited<ReturnType<typeof bundleChild>>;
beforeAll(async () => {
  program = await bundleChild('writer');
});
afterAll(() => program.remove());
afterEach(() => void vi.restoreAllMocks());

const LIMIT = 200 * 1024;

interface SmallDisk {
  readonly folder: string;
  readonly child: Child;
  readonly makeRoom: () => void;
}

/** The operating system refuses to let a file grow: everywhere, for anybody. */
function limitedFile(durability: string): SmallDisk {
  const folder = join(newFolder(), 'journal');
  const child = new Child('prlimit', [`--fsize=${LIMIT}:unlimited`, process.execPath, program.path, folder, durability]);
  const makeRoom = (): void => void execFileSync('prlimit', ['--pid', String(child.process.pid), '--fsize=unlimited']);
  return { folder, child, makeRoom };
}

/** A file system that is full, in a mount namespace where this user may mount one; undefined: not on this machine. */
function fullDisk(durability: string): SmallDisk | undefined {
  const top = newFolder();
  const disk = join(top, 'disk');
  mkdirSync(disk);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${LIMIT}`, 'tmpfs', disk]).status !== 0) return undefined;
  onTestFinished(() => void spawnSync('umount', ['-l', disk]));
  const ballast = join(disk, 'ballast');
  const folder = join(disk, 'journal');
  mkdirSync(folder);
  writeFileSync(ballast, Buffer.alloc(60 * 1024));
  const child = new Child(process.execPath, [program.path, folder, durability]);
  const makeRoom = (): void => {
    rmSync(ballast);
    spawnSync('mount', ['-o', 'remount,size=10m', disk]);
  };
  return { folder, child, makeRoom };
}

const disks: [string, string, (durability: string) => SmallDisk | undefined][] = [
  ['a file that may not grow (EFBIG)', 'EFBIG', limitedFile],
  ['a full disk (ENOSPC)', 'ENOSPC', fullDisk],
];

test.each(disks.flatMap(([what, code, make]) => ['os', 'fsync'].map((durability) => [what, durability, code, make] as const)))(
  '%s, durability %s: a typed error, every whole frame kept, nothing lost when there is room again',
  async (_, durability, code, make) => {
    // Where nobody may mount, the limit on files shows the same.
    const made = make(durability);
    const { folder, child, makeRoom } = made ?? limitedFile(durability);
    const reason = made === undefined ? 'EFBIG' : code;
    await child.ask('open');
    await child.ask('append 50');
    expect(await child.ask('write')).toBe('durable 51 unwritten 0');
    await child.ask('append 300');
    for (let i = 0; i < 3; i++) {
      expect(await child.ask('write')).toMatch(new RegExp(`^HEADRACE_JOURNAL_WRITE .*${reason} unwritten [1-9]`));
      const { records, skipped } = readAll(folder);
      expect(skipped).toEqual([]);
      expect(records.length).toBeGreaterThan(51);
      expect(records.length).toBeLessThan(351);
      await child.ask('append 1');
    }
    makeRoom();
    expect(await child.ask('write')).toBe('durable 354 unwritten 0');
    await child.kill();
    const { records, skipped } = readAll(folder);
    expect(skipped).toEqual([]);
    expect(records.map((record) => (record.kind === 'items' ? record.lastSeq : 1))).toEqual(
      Array.from({ length: 354 }, (_seq, i) => i + 1),
    );
  },
);

test('a disk that the journal itself has filled is given back when everything has landed', async () => {
  const { folder, child } = fullDisk('os') ?? limitedFile('os');
  await child.ask('open');
  await child.ask('append 300');
  expect(await child.ask('write')).toMatch(/^HEADRACE_JOURNAL_WRITE/);
  expect(await child.ask('land')).toBe('freed true');
  expect(readdirSync(folder)).toEqual(['landed.journal']);
  await child.ask('append 20');
  expect(await child.ask('write')).toBe('durable 322 unwritten 0');
  await child.kill();
  // What had landed is not sent again.
  expect(recover(folder).runs.get(1)?.backlog).toMatchObject({ records: 20 });
});

test('a folder that may not be written gives a typed error, keeps what was appended, and takes it when it may', async () => {
  const folder = join(newFolder(), 'journal');
  mkdirSync(folder, { mode: 0o777 });
  chmodSync(folder, 0o777);
  // Root may write anywhere.
  const other = process.getuid?.() === 0 ? ['65534'] : [];
  const child = new Child(process.execPath, [program.path, folder, 'os', ...other]);
  await child.ask('open');
  chmodSync(folder, 0o555);
  await child.ask('append 10');
  expect(await child.ask('write')).toMatch(/^HEADRACE_JOURNAL_WRITE .*EACCES unwritten [1-9]/);
  expect(readdirSync(folder)).toEqual([]);
  chmodSync(folder, 0o777);
  expect(await child.ask('write')).toBe('durable 11 unwritten 0');
  await child.kill();
  expect(readAll(folder).records).toHaveLength(11);
});

test('a folder that can not be made is a typed error', () => {
  const file = join(newFolder(), 'file');
  writeFileSync(file, '');
  expect(() => new JournalWriter({ folder: join(file, 'journal'), durability: 'os' })).toThrow(JournalWriteError);
});

function opened(
  folder: string,
  options: { durability?: 'os' | 'fsync'; segmentBytes?: number; limitBytes?: number } = {},
): JournalWriter {
  const journal = new JournalWriter({ folder, durability: 'os', ...options });
  journal.append({ kind: 'opened', run: journal.newRun(), seq: 1, id: 'a', request: '{}' });
  return journal;
}

function batch(seq: number, bytes = 100): JournalRecord {
  return {
    kind: 'items',
    run: 1,
    firstSeq: seq,
    lastSeq: seq,
    items: [{ kind: 'param', key: `k${seq}`, value: 'v'.repeat(bytes) }],
  };
}

test('writes that take only a part of what they are given lose nothing', () => {
  const folder = newFolder();
  const journal = opened(folder);
  const { writeSync } = fs;
  let calls = 0;
  const records = Array.from({ length: 200 }, (_, i) => batch(i + 2));
  for (const record of records) journal.append(record);
  const short = (file: number, bytes: Buffer, at: number, length = bytes.length - at, position?: number): number => {
    calls++;
    return writeSync(file, bytes, at, Math.min(length, 777), position);
  };
  // The one of its overloads that is used.
  vi.spyOn(fs, 'writeSync').mockImplementation(short as typeof fs.writeSync);
  journal.write();
  expect(calls).toBeGreaterThan(20);
  expect(readAll(folder).records.slice(1)).toStrictEqual(records);
  journal.close();
});

test('an fsync that failed is not believed the next time: everything since the last good one is written anew', () => {
  const folder = newFolder();
  const journal = opened(folder, { durability: 'fsync', segmentBytes: 4000 });
  journal.append(batch(2));
  journal.write();
  expect(journal.durable).toBe(0);
  journal.sync();
  expect(journal.durable).toBe(2);
  const records = Array.from({ length: 100 }, (_, i) => batch(i + 3));
  for (const record of records) journal.append(record);
  journal.write();
  const spy = vi.spyOn(fs, 'fdatasyncSync').mockImplementationOnce(() => {
    throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
  });
  expect(() => journal.sync()).toThrow(JournalWriteError);
  expect(journal.durable).toBe(2);
  expect(journal.unwrittenBytes).toBeGreaterThan(0);
  // What the system has dropped without a word.
  const first = join(folder, readdirSync(folder).find((name) => name.startsWith('00000001')) ?? '');
  const size = statSync(first).size;
  const file = fs.openSync(first, 'r+');
  fs.writeSync(file, Buffer.alloc(2000), 0, 2000, size - 2000);
  fs.closeSync(file);
  spy.mockRestore();
  journal.write();
  journal.sync();
  expect(journal.durable).toBeGreaterThanOrEqual(102);
  const { records: met, skipped } = readAll(folder);
  expect(skipped).toEqual([]);
  expect(met.filter((record) => record.kind === 'items')).toStrictEqual([batch(2), ...records]);
  journal.close();
});

test('the limit is a typed error for the record that does not fit, and for that one only', () => {
  const folder = newFolder();
  const limitBytes = 200_000;
  const journal = opened(folder, { limitBytes, segmentBytes: 50_000 });
  journal.append({ kind: 'opened', run: journal.newRun(), seq: 1, id: 'idle', request: '{}' });
  let seq = 1;
  const fill = (): void => {
    for (;;) journal.append(batch(++seq, 1000));
  };
  expect(fill).toThrow(JournalFullError);
  journal.write();
  const taken = seq - 1;
  expect(taken).toBeGreaterThan(100);
  expect(onDisk(folder)).toBeLessThanOrEqual(limitBytes);
  expect(() => journal.append(batch(seq, 1000))).toThrow(/limit of 200000; let the store catch up/);
  journal.append(batch(seq, 10));
  journal.landed(1, seq);
  journal.landed(2, 1);
  expect(journal.collect()).toBeGreaterThan(100_000);
  journal.append(batch(++seq, 1000));
  expect(fill).toThrow(JournalFullError);
  // A run that can't tell that it ended would be taken for one that was killed.
  for (const run of [1, 2]) journal.append({ kind: 'ended', run, seq, status: 'FINISHED', endTime: 1 });
  journal.write();
  expect(readAll(folder).records.at(-1)).toMatchObject({ kind: 'ended' });
  journal.close();
});

test('a run that does not fit was not opened', () => {
  const journal = new JournalWriter({ folder: newFolder(), durability: 'os', limitBytes: 70_000 });
  const run = journal.newRun();
  const record: JournalRecord = { kind: 'opened', run, seq: 1, id: 'a', request: 'x'.repeat(5000) };
  expect(() => journal.append(record)).toThrow(JournalFullError);
  expect(() => journal.append(batch(2))).toThrow('is not open');
  journal.append({ ...record, request: '{}' });
  journal.close();
});

test('a batch larger than a segment gets one of its own, and one larger than a frame a typed error', () => {
  const folder = newFolder();
  const journal = opened(folder, { segmentBytes: 10_000 });
  const records = [batch(2), batch(3, 300_000), batch(4)];
  for (const record of records) journal.append(record);
  expect(() => journal.append(batch(5, 65 * 2 ** 20))).toThrow(JournalRecordTooLargeError);
  journal.write();
  expect(readAll(folder).records.filter((record) => record.kind === 'items')).toStrictEqual(records);
  journal.close();
});

function onDisk(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}
