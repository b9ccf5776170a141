import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, { mkdirSync, readdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { OwnerLock, ownerOf } from '../../src/journal/owner-lock.js';
import { type ProcessIdentity, thisProcess } from '../../src/journal/process-identity.js';
import { bundleChild, Child } from './child.js';
import { newFolder } from './folder.js';

let program: Awaited<ReturnType<typeof bundleChild>>;
beforeAll(async () => {
  program = await bundleChild('owner');
});
afterAll(() => program.remove());
afterEach(() => void vi.restoreAllMocks());

/** The lock of some other process. */
function forge(folder: string, other: Partial<ProcessIdentity>, { token = 'a-token', file = 'owner', age = 0 } = {}): void {
  const path = join(folder, file);
  writeFileSync(path, JSON.stringify({ token, holder: 'h', process: { ...thisProcess(), ...other } }));
  const at = new Date(Date.now() - age);
  utimesSync(path, at, at);
}

/** One that is surely gone: no process has started before the machine. */
const DEAD: Partial<ProcessIdentity> = { startTime: '-1' };

test('a second owner is refused until the first lets go', () => {
  const folder = newFolder();
  const lock = OwnerLock.acquire(folder, { holder: 'lane 1' });
  expect(lock?.isHeld()).toBe(true);
  expect(OwnerLock.acquire(folder)).toBeUndefined();
  expect(ownerOf(folder)).toMatchObject({ holder: 'lane 1', process: { pid: process.pid } });
  lock?.release();
  expect(readdirSync(folder)).toEqual([]);
  expect(ownerOf(folder)).toBeUndefined();
  expect(OwnerLock.acquire(folder)?.isHeld()).toBe(true);
});

test('a worker that is started again takes on the lock of the one before it', () => {
  const folder = newFolder();
  OwnerLock.acquire(folder, { holder: 'lane 1' });
  const lock = OwnerLock.acquire(folder, { holder: 'lane 1' });
  expect(lock?.isHeld()).toBe(true);
  expect(OwnerLock.acquire(folder, { holder: 'lane 2' })).toBeUndefined();
});

test('a process that was killed does not keep its lock', async () => {
  const folder = newFolder();
  const child = new Child(process.execPath, [program.path]);
  expect(await child.ask(`0 ${folder}`)).toBe('owner');
  expect(OwnerLock.acquire(folder)).toBeUndefined();
  await child.kill();
  expect(OwnerLock.acquire(folder)?.isHeld()).toBe(true);
  expect(readdirSync(folder)).toEqual(['owner']);
});

test('a pid that another process has by now does not keep the lock of the one before', () => {
  const folder = newFolder();
  forge(folder, DEAD);
  expect(OwnerLock.acquire(folder)?.isHeld()).toBe(true);
});

test('a lock from before a reboot is nobody’s, though its pid is in use', () => {
  const folder = newFolder();
  const age = 20 * 365 * 86_400_000;
  forge(folder, { bootId: 'before' }, { age });
  expect(OwnerLock.acquire(folder)?.isHeld()).toBe(true);
});

test('a process that is dead and not yet buried does not keep its lock', async () => {
  const folder = newFolder();
  // The shell starts a process and becomes one that never asks how it ended.
  const parent = spawn('sh', ['-c', 'sleep 0.05 & echo $!; exec sleep 30']);
  onTestFinished(() => void parent.kill('SIGKILL'));
  const [line] = await once(parent.stdout, 'data');
  const pid = Number(String(line).trim());
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  forge(folder, { pid, startTime: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] });
  expect(OwnerLock.acquire(folder)).toBeUndefined();
  for (let i = 0; i < 100 && !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8')); i++) await sleep(20);
  expect(readFileSync(`/proc/${pid}/stat`, 'utf8')).toMatch(/\) Z/);
  expect(OwnerLock.acquire(folder)?.isHeld()).toBe(true);
});

const elsewhere: [string, Partial<ProcessIdentity>][] = [
  ['on another machine', { host: 'another', bootId: 'its own' }],
  ['in another container', { host: 'c0ffee', pidNamespace: 'pid:[1]' }],
  ['on another machine of the same name', { bootId: 'its own' }],
];

test.each(elsewhere)('an owner %s can not be looked up: it is alive as long as it gives signs of life', (_, other) => {
  const folder = newFolder();
  forge(folder, other, { age: 5 * 60_000 });
  expect(OwnerLock.acquire(folder)).toBeUndefined();
  expect(ownerOf(folder)).toMatchObject({ process: other });
  expect(ownerOf(folder, { silenceMs: 60_000 })).toBeUndefined();
  forge(folder, other, { age: 11 * 60_000 });
  expect(OwnerLock.acquire(folder)?.isHeld()).toBe(true);
});

test('signs of life are seen, and an owner that was thought dead learns that it is none any more', () => {
  const folder = newFolder();
  const lock = OwnerLock.acquire(folder);
  const before = new Date(Date.now() - 3_600_000);
  utimesSync(join(folder, 'owner'), before, before);
  expect(lock?.touch()).toBe(true);
  expect(ownerOf(folder)?.seenAt).toBeGreaterThan(Date.now() - 60_000);
  forge(folder, {}, { token: 'the next one' });
  expect(lock?.touch()).toBe(false);
  expect(lock?.isHeld()).toBe(false);
  lock?.release();
  expect(ownerOf(folder)).toMatchObject({ holder: 'h' });
});

