import { describe, expect, test } from 'vitest';
import {
  ForgottenFailureError,
  type HeadraceError,
  LogFailuresError,
  ParamConflictError,
  type Receipt,
  RunNotFoundError,
} from '../../src/index.js';
import { Stored } from './stored.js';
import { failureOf, until } from './waiting.js';

describe('a failure that nobody awaited is reported exactly once', () => {
  test.each(['run.flush', 'run.end', 'tracker.flush', 'tracker.close'] as const)('by %s', async (by) => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const run = tracker.startRun();
    run.logParam('k', 1);
    run.logParam('k', 2);
    run.logParam('j', () => 1);
    const report = {
      'run.flush': () => run.flush(),
      'run.end': () => run.end(),
      'tracker.flush': () => tracker.flush(),
      'tracker.close': () => tracker.close(),
    }[by];
    const error = await failureOf(LogFailuresError, report());
    expect(error.count).toBe(2);
    expect([...error.keys].sort()).toEqual(['j', 'k']);
    expect(error.message).toContain('2 records were refused');
    // Whoever asks next is told nothing.
    if (by === 'run.flush') await run.flush();
    await tracker.flush();
    if (by !== 'run.end') await run.end();
    if (by !== 'tracker.close') expect((await tracker.close()).failures).toEqual([]);
  });

  test('by the next flush of the tracker, when its run had ended quietly', async () => {
    const stored = new Stored();
    const tracker = stored.tracker({ durability: 'memory' });
    const run = tracker.startRun();
    await run.flush();
    const lock = stored.lock();
    run.logParam('k', 1);
    run.logParam('k', 2);
    const ended = run.end('FINISHED', { timeoutMs: 20 }).catch((error: unknown) => error);
    expect(await ended).toMatchObject({ code: 'HEADRACE_FLUSH_TIMEOUT', report: { pending: 2, failures: [] } });
    lock.release();
    await until('the end to land', () => stored.run(run.id)?.status === 'FINISHED');
    // The end has landed; that this thread knows of it is a matter of turns.
    await until('the failure to be counted', () => tracker.stats().failed === 1);
    let reported: unknown;
    await until('the failure to be reported', () => {
      void tracker.flush().catch((error: unknown) => {
        reported ??= error;
      });
      return reported !== undefined;
    });
    expect(reported).toMatchObject({ code: 'HEADRACE_LOG_FAILURES', count: 1, keys: ['k'] });
    expect((await tracker.close()).failures).toEqual([]);
  });

  test('by the tracker, when the run had ended before it was logged to', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const run = tracker.startRun();
    await run.end();
    run.logParam('late', 1);
    run.logMetric('later', 1);
    expect(tracker.stats().failed).toBe(2);
    expect(await failureOf(LogFailuresError, tracker.flush())).toMatchObject({
      count: 2,
      errors: [{ code: 'HEADRACE_CLOSED' }, { code: 'HEADRACE_CLOSED' }],
    });
    run.logParam('latest', 1);
    expect(await failureOf(LogFailuresError, tracker.close())).toMatchObject({ count: 1 });
  });

  test('throwOnFailure: false puts it in the report instead, also once', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    run.logParam('k', 1);
    run.logParam('k', 2);
    const report = await run.flush({ throwOnFailure: false });
    expect(report).toMatchObject({ accepted: 2, landed: 1, failed: 1, pending: 0 });
    expect(report.failures).toEqual([expect.any(ParamConflictError)]);
    const next = await run.end('FINISHED');
    expect(next).toMatchObject({ accepted: 2, landed: 1, failed: 1, pending: 0, failures: [] });
  });

  test('one that was awaited is not reported again', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const run = tracker.startRun();
    run.logParam('k', 1);
    await failureOf(ParamConflictError, run.logParam('k', 2));
    await failureOf(LogFailuresError, run.logParams({ k: 3, f: () => 1 }));
    const before = run.logParam('k', 4);
    const awaited = failureOf(ParamConflictError, before);
    await run.flush();
    await awaited;
    await run.end();
    await tracker.close();
  });

  test('many refused for one reason count each, and a run that can not be is named once', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const run = tracker.startRun({ runId: 'f'.repeat(32) });
    for (let i = 0; i < 500; i++) run.logMetric('m', i, i);
    const error = await failureOf(LogFailuresError, tracker.flush());
    expect(error.errors.length).toBeLessThanOrEqual(20);
    for (const each of error.errors) expect(each).toBeInstanceOf(RunNotFoundError);
    expect(error.count).toBeGreaterThanOrEqual(500);
    expect(tracker.stats()).toMatchObject({ accepted: 500, landed: 0, failed: 500 });
  });

  test('thirty thousand in one synchronous turn: each fails, each counts, and the listed ones are few', {
    timeout: 60_000,
  }, async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const run = tracker.startRun();
    for (let i = 0; i < 30_000; i++) run.logParam(`key ${i}`, 'stored');
    await run.flush();
    const receipts = Array.from({ length: 30_000 }, (_, i) => run.logParam(`key ${i}`, 'other'));
    const error = await failureOf(LogFailuresError, run.flush());
    expect(error.count).toBe(30_000);
    expect(error.errors).toHaveLength(20);
    expect(receipts.every((receipt) => receipt.state === 'failed')).toBe(true);
    expect(await failureOf(ParamConflictError, receipts[0] as Receipt)).toMatchObject({
      key: 'key 0',
      storedValue: 'stored',
      newValue: 'other',
    });
    // Past a bound the detail is forgotten, the fact is not.
    await failureOf(ForgottenFailureError, receipts[29_999] as Receipt);
    expect(tracker.stats()).toMatchObject({ accepted: 60_000, landed: 30_000, failed: 30_000 });
    await tracker.close();
  });

  test('a store that refuses everything, told in one line however long it is', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    for (let i = 0; i < 50; i++) run.logParam(`key ${i}`, 'x'.repeat(7000));
    const error = await failureOf(LogFailuresError, run.flush());
    expect(error.message).toMatch(/^50 records were refused: .*; and 47 more$/);
    expect(error.message.length).toBeLessThan(2000);
  });
});

