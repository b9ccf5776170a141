import { describe, expect, test } from 'vitest';
import { InvalidValueError } from '../../src/index.js';
import { Stored } from './stored.js';
import { failureOf, pauseInPlace } from './waiting.js';

/** What the README promises of a default timestamp. */
const TOLERANCE_MS = 5;

/** Between two looks at the clock a busy machine may take this thread off its processor: the stamp lies between them, give or take. */
function expectBetween(timestamps: readonly number[], looks: readonly [before: number, after: number][]): void {
  expect(timestamps.length).toBe(looks.length);
  for (const [i, timestamp] of timestamps.entries()) {
    const [before, after] = looks[i] ?? [0, 0];
    expect(timestamp).toBeGreaterThanOrEqual(before - TOLERANCE_MS);
    expect(timestamp).toBeLessThanOrEqual(after + TOLERANCE_MS);
  }
}

describe('values', () => {
  test('NaN, infinities, -0 and the ends of the range, by MLflow’s storage rule', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    const values = [Number.NaN, Infinity, -Infinity, -0, 5e-324, Number.MAX_VALUE, 0.1 + 0.2, 2 ** 53];
    for (const [step, value] of values.entries()) run.logMetric('m', value, step, 1);
    await run.flush();
    const expected = [Number.NaN, Number.MAX_VALUE, -Number.MAX_VALUE, 0, 5e-324, Number.MAX_VALUE, 0.30000000000000004, 2 ** 53];
    expect(stored.metrics(run.id).map(({ value }) => value)).toEqual(expected);
    expect(Object.is(stored.metrics(run.id)[3]?.value, 0)).toBe(true);
    expect(stored.rows('SELECT value, is_nan FROM metrics WHERE step = 0')).toEqual([{ value: 0, is_nan: 1 }]);
    expect(stored.metrics(run.id, 'latest_metrics')).toEqual([{ key: 'm', value: 2 ** 53, step: 7, timestamp: 1 }]);
  });

  test('steps: none, negative, beyond 2^31 and up to the last safe integer', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    const steps = [-(2 ** 53 - 1), -(2 ** 31) - 1, -(2 ** 31), -1, 0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 + 5, 2 ** 53 - 1];
    // Twice, as a key is written differently once it is known; and with a timestamp or without.
    for (const key of ['a', 'a', 'b', 'b']) for (const step of steps) run.logMetric(key, 1, step, 1000);
    for (const step of steps) run.logMetric('c', 1, step);
    run.logMetric('d', 1);
    await run.flush();
    const of = (key: string): number[] =>
      stored
        .metrics(run.id)
        .filter((metric) => metric.key === key)
        .map(({ step }) => step);
    for (const key of ['a', 'b', 'c']) expect(of(key)).toEqual(steps);
    expect(of('d')).toEqual([0]);
    expect(stored.metrics(run.id, 'latest_metrics').map(({ step }) => step)).toEqual([2 ** 53 - 1, 2 ** 53 - 1, 2 ** 53 - 1, 0]);
  });

  test('timestamps given are kept: 0, and the last safe integer', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    for (const timestamp of [0, 1, 1_700_000_000_000, 2 ** 53 - 1]) await run.logMetric('m', 1, 0, timestamp);
    expect(stored.metrics(run.id).map(({ timestamp }) => timestamp)).toEqual([0, 1, 1_700_000_000_000, 2 ** 53 - 1]);
  });

  test.each([
    ['a step of half', 1, 0.5, undefined],
    ['a step past the safe integers', 1, 2 ** 53, undefined],
    ['a step that is NaN', 1, Number.NaN, undefined],
    ['a negative timestamp', 1, 0, -1],
    ['a timestamp with a fraction', 1, 0, 1.5],
    ['a value that is text', '1', 0, undefined],
    ['a value that is a bigint', 1n, 0, undefined],
  ])('%s is refused', async (_, value, step, timestamp) => {
    const run = new Stored().tracker().startRun();
    await failureOf(InvalidValueError, run.logMetric('m', value as number, step, timestamp));
  });

  test('logMetrics gives all of them one step', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    await run.logMetrics({ loss: 0.5, acc: 0.9 }, 3);
    await run.logMetrics({ loss: 0.4 });
    expect(stored.metrics(run.id)).toMatchObject([
      { key: 'acc', value: 0.9, step: 3 },
      { key: 'loss', value: 0.4, step: 0 },
      { key: 'loss', value: 0.5, step: 3 },
    ]);
  });

  test('equal ones are one row, and both receipts land', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    await Promise.all([
      run.logMetric('m', 1, 1, 1),
      run.logMetric('m', 1, 1, 1),
      run.logMetric('m', Number.NaN, 1, 1),
      run.logMetric('m', Number.NaN, 1, 1),
    ]);
    expect(stored.count('metrics', run.id)).toBe(2);
  });

  test('the latest is by step, then timestamp, then value, whatever the order of the calls', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    const rows: [step: number, timestamp: number, value: number][] = [
      [0, 100, 1000],
      [3, 40, 100],
      [3, 50, 20],
      [3, 50, 10],
      [-3, 900, 900],
    ];
    for (const [i, [step, timestamp, value]] of rows.entries()) {
      run.logMetric('one batch', value, step, timestamp);
      await run.logMetric('many batches', value, step, timestamp);
      expect(stored.metrics(run.id, 'latest_metrics').length, `after ${i}`).toBe(2);
    }
    for (const latest of stored.metrics(run.id, 'latest_metrics'))
      expect(latest).toMatchObject({ step: 3, timestamp: 50, value: 20 });
  });
});

