import { describe, expect, test } from 'vitest';
import type { Receipt, Run } from '../../src/index.js';
import { Stored } from './stored.js';

describe('several lanes', () => {
  test('runs are spread over four workers, nothing is lost, and each run keeps its order', { timeout: 60_000 }, async () => {
    const stored = new Stored();
    const tracker = stored.tracker({ workers: 4, ringBytes: 65_536 });
    expect(tracker.stats().ringBytes.capacity).toBe(4 * 65_536);
    const runs = Array.from({ length: 20 }, (_, i) => tracker.startRun({ params: { index: i } }));
    for (let step = 0; step < 500; step++) {
      for (const run of runs) {
        run.logMetric('loss', step, step);
        run.setTag('last', String(step));
      }
    }
    const report = await tracker.close();
    expect(report).toEqual({ accepted: 20 * 1001, landed: 20 * 1001, failed: 0, pending: 0, durable: 0, failures: [] });
    for (const [i, run] of runs.entries()) {
      expect(stored.run(run.id)?.status).toBe('FINISHED');
      expect(stored.params(run.id)).toEqual({ index: String(i) });
      expect(stored.tags(run.id)).toEqual({ last: '499' });
      expect(stored.count('metrics', run.id)).toBe(500);
    }
  });

  test('more lanes than runs, and a tracker without any run, close at once', async () => {
    const stored = new Stored();
    const startedAt = performance.now();
    expect(await stored.tracker({ workers: 4 }).close()).toEqual({
      accepted: 0,
      landed: 0,
      failed: 0,
      pending: 0,
      durable: 0,
      failures: [],
    });
    const tracker = stored.tracker({ workers: 3 });
    await tracker.startRun().end();
    await tracker.close();
    expect(performance.now() - startedAt).toBeLessThan(8000);
  });
});

describe('many runs in one tracker', () => {
  test('five hundred at once: each gets what is its own', { timeout: 60_000 }, async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const runs = Array.from({ length: 500 }, (_, i) => tracker.startRun({ name: `run ${i}` }));
    const receipts: Receipt[] = [];
    for (let step = 0; step < 10; step++) {
      for (const [i, run] of runs.entries()) {
        receipts.push(run.logParam(`param ${step}`, i), run.logMetric('m', i, step));
      }
    }
    await Promise.all(receipts);
    await Promise.all(runs.map((run) => run.end()));
    const strangers = stored.rows(
      "SELECT count(*) AS n FROM runs r JOIN params p USING (run_uuid) JOIN metrics m USING (run_uuid) WHERE r.name <> 'run ' || p.value OR p.value <> CAST(CAST(m.value AS INTEGER) AS TEXT)",
    );
    expect(strangers).toEqual([{ n: 0 }]);
    expect([stored.count('runs'), stored.count('params'), stored.count('metrics')]).toEqual([500, 5000, 5000]);
    expect(stored.rows('SELECT DISTINCT status FROM runs')).toEqual([{ status: 'FINISHED' }]);
  });

  test('one after the other: places of ended runs are used again, and their counts stay', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    let previous: Run | undefined;
    for (let i = 0; i < 100; i++) {
      const run = tracker.startRun();
      run.logParam('k', i);
      // What was logged to the wrong run must not land in the one that has its place.
      previous?.logParam('late', i);
      previous?.setTag('late', 'x');
      const ended = run.end('FINISHED', { throwOnFailure: false });
      if (i % 2 === 0) await ended;
      previous = run;
    }
    await tracker.flush({ throwOnFailure: false });
    expect(tracker.stats()).toMatchObject({ accepted: 100, landed: 100, failed: 198 });
    expect(stored.count('params')).toBe(100);
    expect(stored.rows('SELECT count(DISTINCT value) AS n FROM params')).toEqual([{ n: 100 }]);
  });

  test('a flush of the tracker counts a run once that ends meanwhile', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const run = tracker.startRun();
    await run.flush();
    const lock = stored.lock();
    run.logParam('k', 1);
    const ended = run.end();
    const flushed = tracker.flush();
    lock.release();
    await ended;
    expect(await flushed).toMatchObject({ accepted: 1, landed: 1, pending: 0 });
    expect(await tracker.close()).toMatchObject({ accepted: 1, landed: 1, pending: 0 });
  });

  test('lingering batches wait for more, but not for a flush', async () => {
    const stored = new Stored();
    const tracker = stored.tracker({ batch: { lingerMs: 60_000 } });
    const run = tracker.startRun();
    await run.flush();
    const before = tracker.stats().batches;
    for (let i = 0; i < 20; i++) {
      run.logMetric('m', i, i);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const startedAt = performance.now();
    await run.flush();
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect(tracker.stats().batches - before).toBe(1);
  });
});
