import { describe, expect, onTestFinished, test } from 'vitest';
import { InvalidValueError, LogFailuresError, ParamConflictError, type Receipt, RunNotFoundError } from '../../src/index.js';
import { Stored } from './stored.js';
import { failure, failureOf, until } from './waiting.js';

describe('a receipt', () => {
  test('does not resolve before another connection can see the row', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    for (let i = 0; i < 50; i++) {
      await run.logParam(`param ${i}`, i);
      expect(stored.params(run.id)[`param ${i}`]).toBe(String(i));
      await run.logMetric('metric', i, i).durable();
      expect(stored.count('metrics', run.id)).toBe(i + 1);
      await run.setTag('tag', String(i));
      expect(stored.tag(run.id, 'tag')).toBe(String(i));
    }
  });

  test('says accepted while the store is locked, landed when the row is there, failed when it was refused', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    await run.flush();
    const lock = stored.lock();
    const good = run.logParam('k', 1);
    const bad = run.logParam('k', 2);
    const group = run.logParams({ a: 1, k: 3 });
    const refused = run.logParam('undefined', undefined as never);
    expect([good.state, bad.state, group.state, refused.state]).toEqual(['accepted', 'accepted', 'accepted', 'failed']);
    lock.release();
    // Without a turn of the event loop it is told as well.
    await until('the last to settle', () => group.state !== 'accepted');
    expect([good.state, bad.state, group.state]).toEqual(['landed', 'failed', 'failed']);
    await good.durable();
    await failureOf(ParamConflictError, bad);
    await failureOf(LogFailuresError, group);
    await failureOf(InvalidValueError, refused);
  });

  test('can be awaited again and again, late, and by every method of a promise', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    const good = run.logParam('k', 1);
    const bad = run.logParam('k', 2);
    await good;
    await good;
    expect(await good.then(() => 'done')).toBe('done');
    expect(await Promise.resolve(good)).toBeUndefined();
    expect(await bad.catch((error: unknown) => error instanceof ParamConflictError)).toBe(true);
    await failureOf(ParamConflictError, bad);
    await failureOf(ParamConflictError, bad.durable());
    let finals = 0;
    await good.finally(() => finals++);
    await failureOf(
      ParamConflictError,
      bad.finally(() => finals++),
    );
    expect(finals).toBe(2);
    await run.end();
    await good;
    await failureOf(ParamConflictError, bad);
  });

  test('of an ended run keeps its answer when another run has taken its place', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const first = tracker.startRun();
    const good = first.logParam('k', 1);
    const bad = first.logParam('k', 2);
    await first.end('FINISHED', { throwOnFailure: false });
    const second = tracker.startRun();
    const lock = stored.lock();
    const pending = second.logParam('k', 1);
    await good;
    await failureOf(ParamConflictError, bad);
    expect([good.state, bad.state, pending.state]).toEqual(['landed', 'failed', 'accepted']);
    lock.release();
    await pending;
  });

  test('a million of them in one Promise.all', { timeout: 60_000 }, async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    const receipts: Receipt[] = [];
    for (let i = 0; i < 1_000_000; i++) receipts.push(run.logMetric('loss', i, i, 1));
    await Promise.all(receipts);
    expect(stored.count('metrics', run.id)).toBe(1_000_000);
  });

  test('of one run does not wait for another run', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const good = tracker.startRun();
    await good.flush();
    const missing = tracker.startRun({ runId: 'f'.repeat(32) });
    const receipts = Array.from({ length: 1000 }, () => missing.logParam('k', 1));
    await good.logParam('k', 1);
    await failureOf(RunNotFoundError, receipts[999] as Receipt);
  });
});

describe('nobody has to await', () => {
  function unhandled(): unknown[] {
    const seen: unknown[] = [];
    const listener = (reason: unknown): void => void seen.push(reason);
    process.on('unhandledRejection', listener);
    onTestFinished(() => void process.off('unhandledRejection', listener));
    return seen;
  }

  test('a failure that nobody awaited is no unhandled rejection, nor is storeId of a run that can not be', async () => {
    const seen = unhandled();
    const stored = new Stored();
    const tracker = stored.tracker();
    const run = tracker.startRun();
    run.logParam('k', 1);
    const bad = run.logParam('k', 2);
    const missing = tracker.startRun({ runId: 'f'.repeat(32) });
    const lost = missing.logParam('k', 1);
    await until('both to fail', () => bad.state === 'failed' && lost.state === 'failed');
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual([]);
    await failureOf(RunNotFoundError, missing.storeId);
    await tracker.close({ throwOnFailure: false });
  });

  test('storeId is the id in the store once the run is there, for as many as ask', async () => {
    const warnings: string[] = [];
    const listener = (warning: Error): void => void warnings.push(warning.message);
    process.on('warning', listener);
    onTestFinished(() => void process.off('warning', listener));
    const stored = new Stored();
    const tracker = stored.tracker();
    const runs = Array.from({ length: 30 }, () => tracker.startRun());
    expect(await Promise.all(runs.map((run) => run.storeId))).toEqual(runs.map((run) => run.id));
    expect(stored.count('runs')).toBe(30);
    const [first] = runs;
    if (first === undefined) throw new Error('there are 30');
    for (let i = 0; i < 30; i++) expect(await first.storeId).toBe(first.id);
    await first.end();
    expect(await first.storeId).toBe(first.id);
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toEqual([]);
  });

  test('an awaiter of each kind learns of a failure that came before it asked', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    await run.logParam('k', 1);
    const bad = run.logParam('k', 2);
    await until('it to fail', () => bad.state === 'failed');
    expect(await failure(bad)).toBeInstanceOf(ParamConflictError);
  });
});