describe('a default timestamp is within 5 ms of the clock', () => {
  test('in a synchronous loop', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    await run.flush();
    const looks: [number, number][] = [];
    for (let step = 0; step < 3000; step++) {
      const before = Date.now();
      run.logMetric('m', 1, step);
      looks.push([before, Date.now()]);
      if (step % 100 === 0) pauseInPlace(1);
    }
    await run.flush();
    expectBetween(
      stored.metrics(run.id).map(({ timestamp }) => timestamp),
      looks,
    );
  });

  test('when the worker has parked, with and without turns of the event loop', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    await run.flush();
    const looks: [number, number][] = [];
    for (let step = 0; step < 12; step++) {
      // Around the time after which it parks.
      if (step % 2 === 0) pauseInPlace(10 + step * 8);
      else await new Promise((resolve) => setTimeout(resolve, 10 + step * 8));
      const before = Date.now();
      run.logMetric('m', 1, step);
      looks.push([before, Date.now()]);
    }
    await run.flush();
    expectBetween(
      stored.metrics(run.id).map(({ timestamp }) => timestamp),
      looks,
    );
  });

  test('while the worker is held up by a locked file', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    run.logMetric('m', 1, -1, 1);
    run.logMetric('m', 1, -2, 1);
    await run.flush();
    const lock = stored.lock();
    const looks: [number, number][] = [];
    for (let step = 0; step < 300; step++) {
      const before = Date.now();
      run.logMetric('m', 1, step);
      looks.push([before, Date.now()]);
      pauseInPlace(2);
    }
    lock.release();
    await run.flush();
    expectBetween(
      stored.metrics(run.id).flatMap(({ step, timestamp }) => (step < 0 ? [] : [timestamp])),
      looks,
    );
  });

  test('while it commits tens of thousands of rows', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    await run.flush();
    const looks: [number, number][] = [];
    for (let step = 0; step < 40_000; step++) {
      const before = Date.now();
      run.logMetric('m', 1, step);
      looks.push([before, Date.now()]);
    }
    await run.flush();
    expectBetween(
      stored.metrics(run.id).map(({ timestamp }) => timestamp),
      looks,
    );
  });

  test('never runs backwards within a key', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    for (let step = 0; step < 20_000; step++) run.logMetric('m', 1, step);
    await run.flush();
    const timestamps = stored.metrics(run.id).map(({ timestamp }) => timestamp);
    expect(timestamps.filter((timestamp, i) => timestamp < (timestamps[i - 1] ?? 0))).toEqual([]);
  });
});
