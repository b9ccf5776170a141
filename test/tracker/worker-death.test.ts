import { describe, expect, test } from 'vitest';
import { type Receipt, WorkerDiedError } from '../../src/index.js';
import { Stored } from './stored.js';
import { failureOf, until } from './waiting.js';
import { killWorker, threadsOf } from './worker-threads.js';

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

  test('three times without progress: receipts fail instead of hanging, and so does what comes later', async () => {
    const stored = new Stored();
    const tracker = stored.tracker({ retry: { minTimeout: 200, maxTimeout: 200, randomize: false } });
    const errors: string[] = [];
    tracker.on('error', ({ code }) => void errors.push(code));
    const run = tracker.startRun();
    await run.flush();
    const lock = stored.lock();
    const receipt = run.logParam('k', 1);
    for (let death = 1; death <= 4 && receipt.state === 'accepted'; death++) {
      const retries = tracker.stats().retries;
      await until('a try that failed', () => tracker.stats().retries > retries || receipt.state !== 'accepted');
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
