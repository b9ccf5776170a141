import { renameSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Receipt, type Tracker, WorkerDiedError } from '../../src/index.js';
import { Signal, WorkerState } from '../../src/lane/signals.js';
import { Served } from '../server/served.js';
import { Stored } from './stored.js';
import { failureOf, until } from './waiting.js';
import { killWorker, threadsOf } from './worker-threads.js';

interface Internals {
  readonly lanes: readonly { readonly memory: { readonly signals: SharedArrayBuffer } }[];
}

/** Kills the worker, and looks when the next one has come up. Not before it has begun, or it would be no death of its. */
async function killAndSee(tracker: Tracker): Promise<() => boolean> {
  const [lane] = (tracker as unknown as Internals).lanes;
  if (lane === undefined) throw new Error('there is no lane');
  const signals = new Int32Array(lane.memory.signals);
  const isRunning = (): boolean => Atomics.load(signals, Signal.State) === WorkerState.Running;
  await until('a worker', isRunning);
  Atomics.store(signals, Signal.State, WorkerState.NotStarted);
  await threadsOf(tracker)?.threads[0]?.terminate();
  return isRunning;
}

describe('a worker that dies', () => {
  test('while idle is replaced: runs go on, keys are known, nothing is lost or doubled', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const run = tracker.startRun();
    for (let i = 0; i < 100; i++) run.logMetric('loss', i, i);
    await run.flush();
    await killWorker(tracker);
    for (let i = 100; i < 200; i++) run.logMetric('loss', i, i);
    const second = tracker.startRun();
    second.logParam('k', 1);
    await tracker.close();
    expect(stored.metrics(run.id).map(({ step }) => step)).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect([stored.run(run.id)?.status, stored.run(second.id)?.status]).toEqual(['FINISHED', 'FINISHED']);
    expect(stored.count('runs')).toBe(2);
  });

  test('with everything still to do: the next one does it', async () => {
    const stored = new Stored();
    const tracker = stored.tracker({ retry: { minTimeout: 200, maxTimeout: 200, randomize: false } });
    const run = tracker.startRun();
    await run.logParam('first', 1);
    const lock = stored.lock();
    const receipts: Receipt[] = [];
    for (let i = 0; i < 100; i++) receipts.push(run.logMetric('loss', i, i), run.logParam(`p${i}`, i));
    const refused = run.logParam('first', 2);
    const bad = run.logParam('a$', 1);
    const ended = run.end('FAILED', { throwOnFailure: false });
    await until('a try that failed', () => tracker.stats().retries > 0);
    await killWorker(tracker);
    lock.release();
    await Promise.all(receipts);
    expect(await ended).toMatchObject({ accepted: 203, landed: 201, failed: 2, pending: 0 });
    expect([refused.state, bad.state]).toEqual(['failed', 'failed']);
    expect([stored.count('metrics', run.id), stored.count('params', run.id)]).toEqual([100, 101]);
    expect(stored.run(run.id)?.status).toBe('FAILED');
  });

  test('leaves no call of storeId pending for ever', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const run = tracker.startRun();
    await run.flush();
    const thread = threadsOf(tracker)?.threads[0];
    const asked = run.storeId;
    await thread?.terminate();
    expect(await asked).toBe(run.id);
    expect(await run.storeId).toBe(run.id);
  });

  test('again and again while idle is replaced each time, and what is logged then lands', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const errors: string[] = [];
    tracker.on('error', ({ code }) => void errors.push(code));
    const run = tracker.startRun();
    await run.logParam('k', 0);
    for (let death = 1; death <= 5; death++) {
      const isBack = await killAndSee(tracker);
      if (death < 5) await until('the next worker', isBack);
    }
    // The next one is not to be waited for when there is something to do.
    const since = performance.now();
    await run.logParam('later', 1);
    expect(performance.now() - since).toBeLessThan(1000);
    await tracker.close();
    expect(stored.params(run.id)).toEqual({ k: '0', later: '1' });
    expect(errors).toEqual([]);
  });

  test('while the store is away, again and again: what the journal took in between is progress', async () => {
    const served = await Served.start();
    const tracker = served.tracker({ retry: { minTimeout: 20, maxTimeout: 100 } });
    const run = tracker.startRun();
    await run.flush();
    await served.fake.goDown();
    const receipts: Receipt[] = [];
    for (let death = 1; death <= 5; death++) {
      receipts.push(run.logMetric('loss', death, death));
      await receipts.at(-1)?.durable();
      await until('the next worker', await killAndSee(tracker));
    }
    await served.fake.comeBack();
    await Promise.all(receipts);
    const { journal } = served.run(await run.storeId);
    expect(journal).toEqual([1, 2, 3, 4, 5].map((step) => `metric loss@${step}`));
  });

  test('and whose successors can not even begin: receipts fail instead of hanging', async () => {
    const served = await Served.start();
    const tracker = served.tracker();
    const run = tracker.startRun();
    await run.flush();
    await served.fake.goDown();
    const receipt = run.logParam('k', 1);
    await receipt.durable();
    const { journal } = await run.flush({ timeoutMs: 0 });
    // A file in the place of the folder that the next one is to take over.
    renameSync(journal ?? '', `${journal}-moved`);
    writeFileSync(journal ?? '', '');
    await threadsOf(tracker)?.threads[0]?.terminate();
    expect((await failureOf(WorkerDiedError, receipt)).message).toContain(journal);
  });

  test('three times without progress: receipts fail instead of hanging, and so does what comes later', async () => {
    const stored = new Stored();
    const tracker = stored.tracker({ retry: { minTimeout: 200, maxTimeout: 200, randomize: false } });
    const errors: string[] = [];
    tracker.on('error', ({ code }) => void errors.push(code));
    const run = tracker.startRun();
    await run.flush();
    const lock = stored.lock();
    const receipt = run.logParam('k', 1);
    for (let death = 1; death <= 5 && receipt.state !== 'failed'; death++) {
      const retries = tracker.stats().retries;
      await until('a try that failed', () => tracker.stats().retries > retries || receipt.state === 'failed');
      await threadsOf(tracker)?.threads[0]?.terminate();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const error = await failureOf(WorkerDiedError, receipt);
    expect(error.deaths).toBeGreaterThanOrEqual(3);
    lock.release();
    expect(run.logParam('later', 1).state).toBe('failed');
    await failureOf(WorkerDiedError, run.logMetric('later', 1));
    expect(errors).toContain('HEADRACE_WORKER_DIED');
    const another = tracker.startRun();
    await failureOf(WorkerDiedError, another.logParam('k', 1));
    await failureOf(WorkerDiedError, another.storeId);
    await another.end('FINISHED', { throwOnFailure: false });
    const report = await tracker.close({ throwOnFailure: false, timeoutMs: 3000 });
    expect(report.pending).toBe(0);
  });
});