test('a lock that a power cut has emptied is nobody’s after a minute', () => {
  const folder = newFolder();
  writeFileSync(join(folder, 'owner'), '');
  expect(OwnerLock.acquire(folder)).toBeUndefined();
  const before = new Date(Date.now() - 61_000);
  utimesSync(join(folder, 'owner'), before, before);
  expect(OwnerLock.acquire(folder)?.isHeld()).toBe(true);
});

test('one that was killed while it took over does not keep the folder', () => {
  const folder = newFolder();
  forge(folder, DEAD, { token: 'first' });
  forge(folder, DEAD, { token: 'second', file: 'owner-after-first' });
  forge(folder, DEAD, { token: 'third', file: 'owner-draft-third', age: 120_000 });
  expect(OwnerLock.acquire(folder)?.isHeld()).toBe(true);
  expect(readdirSync(folder)).toEqual(['owner']);
});

test('one that was killed before it had its lock leaves nothing, and takes nothing from one that is getting it', () => {
  const folder = newFolder();
  forge(folder, DEAD, { token: 'dead', file: 'owner-draft-dead' });
  forge(folder, {}, { token: 'alive', file: 'owner-draft-alive' });
  expect(OwnerLock.acquire(folder)?.isHeld()).toBe(true);
  expect(readdirSync(folder).sort()).toEqual(['owner', 'owner-draft-alive']);
});

test('one that is about to take over is the owner already', () => {
  const folder = newFolder();
  forge(folder, DEAD, { token: 'first' });
  forge(folder, {}, { token: 'second', file: 'owner-after-first' });
  expect(OwnerLock.acquire(folder)).toBeUndefined();
  renameSync(join(folder, 'owner-after-first'), join(folder, 'owner'));
  expect(OwnerLock.acquire(folder)).toBeUndefined();
});

const chains: [string, readonly string[]][] = [
  ['no lock', []],
  ['the lock of a dead one', ['owner']],
  ['a takeover that was cut off', ['owner', 'owner-after-owner']],
];

/** What happens between the moment that somebody has seen the folder without an owner, and the moment that it links its lock. */
function meanwhile(act: () => void): void {
  const { linkSync } = fs;
  vi.spyOn(fs, 'linkSync').mockImplementationOnce((from, to) => {
    act();
    linkSync(from, to);
  });
}

test.each(chains)('%s: one that comes too late, when another has taken over and tidied up, is no owner', (_, files) => {
  const folder = newFolder();
  for (const file of files) forge(folder, DEAD, { token: file, file });
  let other: OwnerLock | undefined;
  meanwhile(() => {
    other = OwnerLock.acquire(folder);
  });
  expect(OwnerLock.acquire(folder)).toBeUndefined();
  expect(other?.isHeld()).toBe(true);
  expect(readdirSync(folder)).toEqual(['owner']);
});

test.each(chains)('%s: one that comes when another has come and gone is the only owner', (_, files) => {
  const folder = newFolder();
  for (const file of files) forge(folder, DEAD, { token: file, file });
  meanwhile(() => OwnerLock.acquire(folder)?.release());
  const lock = OwnerLock.acquire(folder);
  expect(lock?.isHeld()).toBe(true);
  expect(OwnerLock.acquire(folder)).toBeUndefined();
  expect(readdirSync(folder)).toEqual(['owner']);
});

test('where files can not be linked one is the owner all the same', () => {
  const folder = newFolder();
  vi.spyOn(fs, 'linkSync').mockImplementation(() => {
    throw Object.assign(new Error('EPERM: operation not permitted, link'), { code: 'EPERM' });
  });
  const lock = OwnerLock.acquire(folder);
  expect(lock?.isHeld()).toBe(true);
  expect(OwnerLock.acquire(folder)).toBeUndefined();
  lock?.release();
  forge(folder, DEAD);
  expect(OwnerLock.acquire(folder)?.isHeld()).toBe(true);
});

const ROUNDS = 150;

/** Folders with a lock of a dead process, without one, and with a takeover that was cut off. */
function contested(): string[] {
  const top = newFolder();
  return Array.from({ length: ROUNDS }, (_, i) => {
    const folder = join(top, String(i));
    mkdirSync(folder);
    if (i % 3 > 0) forge(folder, DEAD, { token: 'first' });
    if (i % 3 > 1) forge(folder, DEAD, { token: 'second', file: 'owner-after-first' });
    return folder;
  });
}

test(`two processes that want a dead owner's folder at the same moment, ${ROUNDS} times: one gets it`, {
  timeout: 60_000,
}, async () => {
  const children = [new Child(process.execPath, [program.path]), new Child(process.execPath, [program.path])];
  const winners = new Set<number>();
  await Promise.all(children.map(async (child) => await child.ask(`0 ${newFolder()}`)));
  for (const folder of contested()) {
    const at = Date.now() + 4;
    const answers = await Promise.all(children.map(async (child) => await child.ask(`${at} ${folder}`)));
    expect([...answers].sort()).toEqual(['owner', 'refused']);
    expect(readdirSync(folder)).toEqual(['owner']);
    winners.add(answers.indexOf('owner'));
  }
  // Or they would not have raced.
  expect(winners.size).toBe(2);
});

test(`two threads of a process, ${ROUNDS} times: one gets it`, { timeout: 60_000 }, async () => {
  const child = new Child(process.execPath, [program.path, 'threads']);
  for (const folder of contested()) {
    expect(await child.ask(`${Date.now() + 4} ${folder}`)).toBe('owner refused');
    expect(readdirSync(folder)).toEqual(['owner']);
  }
});