describe('events', () => {
  test('error and conflict fire once per failure, awaited or not; without a listener nothing happens', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const run = tracker.startRun();
    run.logParam('k', 1);
    await failureOf(ParamConflictError, run.logParam('k', 2));
    const errors: HeadraceError[] = [];
    const conflicts: ParamConflictError[] = [];
    const onError = (error: HeadraceError): void => void errors.push(error);
    expect(tracker.on('error', onError)).toBe(tracker);
    tracker.on('conflict', (error) => void conflicts.push(error));
    run.logParam('k', 3);
    run.logParam('f', () => 1);
    await failureOf(ParamConflictError, run.logParam('k', 4));
    await until('three errors', () => errors.length >= 3);
    expect(errors.map(({ code }) => code).sort()).toEqual([
      'HEADRACE_INVALID_VALUE',
      'HEADRACE_PARAM_CONFLICT',
      'HEADRACE_PARAM_CONFLICT',
    ]);
    expect(conflicts.map(({ newValue }) => newValue)).toEqual(['3', '4']);
    expect(tracker.stats().lastError).toBe(errors.at(-1));
    tracker.off('error', onError);
    await failureOf(ParamConflictError, run.logParam('k', 5));
    expect(errors).toHaveLength(3);
    expect(conflicts).toHaveLength(3);
    await run.end('FINISHED', { throwOnFailure: false });
  });

  test('error fires although nobody awaits, flushes or looks', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const errors: HeadraceError[] = [];
    tracker.on('error', (error) => void errors.push(error));
    const run = tracker.startRun();
    run.logParam('k', 1);
    run.logParam('k', 2);
    await until('the event', () => errors.length > 0);
    expect(errors).toEqual([expect.any(ParamConflictError)]);
    await tracker.close({ throwOnFailure: false });
  });
});
