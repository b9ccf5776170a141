import { describe, expect, test } from 'vitest';
import { ClosedError, InvalidValueError, LogFailuresError, type Run, type RunStatus } from '../../src/index.js';
import { Stored } from './stored.js';
import { failure, failureOf } from './waiting.js';

describe('end', () => {
  test.each(['FINISHED', 'FAILED', 'KILLED'] as const)(
    'sets status %s and the end time after everything of the run has landed',
    async (status) => {
      const stored = new Stored();
      const run = stored.tracker().startRun();
      for (let i = 0; i < 5000; i++) run.logMetric('m', i, i);
      const before = Date.now();
      expect(await run.end(status)).toEqual({ accepted: 5000, landed: 5000, failed: 0, pending: 0, durable: 0, failures: [] });
      expect(stored.run(run.id)?.status).toBe(status);
      expect(stored.run(run.id)?.endTime).toBeGreaterThanOrEqual(before);
      expect(stored.run(run.id)?.endTime).toBeLessThanOrEqual(Date.now());
      expect(stored.count('metrics', run.id)).toBe(5000);
    },
  );

  test('twice is once, and both callers are answered', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    const [first, second] = await Promise.all([run.end('KILLED'), run.end('FINISHED')]);
    expect(second).toEqual(first);
    expect(stored.run(run.id)?.status).toBe('KILLED');
  });

  test('with a status that does not exist is refused and leaves the run open', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    for (const status of ['DONE', '', 5, null, Object.create(null)])
      await failureOf(InvalidValueError, run.end(status as RunStatus));
    await run.logParam('k', 1);
    await run.end('FAILED');
    expect(stored.run(run.id)?.status).toBe('FAILED');
  });

  test('what is logged behind it fails with ClosedError, and does not land', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    const ended = run.end('FINISHED', { throwOnFailure: false });
    const late = run.logParam('late', 1);
    expect(late.state).toBe('failed');
    expect(await failureOf(ClosedError, late)).toMatchObject({ code: 'HEADRACE_CLOSED' });
    await ended;
    expect(stored.count('params')).toBe(0);
  });

  test('of a run that can not be made rejects with the reason, and the tracker closes', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const run = tracker.startRun({ runId: 'f'.repeat(32) });
    expect((await failureOf(LogFailuresError, run.end())).errors[0]).toMatchObject({ code: 'HEADRACE_RUN_NOT_FOUND' });
    await tracker.close();
  });
});

describe('close', () => {
  test('ends open runs as FINISHED, counts the whole of the tracker, and is idempotent', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const [first, second] = [tracker.startRun(), tracker.startRun()];
    await first.logParam('k', 1);
    await first.end('FAILED');
    second.logParam('k', 1);
    const report = await tracker.close();
    expect(report).toEqual({ accepted: 2, landed: 2, failed: 0, pending: 0, durable: 0, failures: [] });
    expect(await tracker.close()).toBe(report);
    expect([stored.run(first.id)?.status, stored.run(second.id)?.status]).toEqual(['FAILED', 'FINISHED']);
    expect(tracker.stats()).toMatchObject({ accepted: 2, durable: 2, landed: 2, failed: 0, lastError: undefined });
    // Asked of what is closed, they answer at once.
    expect(await second.flush()).toMatchObject({ accepted: 1, landed: 1 });
    expect(await tracker.flush()).toMatchObject({ accepted: 2, landed: 2 });
    await second.end('KILLED');
    expect(stored.run(second.id)?.status).toBe('FINISHED');
  });

  test('leaves a file that stands alone: no WAL has to be read with it', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const run = tracker.startRun();
    for (let i = 0; i < 1000; i++) run.logMetric('m', i, i);
    await tracker.close();
    expect(stored.rows('PRAGMA wal_checkpoint(TRUNCATE)')).toEqual([{ busy: 0, log: 0, checkpointed: 0 }]);
  });

  test('right after createTracker, before the worker was made, and with records waiting for it', async () => {
    const stored = new Stored();
    await stored.tracker().close();
    const tracker = stored.tracker();
    tracker.startRun().logParam('k', 1);
    expect(await tracker.close()).toMatchObject({ landed: 1 });
  });
});

describe('withRun', () => {
  test('gives what the function gives, and ends the run FINISHED', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    let run: Run | undefined;
    const result = await tracker.withRun({ name: 'mine' }, async (given) => {
      run = given;
      given.logParam('k', 1);
      await Promise.resolve();
      return 42;
    });
    expect(result).toBe(42);
    expect(stored.run(run?.id ?? '')).toMatchObject({ status: 'FINISHED', name: 'mine' });
    expect(stored.count('params')).toBe(1);
  });

  test.each(['throws', 'rejects'])('ends it FAILED when the function %s, with that error', async (how) => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const boom = new Error('boom');
    const error = await failure(
      tracker.withRun({}, (run) => {
        run.logParam('k', 1);
        run.logParam('k', 2);
        if (how === 'throws') throw boom;
        return Promise.reject(boom);
      }),
    );
    expect(error).toBe(boom);
    expect(stored.rows('SELECT status FROM runs')).toEqual([{ status: 'FAILED' }]);
    expect(stored.count('params')).toBe(1);
    // What was refused meanwhile is not lost with it.
    expect(await failureOf(LogFailuresError, tracker.close())).toMatchObject({ count: 1, keys: ['k'] });
  });

  test('whose function went well rejects for records that were refused', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    expect(
      await failureOf(
        LogFailuresError,
        tracker.withRun({}, (run) => void run.logParam('a$', 1)),
      ),
    ).toMatchObject({ count: 1 });
  });
});

describe('await using', () => {
  test('ends the run as FINISHED, and closes the tracker', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const [run, ended] = [tracker.startRun(), tracker.startRun()];
    run.logParam('k', 1);
    await run[Symbol.asyncDispose]();
    expect(stored.run(run.id)?.status).toBe('FINISHED');
    await ended.end('KILLED');
    await ended[Symbol.asyncDispose]();
    expect(stored.run(ended.id)?.status).toBe('KILLED');
    tracker.startRun().logParam('a$', 1);
    await failureOf(LogFailuresError, tracker[Symbol.asyncDispose]());
    expect(() => tracker.startRun()).toThrow();
  });
});
