import { describe, expect, test } from 'vitest';
import type { TrackerOptions } from '../../src/index.js';
import { Stored } from '../tracker/stored.js';
import { until } from '../tracker/waiting.js';
import { Child, type Ended, useChildren } from './child.js';

useChildren();

function plays(scene: string, stored: Stored, options: TrackerOptions = {}): Child {
  return new Child('ending.ts', [scene, JSON.stringify({ uri: stored.uri, ...options })]);
}

function statuses(stored: Stored): unknown[] {
  return stored.rows('SELECT status FROM runs').map(({ status }) => status);
}

function ownLines({ stderr }: Ended): string[] {
  return stderr.split('\n').filter((line) => line.startsWith('headrace:'));
}

describe('a process that ends while another one holds the file', () => {
  test.each([
    ['a ring with room', {}],
    ['a ring that is full, too', { ringBytes: 4096, onFull: 'reject' }],
  ] as const)('does so within exitTimeoutMs and, without a journal, says how much was lost: %s', async (_, options) => {
    const stored = new Stored();
    const child = plays('leaves records behind', stored, { exitTimeoutMs: 600, durability: 'memory', ...options });
    await child.said('ready');
    stored.lock();
    child.say('go');
    const ended = await child.ended;
    expect([ended.code, ended.signal]).toEqual([4, null]);
    expect(ended.endingMs).toBeGreaterThan(500);
    expect(ended.endingMs).toBeLessThan(600 + 500 + 1500);
    const accepted = Number(/accepted (\d+)/.exec(ended.stdout)?.[1]);
    expect(accepted).toBeGreaterThan(50);
    const lines = ownLines(ended);
    expect(lines[0]).toMatch(
      new RegExp(
        `^headrace: ${accepted} of ${accepted} records had not landed in sqlite:.*/mlflow\\.db within 600 ms and are lost`,
      ),
    );
    // Refused for want of room, and nobody awaited them.
    expect(lines.length).toBe('onFull' in options ? 2 : 1);
  });

  test('ends at once at the second Ctrl-C', async () => {
    const stored = new Stored();
    const child = plays('is stopped twice', stored, { exitTimeoutMs: 25_000 });
    await child.said('ready');
    stored.lock();
    child.say('go');
    await child.said('beat');
    child.process.kill('SIGINT');
    await child.fallsSilent(300);
    expect(child.process.exitCode).toBeNull();
    const secondAt = performance.now();
    child.process.kill('SIGINT');
    const ended = await child.ended;
    expect([ended.code, ended.signal]).toEqual([null, 'SIGINT']);
    expect(performance.now() - secondAt).toBeLessThan(3000);
  });

  test('is not kept alive by a flush, an end and a close that timed out, with no journal to resolve them', async () => {
    const stored = new Stored();
    const child = plays('has a flush that timed out', stored, { exitTimeoutMs: 500, durability: 'memory' });
    await child.said('ready');
    const lock = stored.lock();
    child.say('go');
    const ended = await child.ended;
    lock.release();
    expect(ended.stdout).toContain('timed out');
    expect(ended.code).toBe(0);
    expect(ended.endingMs).toBeLessThan(500 + 500 + 1500);
    expect(ownLines(ended)).toEqual([expect.stringMatching(/^headrace: 1 of 1 records had not landed/)]);
  });
});

describe('signals', () => {
  test('one that comes while the end of the only run is on its way lands that end', async () => {
    const stored = new Stored();
    for (let i = 0; i < 3; i++) {
      const ended = await plays('ends a run and is stopped', stored).ended;
      expect([ended.code, ended.signal]).toEqual([null, 'SIGTERM']);
      const id = /run (\w+)/.exec(ended.stdout)?.[1] ?? '';
      expect(stored.run(id)?.status).toBe('FAILED');
      expect(stored.count('metrics', id)).toBe(10_000);
    }
  });

  test('signals: false leaves them alone', async () => {
    const stored = new Stored();
    const ended = await plays('is stopped, signals off', stored, { signals: false }).ended;
    expect([ended.code, ended.signal]).toEqual([null, 'SIGTERM']);
    expect(ended.stdout).toBe('listeners 0\n');
    expect(statuses(stored)).toEqual(['RUNNING']);
  });

  test('close after a signal ends runs as KILLED', async () => {
    const stored = new Stored();
    const ended = await plays('closes after a signal', stored).ended;
    expect([ended.code, ended.signal]).toEqual([0, null]);
    expect(statuses(stored)).toEqual(['KILLED']);
  });
});

describe('what the end of the process says', () => {
  test('failures that nobody awaited are named, in one line', async () => {
    const stored = new Stored();
    const ended = await plays('has refusals that nobody awaited', stored).ended;
    expect(ended.code).toBe(0);
    expect(ended.stderr).toMatch(/^headrace: 2 records were refused: .*"lr".*"1".*"2".*\n$/);
    expect(ended.stderr).toContain('"mode"');
    expect(statuses(stored)).toEqual(['FINISHED']);
  });

  test('those that were awaited, or reported, are not', async () => {
    const ended = await plays('has refusals that were awaited', new Stored()).ended;
    expect([ended.code, ended.stderr]).toEqual([0, '']);
  });

  test('a run that had ended and was logged to is', async () => {
    const ended = await plays('has a refusal of a run that ended', new Stored()).ended;
    expect(ownLines(ended)).toEqual([expect.stringMatching(/^headrace: 1 record was refused: run \w+ has ended/)]);
  });
});

describe('how runs end that are open', () => {
  test('close after an uncaught error ends them as FAILED', async () => {
    const stored = new Stored();
    const ended = await plays('closes after an uncaught error', stored).ended;
    expect([ended.code, ended.stdout]).toEqual([9, 'closed\n']);
    expect(statuses(stored)).toEqual(['FAILED']);
  });

  test('process.exitCode makes them FAILED', async () => {
    const stored = new Stored();
    expect((await plays('sets an exit code', stored).ended).code).toBe(6);
    expect(statuses(stored)).toEqual(['FAILED']);
  });

  test('of two trackers both are finished', async () => {
    const stored = new Stored();
    const ended = await plays('has two trackers', stored).ended;
    expect([ended.code, ended.stderr]).toEqual([0, '']);
    expect(statuses(stored)).toEqual(['FINISHED', 'FINISHED']);
    expect(stored.count('params')).toBe(2);
  });

  test('what an exit listener of the program logs behind ours is refused, and harms nothing', async () => {
    const stored = new Stored();
    const ended = await plays('logs in an exit listener', stored).ended;
    expect(ended.code).toBe(0);
    expect(statuses(stored)).toEqual(['FINISHED']);
    expect(stored.rows('SELECT key FROM params')).toEqual([{ key: 'k' }]);
  });

  test('SIGKILL a moment after they landed loses none of those', async () => {
    const stored = new Stored();
    const child = plays('is stopped twice', stored);
    await child.said('ready');
    child.say('go');
    await until('the param', () => stored.count('params') === 1);
    child.process.kill('SIGKILL');
    await child.ended;
    expect(stored.rows('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    expect([stored.count('params'), ...statuses(stored)]).toEqual([1, 'RUNNING']);
  });
});
