import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { StoreListing } from '../../src/cli/listing.js';
import { ParamConflictError } from '../../src/errors.js';
import { OwnerLock } from '../../src/journal/owner-lock.js';
import { bury } from '../../src/lane/dead-letters.js';
import { newFolder } from '../journal/folder.js';
import { headrace, type Said } from './command.js';
import { begin, contents, homeOf, log, writerIn } from './journals.js';

const SERVER = 'http://127.0.0.1:5000';
const [FIRST, SECOND, THIRD] = ['a'.repeat(32), 'b'.repeat(32), 'c'.repeat(32)];

interface Listed {
  readonly folder: string;
  readonly stores: readonly StoreListing[];
}

function listed({ code, stdout, stderr }: Said): Listed {
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
}

/** Three runs of one store: one under way, one that has ended and not landed, one that has landed. */
function leaveThree(dir: string): { home: string; folder: string } {
  const home = homeOf(dir, SERVER);
  const folder = join(home, '20260101T000000-1-00000000');
  const writer = writerIn(folder);
  const first = begin(writer, FIRST, { name: 'brisk-otter-1' });
  const second = begin(writer, SECOND);
  const third = begin(writer, THIRD);
  log(writer, first, 2, 1500);
  log(writer, second, 2, 20);
  writer.append({ kind: 'ended', run: second, seq: 22, status: 'FINISHED', endTime: 5 });
  log(writer, third, 2, 10);
  writer.append({ kind: 'ended', run: third, seq: 12, status: 'FAILED', endTime: 5 });
  writer.storeId(first, 'f'.repeat(32));
  writer.landed(first, 1);
  writer.landed(third, 12);
  writer.close();
  return { home, folder };
}

describe('what is listed', () => {
  test('a run, its records, its end or its ids are left out, or something on disk is changed', async () => {
    const dir = newFolder();
    const { home, folder } = leaveThree(dir);
    const before = contents(dir);
    const { stores } = listed(await headrace(dir, ['journal', dir, '--json']));
    expect(stores).toMatchObject([{ home, uri: SERVER, dead: { count: 0 }, journals: [{ folder, owner: null, skipped: [] }] }]);
    const runs = stores[0]?.journals[0]?.runs;
    const pendingBytes: unknown = expect.any(Number);
    expect(runs).toEqual([
      { id: FIRST, storeId: 'f'.repeat(32), name: 'brisk-otter-1', pending: 1500, pendingBytes, landed: false, end: null },
      { id: SECOND, storeId: null, name: null, pending: 20, pendingBytes, landed: false, end: 'FINISHED' },
      { id: THIRD, storeId: null, name: null, pending: 0, pendingBytes, landed: true, end: 'FAILED' },
    ]);
    expect(contents(dir)).toEqual(before);
  });

  test('a person can’t read it', async () => {
    const dir = newFolder();
    leaveThree(dir);
    const { code, stdout, stderr } = await headrace(dir, ['journal', dir]);
    expect([code, stderr]).toEqual([0, '']);
    const table = stdout.split('\n').map((line) => line.trim().split(/ {2,}/));
    expect(table).toContainEqual(['run', 'name', 'in the store', 'pending', 'landed', 'dead', 'end']);
    expect(table).toContainEqual([FIRST, 'brisk-otter-1', 'f'.repeat(32), '1,500', 'no', '0', 'none']);
    expect(table).toContainEqual([SECOND, '-', '20', 'no', '0', 'FINISHED']);
    expect(table).toContainEqual([THIRD, '-', '0', 'yes', '0', 'FAILED']);
    expect(stdout).toContain(SERVER);
    expect(stdout).toMatch(/1 journal of 1 store, 3 runs: 1,520 records pending, 0 refused for good\n$/);
  });

  test('a name of a run moves the cursor', async () => {
    const dir = newFolder();
    const writer = writerIn(join(homeOf(dir, SERVER), 'one'));
    begin(writer, FIRST, { name: '\u001b[2Jgone\n\u009b0m' });
    writer.close();
    const { stdout } = await headrace(dir, ['journal', dir]);
    expect(stdout).toContain('gone');
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });

  test('a live owner is taken for a dead one', async () => {
    const dir = newFolder();
    const { folder } = leaveThree(dir);
    const lock = OwnerLock.acquire(folder, { holder: 'lane 0' });
    onTestFinished(() => lock?.release());
    const { stores } = listed(await headrace(dir, ['journal', dir, '--json']));
    expect(stores[0]?.journals[0]?.owner).toMatchObject({ pid: process.pid, holder: 'lane 0' });
    expect((await headrace(dir, ['journal', dir])).stdout).toContain(`owned by process ${process.pid} `);
  });

  test('damage passes in silence, or hides what is whole', async () => {
    const dir = newFolder();
    const { folder } = leaveThree(dir);
    const [segment = ''] = readdirSync(folder).filter((name) => /^\d/.test(name));
    const bytes = readFileSync(join(folder, segment));
    bytes.fill(0xff, bytes.indexOf('p700'), bytes.indexOf('p710'));
    writeFileSync(join(folder, segment), bytes);
    writeFileSync(join(folder, 'copy.journal'), 'hello');
    const { stores } = listed(await headrace(dir, ['journal', dir, '--json']));
    const { skipped, runs } = stores[0]?.journals[0] ?? expect.unreachable();
    expect(skipped).toEqual([
      expect.stringMatching(/copy\.journal: bytes 0 to 5 is no journal of this folder/),
      expect.stringMatching(new RegExp(`${segment}: bytes \\d+ to \\d+ is damaged`)),
    ]);
    expect(runs.map(({ id, pending }) => [id, pending])).toEqual([
      [FIRST, 0],
      [SECOND, 20],
      [THIRD, 0],
    ]);
    expect((await headrace(dir, ['journal', dir])).stdout).toMatch(/is damaged; skipped\n/);
  });

  test('what was refused for good is not told, by run and reason, also when its journal is gone', async () => {
    const dir = newFolder();
    const { home } = leaveThree(dir);
    const conflict = (runId: string): ParamConflictError =>
      new ParamConflictError({ runId, key: 'lr', storedValue: '1', newValue: '2' });
    const item = { kind: 'param', key: 'lr', value: '2' } as const;
    const lost = 'd'.repeat(32);
    for (const runId of [FIRST, FIRST, lost]) bury(home, { runId, storeId: undefined }, [{ item, error: conflict(runId) }]);
    appendFileSync(join(home, 'dead.jsonl'), '{"at":"2026\n');
    const { stores } = listed(await headrace(dir, ['journal', dir, '--json']));
    const code = 'HEADRACE_PARAM_CONFLICT';
    expect(stores[0]?.dead).toMatchObject({
      path: join(home, 'dead.jsonl'),
      count: 3,
      reasons: [
        { runId: FIRST, code, count: 2, message: conflict(FIRST).message },
        { runId: lost, code, count: 1 },
      ],
      unreadableLines: 1,
    });
    const { stdout } = await headrace(dir, ['journal', dir]);
    expect(stdout).toContain(`run ${lost}: 1 ${code}, such as: param "lr"`);
    expect(stdout).toMatch(new RegExp(`${FIRST} .* 1,500 +no +2 +none`));
    expect(stdout).toMatch(/3 refused for good\n$/);
  });

  test('a journal that can’t be read hides the others, or is no failure', async () => {
    const dir = newFolder();
    const { home } = leaveThree(dir);
    const odd = join(home, 'odd');
    mkdirSync(join(odd, 'owner'), { recursive: true });
    writeFileSync(join(odd, 'landed.journal'), '');
    const { code, stdout } = await headrace(dir, ['journal', dir, '--json']);
    const { stores } = JSON.parse(stdout) as Listed;
    const found = stores[0]?.journals.map(({ runs, error }) => [runs.length, error]);
    expect([code, found]).toEqual([1, [[3, null], [0, expect.stringContaining('EISDIR')]]]); // biome-ignore format: pairs
    expect((await headrace(dir, ['journal', odd])).stdout).toContain("can't be read: EISDIR");
  });
});

