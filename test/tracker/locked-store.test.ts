import { describe, expect, test } from 'vitest';
import { FlushTimeoutError, type HeadraceError, type Receipt, StoreUnavailableError } from '../../src/index.js';
import { Stored } from './stored.js';
import { failureOf, until } from './waiting.js';

const HELD_MS = 2000;
const NO_JOURNAL = { durability: 'memory' } as const;

describe('while another connection holds the file', () => {
  test('nothing fails, nobody is told “database is locked”, and all of it lands behind', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const events: string[] = [];
    tracker.on('error', (error) => void events.push(`error ${error.message}`));
    tracker.on('backend-down', () => void events.push('down'));
    tracker.on('backend-up', () => void events.push('up'));
    const run = tracker.startRun();
    await run.flush();
    const lock = stored.lock();
    const release = setTimeout(() => lock.release(), HELD_MS);
    const receipts: Receipt[] = [];
    const startedAt = performance.now();
    for (let i = 0; i < 1000; i++) {
      receipts.push(run.logMetric('loss', i, i));
      if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(performance.now() - startedAt).toBeLessThan(HELD_MS);
    expect(receipts.some(({ state }) => state === 'landed' || state === 'failed')).toBe(false);
    await Promise.all(receipts);
    clearTimeout(release);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(HELD_MS - 100);
    expect(tracker.stats()).toMatchObject({ accepted: 1000, landed: 1000, failed: 0 });
    expect(tracker.stats().retries).toBeGreaterThan(0);
    await until('the store to be told up', () => events.includes('up'));
    expect(events).toEqual(['down', 'up']);
    expect(stored.count('metrics', run.id)).toBe(1000);
  });

  test('also from the very first call on: the run is made when the file is free', async () => {
    const stored = new Stored();
    await stored.tracker().startRun().end();
    const lock = stored.lock();
    const run = stored.tracker(NO_JOURNAL).startRun();
    const receipt = run.logParam('k', 1);
    await failureOf(FlushTimeoutError, run.flush({ timeoutMs: 300 }));
    expect(receipt.state).toBe('accepted');
    lock.release();
    await receipt;
    expect(await run.storeId).toBe(run.id);
  });

  test('longer than retry.maxRetryTime: what waited fails, what comes later lands', async () => {
    const stored = new Stored();
    const tracker = stored.tracker({ retry: { minTimeout: 20, maxRetryTime: 300 } });
    const down: HeadraceError[] = [];
    tracker.on('backend-down', (error) => void down.push(error));
    const run = tracker.startRun();
    await run.flush();
    const lock = stored.lock();
    const [param, metric] = [run.logParam('k', 1), run.logMetric('m', 1)];
    const error = await failureOf(StoreUnavailableError, param);
    expect(error.message).toContain(stored.path);
    expect(error.message).toContain('retry');
    await failureOf(StoreUnavailableError, metric);
    lock.release();
    await run.logParam('k', 2);
    expect(stored.params(run.id)).toEqual({ k: '2' });
    await run.end();
    expect(stored.run(run.id)?.status).toBe('FINISHED');
  });

  test('a run that could not be made in that time fails its records, another one is made', async () => {
    const stored = new Stored();
    await stored.tracker().startRun().end();
    const lock = stored.lock();
    const tracker = stored.tracker({ retry: { minTimeout: 20, maxRetryTime: 200 } });
    const lost = tracker.startRun();
    await failureOf(StoreUnavailableError, lost.logParam('k', 1));
    await failureOf(StoreUnavailableError, lost.storeId);
    lock.release();
    const run = tracker.startRun();
    await run.logParam('k', 1);
    expect(stored.run(lost.id)).toBeUndefined();
    await lost.end('FINISHED', { throwOnFailure: false });
    await tracker.close();
  });
});

describe('flush, end and close, without a journal, wait no longer than timeoutMs', () => {
  test('run.flush and tracker.flush: FlushTimeoutError with the report, and the work goes on behind', async () => {
    const stored = new Stored();
    const tracker = stored.tracker(NO_JOURNAL);
    const run = tracker.startRun();
    await run.logParam('first', 1);
    const lock = stored.lock();
    const receipts = [run.logParam('second', 2), run.logParam('third', 3)];
    for (const flush of [() => run.flush({ timeoutMs: 50 }), () => tracker.flush({ timeoutMs: 50 })]) {
      const startedAt = performance.now();
      const error = await failureOf(FlushTimeoutError, flush());
      expect(performance.now() - startedAt).toBeLessThan(1500);
      expect(error).toMatchObject({
        code: 'HEADRACE_FLUSH_TIMEOUT',
        timeoutMs: 50,
        report: { accepted: 3, landed: 1, failed: 0, pending: 2 },
      });
    }
    lock.release();
    await Promise.all(receipts);
    expect(await run.flush()).toMatchObject({ accepted: 3, landed: 3, pending: 0 });
  });

  test('run.end: the status is set behind, once everything landed', async () => {
    const stored = new Stored();
    const tracker = stored.tracker(NO_JOURNAL);
    const run = tracker.startRun();
    await run.flush();
    const lock = stored.lock();
    run.logParam('k', 1);
    const error = await failureOf(FlushTimeoutError, run.end('FAILED', { timeoutMs: 50 }));
    expect(error.report.pending).toBe(1);
    expect(stored.run(run.id)?.status).toBe('RUNNING');
    lock.release();
    await until('the end', () => stored.run(run.id)?.status === 'FAILED');
    expect(stored.params(run.id)).toEqual({ k: '1' });
  });

  test('run.end with nothing but the end itself to wait for', async () => {
    const stored = new Stored();
    const run = stored.tracker(NO_JOURNAL).startRun();
    await run.logParam('k', 1);
    const lock = stored.lock();
    const startedAt = performance.now();
    await failureOf(FlushTimeoutError, run.end('FINISHED', { timeoutMs: 50 }), 5000);
    expect(performance.now() - startedAt).toBeLessThan(1500);
    lock.release();
    await until('the end', () => stored.run(run.id)?.status === 'FINISHED');
  });

  test('tracker.close: bounded, and what was pending still lands', async () => {
    const stored = new Stored();
    const tracker = stored.tracker(NO_JOURNAL);
    const run = tracker.startRun();
    await run.flush();
    const lock = stored.lock();
    const receipt = run.logParam('k', 1);
    const startedAt = performance.now();
    const error = await failureOf(FlushTimeoutError, tracker.close({ timeoutMs: 300 }));
    expect(performance.now() - startedAt).toBeLessThan(1500);
    expect(error.report).toMatchObject({ accepted: 1, landed: 0, pending: 1 });
    lock.release();
    await receipt;
    await until('the end', () => stored.run(run.id)?.status === 'FINISHED');
    expect(stored.params(run.id)).toEqual({ k: '1' });
  });

  test('run.end with a full ring waits without stopping the event loop', async () => {
    const stored = new Stored();
    const run = stored.tracker({ ringBytes: 4096, onFull: 'reject' }).startRun();
    await run.flush();
    const lock = stored.lock();
    while (run.setTag('k', 'v').state !== 'failed');
    let turns = 0;
    const turning = setInterval(() => turns++, 5);
    const ended = run.end('FINISHED', { throwOnFailure: false });
    await until('turns of the event loop', () => turns > 3);
    lock.release();
    await ended;
    clearInterval(turning);
    expect(stored.run(run.id)?.status).toBe('FINISHED');
  });
});
