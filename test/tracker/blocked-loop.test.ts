/** A training loop may be one long synchronous turn: nothing may need the caller's event loop. */
import { expect, test } from 'vitest';
import { ParamConflictError } from '../../src/index.js';
import { Stored } from './stored.js';
import { failureOf, pauseInPlace, untilInPlace } from './waiting.js';

test('records land while the caller’s event loop stands still', async () => {
  const stored = new Stored();
  const run = stored.tracker().startRun();
  await run.flush();
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  for (let round = 1; round <= 5; round++) {
    for (let i = 0; i < 1000; i++) run.logMetric('loss', i, round * 1000 + i);
    untilInPlace(`round ${round} to be in the file`, () => stored.count('metrics', run.id) === round * 1000);
    // Long enough for the worker to park: the next round must wake it.
    pauseInPlace(60);
  }
  expect(turned).toBe(false);
});

test('also from the first tick on, when the worker has yet to be made', () => {
  const stored = new Stored();
  const run = stored.tracker().startRun();
  let logged = 0;
  untilInPlace('the first rows', () => {
    for (let i = 0; i < 10; i++) run.logMetric('loss', i, logged++);
    try {
      return stored.count('metrics', run.id) >= 100;
    } catch {
      return false; // the tables are not there yet
    }
  });
});

test('the first record lands although nothing more is logged and the loop never turns', () => {
  const stored = new Stored();
  const run = stored.tracker().startRun();
  run.logParam('only', 1);
  untilInPlace('the one param', () => {
    try {
      return stored.count('params', run.id) === 1;
    } catch {
      return false; // the tables are not there yet
    }
  });
});

test('a run that is started, and ended, in the middle of such a turn', () => {
  const stored = new Stored();
  const tracker = stored.tracker();
  const first = tracker.startRun();
  first.logParam('first', 1);
  let step = 0;
  untilInPlace('the first run', () => {
    first.logMetric('loss', 1, step++);
    try {
      return stored.count('params', first.id) === 1;
    } catch {
      return false; // as above
    }
  });
  const second = tracker.startRun();
  second.logParam('k', 1);
  void second.end('KILLED');
  untilInPlace('the second run to be ended', () => stored.run(second.id)?.status === 'KILLED');
  expect(stored.params(second.id)).toEqual({ k: '1' });
});

test('state and stats tell the truth without a turn', async () => {
  const stored = new Stored();
  const tracker = stored.tracker();
  const run = tracker.startRun();
  await run.flush();
  const good = run.logParam('k', 1);
  const bad = run.logParam('k', 2);
  untilInPlace('the receipts to settle', () => bad.state !== 'accepted');
  expect([good.state, bad.state]).toEqual(['landed', 'failed']);
  expect(tracker.stats()).toMatchObject({ accepted: 2, landed: 1, failed: 1, durable: 1 });
  await good;
  await failureOf(ParamConflictError, bad);
});

test('tens of thousands of refusals do not stop the lane while nobody reads them', { timeout: 60_000 }, async () => {
  const stored = new Stored();
  const tracker = stored.tracker();
  const run = tracker.startRun();
  await run.flush();
  // More than the worker can tell of without being read: the caller's thread only logs.
  for (let i = 0; i < 60_000; i++) run.logParam('a$', i);
  run.logParam('last', 1);
  let step = 0;
  untilInPlace('the record behind them', () => {
    run.logMetric('loss', 1, step++);
    return stored.count('params', run.id) === 1 || tracker.stats().landed > 0;
  });
  expect((await run.flush({ throwOnFailure: false })).failed).toBe(60_000);
});