describe('which folder is meant', () => {
  test('HEADRACE_DIR, .headrace, a store’s folder, one journal: something else is listed', async () => {
    const cwd = newFolder();
    const dir = join(cwd, '.headrace');
    const { home, folder } = leaveThree(dir);
    const other = homeOf(dir, 'sqlite:////data/a.db');
    const second = join(home, '20260102T000000-1-00000000');
    cpSync(folder, second, { recursive: true });
    cpSync(dir, join(cwd, 'elsewhere'), { recursive: true });
    const found = async (args: string[], env = {}): Promise<unknown> => {
      const { stores } = listed(await headrace(cwd, ['journal', '--json', ...args], env));
      return stores.map((store) => [store.home, store.journals.map((journal) => journal.folder)]);
    };
    const all = home < other ? [[home, [folder, second]], [other, []]] : [[other, []], [home, [folder, second]]]; // biome-ignore format: pairs
    expect(await found([])).toEqual(all);
    expect(await found(['.headrace'])).toEqual(all);
    expect(await found([home])).toEqual([[home, [folder, second]]]);
    expect(await found([other])).toEqual([[other, []]]);
    expect(await found([second])).toEqual([[home, [second]]]);
    const moved = (await found([], { HEADRACE_DIR: 'elsewhere' })) as [string, unknown][];
    expect(moved.map(([folder]) => folder).every((folder) => folder.startsWith(join(cwd, 'elsewhere')))).toBe(true);
  });

  test('none at all is a failure, or one that somebody names is none', async () => {
    const cwd = newFolder();
    expect(await headrace(cwd, ['journal'])).toEqual({
      code: 0,
      stdout: `no journal in ${join(cwd, '.headrace')}\n`,
      stderr: '',
    });
    expect(listed(await headrace(cwd, ['journal', '--json']))).toEqual({ folder: join(cwd, '.headrace'), stores: [] });
    expect(await headrace(cwd, ['journal', 'gone'])).toEqual({
      code: 1,
      stdout: '',
      stderr: `headrace: ${join(cwd, 'gone')} is not a folder\n`,
    });
  });
});
