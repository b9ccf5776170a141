import { describe, expect, test } from 'vitest';
import { ForgottenFailureError } from '../../src/errors.js';
import { FailureLog } from '../../src/failures.js';
import { refusal } from './accounts.js';

/** As failures.ts: more than this many are kept as facts alone. */
const KEPT = 10_000;

function logOf(count: number): FailureLog {
  const log = new FailureLog('5f0');
  for (let seq = 1; seq <= count; seq++) log.add(seq * 2, seq * 2, refusal(seq * 2));
  return log;
}

describe('which records failed', () => {
  test('a record is not taken for failed because its neighbours are', () => {
    const log = new FailureLog('5f0');
    expect(log.has(1, 100)).toBe(false);
    log.add(4, 6, refusal(4));
    log.add(9, 9, refusal(9));
    const failed = Array.from({ length: 11 }, (_, seq) => log.has(seq, seq));
    expect(failed.flatMap((has, seq) => (has ? [seq] : []))).toEqual([4, 5, 6, 9]);
    expect([log.has(1, 3), log.has(1, 4), log.has(6, 8), log.has(7, 8), log.has(7, 9), log.has(10, 20)]).toEqual([
      false,
      true,
      true,
      false,
      true,
      false,
    ]);
    expect(log.count).toBe(4);
  });

  test('beyond the bound the reason is forgotten and the fact is not', () => {
    const log = logOf(25_000);
    expect(log.count).toBe(25_000);
    for (let seq = 1; seq <= 50_001; seq++) {
      if (log.has(seq, seq) !== (seq % 2 === 0 && seq <= 50_000)) expect.fail(`record ${seq} has(): ${log.has(seq, seq)}`);
    }
    expect(log.observe(KEPT * 2, KEPT * 2).errors).toEqual([refusal(KEPT * 2)]);
    expect(log.observe(KEPT * 2 + 2, KEPT * 2 + 2).errors).toEqual([new ForgottenFailureError({ runId: '5f0' })]);
    expect(log.observe(50_000, 50_000).errors).toEqual([new ForgottenFailureError({ runId: '5f0' })]);
    log.storeId = '9a1';
    const [ofBoth] = log.observe(50_000, 50_000).errors;
    expect(ofBoth).toMatchObject({ runId: '5f0', storeId: '9a1' });
    expect(ofBoth?.message).toContain('run 5f0 (9a1 in the store)');
  });

  test('a range beyond the bound is forgotten record by record', () => {
    const log = logOf(KEPT);
    log.add(100_000, 100_009, refusal(100_000));
    expect(log.observe(99_999, 100_010).errors).toHaveLength(10);
    expect([log.has(99_999, 99_999), log.has(100_000, 100_000), log.has(100_009, 100_009), log.has(100_010, 100_010)]).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  test.each([2 ** 31 - 3, 2 ** 32 - 3, 2 ** 40])('neither kind of failure is lost where seqs pass %i', (start) => {
    const log = new FailureLog('5f0');
    for (let seq = start; seq < start + 6; seq += 2) {
      log.add(seq, seq, refusal(seq));
      log.addFacts(seq + 1000, seq + 1000);
    }
    for (let seq = start - 1; seq < start + 8; seq++) {
      const failed = seq >= start && seq < start + 6 && (seq - start) % 2 === 0;
      expect([log.has(seq, seq), log.has(seq + 1000, seq + 1000)]).toEqual([failed, failed]);
    }
    // Only the low bits alike.
    expect(log.has(start + 1000 - 2 ** 31, start + 1000 - 2 ** 31)).toBe(false);
  });

  test('a failure told again by a worker that took over counts once', () => {
    const log = new FailureLog('5f0');
    log.add(3, 3, refusal(3));
    log.add(5, 5, refusal(5));
    log.add(3, 3, refusal(3));
    expect(log.count).toBe(2);
    expect(log.observe(1, 9).errors).toEqual([refusal(3), refusal(5)]);
  });
});

describe('which failures nobody was told of', () => {
  test('a failure is reported once', () => {
    const log = logOf(3);
    expect(log.takeUnreported(20)).toEqual({ count: 3, errors: [refusal(2), refusal(4), refusal(6)] });
    expect(log.takeUnreported(20)).toEqual({ count: 0, errors: [] });
    log.add(8, 8, refusal(8));
    expect(log.takeUnreported(20)).toEqual({ count: 1, errors: [refusal(8)] });
  });

  test('a failure that was awaited is not reported', () => {
    const log = logOf(3);
    expect(log.observe(4, 4).errors).toEqual([refusal(4)]);
    expect(log.takeUnreported(20)).toEqual({ count: 2, errors: [refusal(2), refusal(6)] });
  });

  test('of a range it is the records awaited that are not reported, however often they were', () => {
    const log = new FailureLog('5f0');
    log.add(10, 19, refusal(10));
    log.observe(12, 14);
    log.observe(13, 15);
    expect(log.takeUnreported(20)).toEqual({ count: 6, errors: [refusal(10)] });
  });

  test('a failure that was reported can still be awaited', () => {
    const log = logOf(1);
    log.takeUnreported(20);
    expect(log.observe(2, 2).errors).toEqual([refusal(2)]);
    expect(log.takeUnreported(20).count).toBe(0);
  });

  test('a report of many names a few and counts all, forgotten ones too', () => {
    const log = logOf(25_000);
    const { count, errors } = log.takeUnreported(20);
    expect(count).toBe(25_000);
    expect(errors).toHaveLength(20);
    expect(log.takeUnreported(20)).toEqual({ count: 0, errors: [] });
  });

  test('a report names what is forgotten when there is nothing else to name', () => {
    const log = new FailureLog('5f0');
    log.addFacts(7, 7);
    log.addFacts(8, 8);
    expect(log.takeUnreported(20)).toEqual({ count: 2, errors: [new ForgottenFailureError({ runId: '5f0' })] });
  });

  test('what somebody has seen makes room for the reasons of new failures, and is not reported again', () => {
    const log = logOf(KEPT);
    log.observe(1, KEPT * 2);
    log.add(KEPT * 2 + 2, KEPT * 2 + 2, refusal(0));
    expect(log.observe(KEPT * 2 + 2, KEPT * 2 + 2).errors).toEqual([refusal(0)]);
    // Their reasons are gone, the facts are not.
    expect(log.has(2, 2)).toBe(true);
    expect(log.observe(2, 2).errors).toEqual([new ForgottenFailureError({ runId: '5f0' })]);
    expect(log.takeUnreported(20).count).toBe(0);
    expect(log.count).toBe(KEPT + 1);
  });

  test('a report makes room for the reasons of new failures', () => {
    const log = logOf(KEPT + 5000);
    log.takeUnreported(20);
    log.add(100_000, 100_000, refusal(1));
    expect(log.observe(100_000, 100_000).errors).toEqual([refusal(1)]);
  });
});
