/** A program that logs to a server, and ends. */
import { describe, expect, test } from 'vitest';
import type { TrackerOptions } from '../../src/index.js';
import { Child, type Ended, useChildren } from '../exit/child.js';
import { Served } from './served.js';

useChildren();

function plays(scene: string, served: Served, options: TrackerOptions = {}): Child {
  return new Child('ending.ts', [scene, JSON.stringify({ uri: served.fake.url, ...options })]);
}

function ownLines({ stderr }: Ended): string[] {
  return stderr.split('\n').filter((line) => line.startsWith('headrace:'));
}

describe('a process that ends while the server is away', () => {
  test('does so within exitTimeoutMs and, without a journal, says how many are lost and where, but no password', async () => {
    const served = await Served.start();
    const uri = served.fake.url.replace('//', '//ada:hunter%402@');
    const child = plays('leaves records behind', served, { uri, exitTimeoutMs: 1200, durability: 'memory' });
    await child.said('ready');
    await served.fake.goDown();
    child.say('go');
    const ended = await child.ended;
    expect([ended.code, ended.signal]).toEqual([4, null]);
    // The child's last words may be read late here, while others use both cores.
    expect(ended.endingMs).toBeGreaterThan(700);
    expect(ended.endingMs).toBeLessThan(1200 + 500 + 1500);
    const accepted = /accepted (\d+)/.exec(ended.stdout)?.[1];
    expect(Number(accepted)).toBe(2000);
    expect(ownLines(ended)).toEqual([
      expect.stringMatching(
        new RegExp(
          `^headrace: 2000 of 2000 records had not landed in ${served.fake.url} within 1200 ms and are lost; the store .*ECONNREFUSED`,
        ),
      ),
    ]);
    expect(ended.stderr + ended.stdout).not.toMatch(/hunter|YWRhOmh1bnRlckAy/);
  });

  test('says that runs are left without their end when nothing else is', async () => {
    const served = await Served.start();
    const child = plays('has nothing but ends to store', served, { exitTimeoutMs: 300, durability: 'memory' });
    await child.said('ready');
    await served.fake.goDown();
    child.say('go');
    expect(ownLines(await child.ended)).toEqual([
      expect.stringMatching(
        new RegExp(
          `^headrace: the end of 2 runs was not stored in ${served.fake.url} within 300 ms; all records were; the store`,
        ),
      ),
    ]);
  });

  test('ends at once at the second Ctrl-C', async () => {
    const served = await Served.start();
    const child = plays('is stopped twice', served, { exitTimeoutMs: 25_000 });
    await child.said('ready');
    await served.fake.goDown();
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
});

describe('a process that ends while the server is well', () => {
  test('by a signal, with everything in flight: all lands, the run has its end', async () => {
    const served = await Served.start();
    const ended = await plays('ends a run and is stopped', served).ended;
    expect([ended.code, ended.signal, ended.stderr]).toEqual([null, 'SIGTERM', '']);
    const [run] = served.fake.state.activeRuns();
    expect([run?.status, run?.metrics.size, served.fake.state.runs.size]).toEqual(['FAILED', 10_000, 1]);
    expect(run?.tags.get('headrace.run_id')).toBe(/run (\w+)/.exec(ended.stdout)?.[1]);
  });

  test('naturally, without a word to the tracker: the same', async () => {
    const served = await Served.start();
    const ended = await plays('sets an exit code', served).ended;
    expect([ended.code, ended.stderr]).toEqual([6, '']);
    const [run] = served.fake.state.activeRuns();
    expect([run?.status, run?.journal, served.fake.state.runs.size]).toEqual(['FAILED', ['param k=1'], 1]);
  });
});
