import { describe, expect, test } from 'vitest';
import { LogFailuresError, type Receipt, RecordTooLargeError, RingFullError } from '../../src/index.js';
import { Stored } from './stored.js';
import { failureOf } from './waiting.js';

const SMALL = 4096;

describe('a full ring, and no journal that takes what the store does not', () => {
  test('onFull reject: the record is refused at once, and those before and after it land', async () => {
    const stored = new Stored();
    const tracker = stored.tracker({ ringBytes: SMALL, onFull: 'reject', durability: 'memory' });
    const run = tracker.startRun();
    await run.flush();
    const lock = stored.lock();
    const receipts: Receipt[] = [];
    const startedAt = performance.now();
    for (let i = 0; i < 500; i++) receipts.push(run.logMetric('loss', i, i));
    const bulk = run.logParams({ a: 'x'.repeat(300), b: 'y'.repeat(300) });
    const tag = run.setTag('t', 'v');
    expect(performance.now() - startedAt).toBeLessThan(1000);
    const refused = receipts.filter((receipt) => receipt.state === 'failed');
    expect(refused.length).toBeGreaterThan(100);
    const error = await failureOf(RingFullError, refused[0] as Receipt);
    expect(error.code).toBe('HEADRACE_RING_FULL');
    expect(error.neededBytes).toBeGreaterThan(0);
    expect([bulk.state, tag.state]).not.toContain('landed');
    expect(tracker.stats().ringBytes.used).toBeGreaterThan(SMALL / 2);
    lock.release();
    await run.flush({ throwOnFailure: false });
    expect((await failureOf(LogFailuresError, bulk)).errors[0]).toBeInstanceOf(RingFullError);
    await run.logParam('after', 1);
    const landed = receipts.filter((receipt) => receipt.state === 'landed');
    expect(landed.length + refused.length).toBe(500);
    expect(stored.count('metrics', run.id)).toBe(landed.length);
    expect(stored.params(run.id).after).toBe('1');
    expect(tracker.stats().ringBytes).toEqual({ used: 0, capacity: SMALL });
  });

  test('onFull block: a flat-out loop goes at the speed of the store and loses nothing', { timeout: 60_000 }, async () => {
    const stored = new Stored();
    const tracker = stored.tracker({ ringBytes: SMALL });
    const run = tracker.startRun();
    for (let i = 0; i < 50_000; i++) run.logMetric('loss', i, i);
    const report = await run.end();
    expect(report).toEqual({ accepted: 50_000, landed: 50_000, failed: 0, pending: 0, durable: 0, failures: [] });
    expect(stored.rows('SELECT count(*) AS n, sum(step) AS steps FROM metrics')).toEqual([
      { n: 50_000, steps: (49_999 * 50_000) / 2 },
    ]);
    expect(stored.metrics(run.id, 'latest_metrics')).toEqual([expect.objectContaining({ value: 49_999, step: 49_999 })]);
  });

  test('and one call that is larger than the ring gets through it in parts', async () => {
    const stored = new Stored();
    const run = stored.tracker({ ringBytes: SMALL }).startRun();
    const params = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`param ${i}`, `value ${i}`]));
    await run.logParams(params);
    expect(stored.params(run.id)).toEqual(params);
  });

  test('onFull block gives up after blockTimeoutMs, and lands again when there is room', async () => {
    const stored = new Stored();
    const run = stored.tracker({ ringBytes: SMALL, blockTimeoutMs: 150, durability: 'memory' }).startRun();
    await run.flush();
    const lock = stored.lock();
    let refused: Receipt | undefined;
    let waited = 0;
    while (refused === undefined) {
      const startedAt = performance.now();
      const receipt = run.logParam('k', 'the same each time');
      if (receipt.state === 'failed') {
        refused = receipt;
        waited = performance.now() - startedAt;
      }
    }
    const error = await failureOf(RingFullError, refused);
    expect(error.waitedMs).toBeGreaterThanOrEqual(149);
    expect(waited).toBeLessThan(1500);
    expect(error.message).toContain('ringBytes');
    lock.release();
    await run.flush();
    await run.logParam('later', 1);
    expect(stored.params(run.id)).toEqual({ k: 'the same each time', later: '1' });
  });

  test('a value larger than the ring is refused with its size, and takes nothing with it', async () => {
    const stored = new Stored();
    const run = stored.tracker({ ringBytes: SMALL }).startRun();
    const before = run.logParam('before', 1);
    const error = await failureOf(
      RecordTooLargeError,
      run.logParam(
        'big',
        Array.from({ length: 3000 }, (_, i) => i),
      ),
    );
    expect(error.key).toBe('big');
    expect(error.bytes).toBeGreaterThan(3000);
    expect(error.limit).toBeLessThanOrEqual(SMALL);
    const text = await failureOf(RecordTooLargeError, run.setTag('big', 'é'.repeat(1500)));
    // In bytes, not in characters: else it would seem to have room.
    expect(text.bytes).toBeGreaterThan(text.limit);
    await Promise.all([before, run.logParam('after', 1)]);
    expect(stored.params(run.id)).toEqual({ before: '1', after: '1' });
  });
});
