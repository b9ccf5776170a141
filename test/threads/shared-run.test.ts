import { describe, expect, test } from 'vitest';
import { Served } from '../server/served.js';
import { Stored } from '../tracker/stored.js';
import { LoggingThread, useThreads } from './logging-thread.js';

useThreads();

const RECORDS = 5000;

function steps(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

describe('a run that four threads log to', () => {
  test.each([1, 3])(
    'gets all of it, and each thread’s records in their order (%i lanes)',
    { timeout: 60_000 },
    async (workers) => {
      const stored = new Stored();
      // Small batches, so that their order shows.
      const tracker = stored.tracker({ workers, batch: { maxMetrics: 100 } });
      const run = tracker.startRun();
      const handle = tracker.handle();
      const keys = ['a', 'b', 'c', 'd'];
      const threads = keys.map((key) => new LoggingThread({ handle, runId: run.id, key, records: RECORDS, way: 'closes' }));
      for (const { said } of threads) {
        const { runId, report } = await said;
        expect([runId, report?.accepted, report?.landed, report?.failed]).toEqual([run.id, RECORDS, RECORDS, 0]);
      }
      expect(stored.run(run.id)?.status).toBe('RUNNING');
      await tracker.close();
      expect(stored.run(run.id)?.status).toBe('FINISHED');
      for (const key of keys) {
        const rows = stored.rows('SELECT step FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY rowid', run.id, key);
        expect(rows.map(({ step }) => Number(step))).toEqual(steps(RECORDS));
      }
      expect(stored.count('runs')).toBe(1);
    },
  );

  test('has each conflict refused exactly once', { timeout: 60_000 }, async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const run = tracker.startRun();
    const handle = tracker.handle();
    const threads = ['a', 'b', 'c', 'd'].map(
      (key) => new LoggingThread({ handle, runId: run.id, key, records: 10, conflict: 'winner', way: 'closes' }),
    );
    const said = await Promise.all(threads.map((thread) => thread.said));
    const winner = stored.params(run.id)['winner'];
    const refused = said.filter(({ code }) => code !== undefined);
    expect(refused.map(({ code }) => code)).toEqual(Array(3).fill('HEADRACE_PARAM_CONFLICT'));
    expect(refused.map(({ report }) => report?.failed)).toEqual([1, 1, 1]);
    expect(said[['a', 'b', 'c', 'd'].indexOf(winner ?? '')]?.code).toBeUndefined();
  });

  test('is made once on a server, which chooses its id, though the threads log before it is made', {
    timeout: 60_000,
  }, async () => {
    const served = await Served.start();
    const tracker = served.tracker();
    const create = served.fake.fault({ path: 'runs/create' }, { hang: 'before applying' });
    const run = tracker.startRun();
    const handle = tracker.handle();
    const threads = ['a', 'b'].map((key) => new LoggingThread({ handle, runId: run.id, key, records: 2500, way: 'closes' }));
    while (threads.some(({ published }) => published < 2500)) await new Promise((resolve) => setTimeout(resolve, 5));
    create.release();
    for (const { said } of threads) expect((await said).report).toMatchObject({ accepted: 2500, landed: 2500, failed: 0 });
    const storeId = await run.storeId;
    await tracker.close();
    expect(served.fake.state.activeRuns().map(({ id }) => id)).toEqual([storeId]);
    expect(served.run(storeId).status).toBe('FINISHED');
  });
});

test('a run is ended by the thread that made it, after what others had logged by then', { timeout: 60_000 }, async () => {
  const stored = new Stored();
  const tracker = stored.tracker();
  const run = tracker.startRun();
  await run.flush();
  const lock = stored.lock();
  // It neither ends nor closes anything; its records are all published when this one ends the run.
  const thread = new LoggingThread({ handle: tracker.handle(), runId: run.id, key: 'late', records: 1000, way: 'hangs' });
  while (thread.published < 1000) await new Promise((resolve) => setTimeout(resolve, 5));
  const ended = run.end();
  lock.release();
  await ended;
  expect(stored.count('metrics', run.id)).toBe(1000);
  expect(stored.run(run.id)?.status).toBe('FINISHED');
});

test('a run that a thread made is joined by the thread that has the tracker, and goes on without its maker', {
  timeout: 60_000,
}, async () => {
  const stored = new Stored();
  const tracker = stored.tracker();
  const thread = new LoggingThread({ handle: tracker.handle(), key: 'made', records: 100, way: 'lives' });
  while (thread.published < 10) await new Promise((resolve) => setTimeout(resolve, 5));
  const [row] = stored.rows('SELECT run_uuid FROM runs');
  const run = tracker.startRun({ runId: String(row?.run_uuid) });
  await run.logParam('joined', 1);
  await thread.worker.terminate();
  for (let i = 0; i < 20; i++) {
    await run.logMetric('after', i, i);
    expect(stored.run(run.id)?.status).toBe('RUNNING');
  }
  await run.end();
  await expect.poll(() => stored.run(run.id)?.status).toBe('KILLED');
  expect(stored.count('metrics', run.id)).toBeGreaterThanOrEqual(20 + 10);
});

test('a run that was shared while the server was away is sent whole by the next tracker, and made and ended once', {
  timeout: 60_000,
}, async () => {
  const served = await Served.start();
  await served.fake.goDown();
  const tracker = served.tracker();
  const run = tracker.startRun({ name: 'shared' });
  const handle = tracker.handle();
  const threads = ['a', 'b'].map((key) => new LoggingThread({ handle, runId: run.id, key, records: 500, way: 'hangs' }));
  await run.logParam('own', 1).durable();
  await expect.poll(() => threads.every(({ published }) => published === 500), { timeout: 10_000 }).toBe(true);
  await tracker.close({ timeoutMs: 500 });
  await served.fake.comeBack();
  const next = served.tracker();
  await expect
    .poll(() => served.fake.state.activeRuns().map(({ name, status, metrics }) => [name, status, metrics.size]), {
      timeout: 20_000,
    })
    .toEqual([['shared', 'FINISHED', 1000]]);
  // Nothing of it is to come.
  await next.close();
  expect(served.fake.state.activeRuns().map(({ status }) => status)).toEqual(['FINISHED']);
});
