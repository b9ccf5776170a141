/** A process that ends while only its journal has what it logged. */
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { TrackerOptions } from '../../src/index.js';
import { Served } from '../server/served.js';
import { useWarnings } from '../server/warnings.js';
import { newFolder, Stored } from '../tracker/stored.js';
import { until } from '../tracker/waiting.js';
import { Child, type Ended, useChildren } from './child.js';

useChildren();
// What the next tracker says of what it found.
useWarnings();

const LONG_MS = 20_000;
const QUICK = { minTimeout: 20, maxTimeout: 100 };

function plays(scene: string, options: TrackerOptions, env: NodeJS.ProcessEnv = {}): Child {
  return new Child('ending.ts', [scene, JSON.stringify(options)], { env });
}

function ownLines({ stderr }: Ended): string[] {
  return stderr.split('\n').filter((line) => line.startsWith('headrace:'));
}

/** The journal that a line names, and that can be found by it. */
function journalIn(line: string | undefined): string {
  const [, folder = ''] = /journal (\S+?)[:;]? .*npx headrace sync \1/.exec(line ?? '') ?? [];
  expect(readdirSync(folder)).toContain('landed.journal');
  return folder;
}

describe('while the server is away', () => {
  test.each([
    ['process.exit', 'leaves records behind', 4, null, 2000, 'FAILED'],
    ['SIGINT', 'is stopped twice', null, 'SIGINT', 1, 'KILLED'],
  ] as const)('%s ends it at once, and the next tracker sends everything', async (how, scene, code, signal, records, status) => {
    const served = await Served.start();
    const options = { uri: served.fake.url, journal: { dir: served.journals }, retry: QUICK };
    const child = plays(scene, { ...options, exitTimeoutMs: LONG_MS });
    await child.said('ready');
    await served.fake.goDown();
    child.say('go');
    if (how === 'SIGINT') {
      await child.said('beat');
      child.process.kill('SIGINT');
    }
    const ended = await child.ended;
    expect([ended.code, ended.signal]).toEqual([code, signal]);
    expect(ended.endingMs).toBeLessThan(5000);
    const lines = ownLines(ended);
    const runs = served.fake.state.runs.size;
    const ends = `the end of ${runs} ${runs === 1 ? 'run' : 'runs'}`;
    expect(lines).toEqual([
      expect.stringMatching(
        `^headrace: ${records} of ${records} records and ${ends} had not landed in ${served.fake.url}; they are in the journal`,
      ),
    ]);
    expect(lines[0]).toMatch(/the next tracker with this uri sends them.*ECONNREFUSED/);
    journalIn(lines[0]);
    await served.fake.comeBack();
    const next = served.tracker({ retry: QUICK });
    await until('the ends to land', () => served.fake.state.activeRuns().filter((run) => run.status === status).length === runs);
    const landed = served.fake.state.activeRuns().map(({ metrics, params }) => metrics.size + params.size);
    expect(landed.reduce((sum, count) => sum + count, 0)).toBe(records);
    expect(served.fake.state.runs.size).toBe(runs);
    await next.close();
    expect(readdirSync(served.journals).flatMap((home) => journalsLeft(served.journals, home))).toEqual([]);
  });

  test('with nothing but ends of runs to store it says so', async () => {
    const served = await Served.start();
    const child = plays('has nothing but ends to store', { uri: served.fake.url, journal: { dir: served.journals } });
    await child.said('ready');
    await served.fake.goDown();
    child.say('go');
    const lines = ownLines(await child.ended);
    expect(lines).toEqual([expect.stringMatching(/^headrace: the end of 2 runs had not landed in .*; they are in the journal/)]);
    journalIn(lines[0]);
  });

  test('a flush, an end and a close that ran out of time have said it once, and nothing is left to wait for', async () => {
    const served = await Served.start();
    const options = { uri: served.fake.url, journal: { dir: served.journals }, exitTimeoutMs: LONG_MS };
    const child = plays('has a flush that timed out', options);
    await child.said('ready');
    await served.fake.goDown();
    child.say('go');
    const ended = await child.ended;
    expect([ended.code, ended.stdout]).toEqual([0, expect.stringContaining('timed out')]);
    expect(ended.endingMs).toBeLessThan(1500);
    expect(ownLines(ended)).toEqual([expect.stringMatching(/^headrace: 1 of 1 records had not landed in .* within 50 ms/)]);
  });
});

test('while the server hangs the end is no later than exitTimeoutMs, and nothing is lost', async () => {
  const served = await Served.start();
  const child = plays('leaves records behind', {
    uri: served.fake.url,
    journal: { dir: served.journals },
    exitTimeoutMs: 600,
  });
  await child.said('ready');
  const fault = served.fake.fault({}, { hang: 'before applying' }, Number.POSITIVE_INFINITY);
  child.say('go');
  const ended = await child.ended;
  expect(ended.code).toBe(4);
  expect(ended.endingMs).toBeGreaterThan(500);
  expect(ended.endingMs).toBeLessThan(600 + 500 + 1500);
  expect(fault.fired).toBeGreaterThan(0);
  expect(ownLines(ended)).toEqual([
    expect.stringMatching(/^headrace: 2000 of 2000 records .* within 600 ms; they are in the journal/),
  ]);
  fault.stop();
});

test('while another process holds the file it ends soon, and the next tracker lands everything', async () => {
  const stored = new Stored();
  const child = plays('leaves records behind', {
    uri: stored.uri,
    journal: { dir: stored.journals },
    exitTimeoutMs: LONG_MS,
  });
  await child.said('ready');
  const lock = stored.lock();
  child.say('go');
  const ended = await child.ended;
  expect([ended.code, ended.endingMs < 10_000]).toEqual([4, true]);
  const lines = ownLines(ended);
  expect(lines).toEqual([
    expect.stringMatching(/^headrace: 2000 of 2000 records and the end of 2 runs had not landed in sqlite/),
  ]);
  journalIn(lines[0]);
  lock.release();
  const next = stored.tracker();
  await until('the ends to land', () => stored.rows("SELECT 1 FROM runs WHERE status = 'FAILED'").length === 2);
  expect(stored.count('metrics')).toBe(2000);
  await next.close();
});

test('offline it says once where everything is, and how to send it', async () => {
  const dir = newFolder();
  const journal = { dir };
  const ended = await plays('sets an exit code', { uri: 'offline', journal }).ended;
  const elsewhere = await plays('sets an exit code', { uri: 'http://127.0.0.1:1', journal }, { HEADRACE_OFFLINE: '1' }).ended;
  expect([ended.code, elsewhere.code]).toEqual([6, 6]);
  expect(ownLines(ended)).toEqual([expect.stringMatching(/^headrace: 1 record of 1 run in the journal .* --uri URI$/)]);
  expect(ownLines(elsewhere)).toEqual([
    expect.stringMatching(/^headrace: 1 record of 1 run in the journal .*npx headrace sync \S+$/),
  ]);
  for (const one of [ended, elsewhere]) journalIn(ownLines(one)[0]);
});

/** Folders of journals in a store's. */
function journalsLeft(dir: string, home: string): string[] {
  return readdirSync(`${dir}/${home}`, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}
