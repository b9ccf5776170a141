/** What a caller is told while the server takes nothing. */
import { expect, test } from 'vitest';
import { FlushTimeoutError, StoreUnavailableError } from '../../src/index.js';
import { UNAUTHENTICATED } from '../server/refusal.js';
import { Served } from '../server/served.js';
import { useWarnings } from '../server/warnings.js';
import { failureOf, until } from './waiting.js';

const warnings = useWarnings();

test('a flush that gives up waiting says why nothing landed, and no longer when the server was back', async () => {
  const served = await Served.start();
  const tracker = served.tracker({ retry: { minTimeout: 5, maxTimeout: 20 }, durability: 'memory' });
  const run = tracker.startRun();
  await run.flush();
  await served.fake.goDown();
  const receipt = run.logParam('k', 1);
  const why = new RegExp(`raise timeoutMs; the store ${served.fake.url}: .*ECONNREFUSED`);
  for (const flush of [() => run.flush({ timeoutMs: 300 }), () => tracker.flush({ timeoutMs: 50 })]) {
    const error = await failureOf(FlushTimeoutError, flush());
    expect(error.message).toMatch(why);
    expect(error.store).toBeInstanceOf(StoreUnavailableError);
  }
  await served.fake.comeBack();
  await receipt;
  const fault = served.fake.fault({ path: 'runs/log-batch' }, { hang: 'before applying' });
  const late = run.logParam('late', 1);
  const error = await failureOf(FlushTimeoutError, run.flush({ timeoutMs: 300 }));
  expect([error.store, error.message]).toEqual([undefined, expect.stringMatching(/raise timeoutMs$/)]);
  fault.release();
  await late;
});

test('wrong credentials are explained once, however many lanes meet them', async () => {
  const served = await Served.start();
  const fault = served.fake.fault({}, { answer: UNAUTHENTICATED }, Number.POSITIVE_INFINITY);
  const tracker = served.tracker({ workers: 3 });
  let downs = 0;
  tracker.on('backend-down', () => downs++);
  for (let i = 0; i < 3; i++) tracker.startRun().logParam('k', 1);
  await until('all lanes to be told', () => downs === 3);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(warnings.of(served.fake.url)).toEqual([expect.stringMatching(/401.*waits/s)]);
  expect(fault.fired).toBe(3);
});
