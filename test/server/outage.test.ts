/** The server is away, or does not let us in: nothing fails, nothing is lost, nothing is there twice. */
import { describe, expect, test, vi } from 'vitest';
import { FlushTimeoutError, type Receipt, RingFullError, type Run, type Tracker } from '../../src/index.js';
import { failureOf, until } from '../tracker/waiting.js';
import { killWorker } from '../tracker/worker-threads.js';
import { UNAUTHENTICATED } from './refusal.js';
import { Served } from './served.js';
import { useWarnings } from './warnings.js';

const LOG_BATCH = { path: 'runs/log-batch' };
const FOR_EVER = Number.POSITIVE_INFINITY;
const QUICK = { retry: { minTimeout: 20, maxTimeout: 100 } };

const warnings = useWarnings();

/** The environment is read while a tracker is made, and by then no other test has had its turn. */
function impatient(served: Served): Tracker {
  vi.stubEnv('MLFLOW_HTTP_REQUEST_TIMEOUT', '0.3');
  try {
    return served.tracker(QUICK);
  } finally {
    vi.unstubAllEnvs();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function eventsOf(tracker: Tracker): string[] {
  const events: string[] = [];
  tracker.on('backend-down', () => void events.push('down'));
  tracker.on('backend-up', () => void events.push('up'));
  tracker.on('error', ({ message }) => void events.push(`error ${message}`));
  return events;
}

/** Each step of the metric once, in order, and nothing else. */
async function expectSteps(served: Served, run: Run, count: number): Promise<void> {
  const { journal } = served.run(await run.storeId);
  const metrics = journal.filter((line) => line.startsWith('metric'));
  expect(metrics).toEqual(Array.from({ length: count }, (_, i) => `metric loss@${i}`));
}

describe.concurrent('while the server is away', () => {
  test.for<readonly [how: string, breaks: (served: Served) => unknown, mends: (served: Served) => unknown]>([
    ['nobody listens', (served: Served) => served.fake.goDown(), (served: Served) => served.fake.comeBack()],
    [
      'a gateway answers in its place',
      (served: Served) => void served.fake.fault({}, { answer: { status: 502, body: '<html>' } }, FOR_EVER),
      (served: Served) => served.fake.stopFaults(),
    ],
    [
      'connections break',
      (served: Served) => void served.fake.fault({}, { reset: 'before applying' }, FOR_EVER),
      (served: Served) => served.fake.stopFaults(),
    ],
    [
      'it does what it is asked and its answers are lost',
      (served: Served) => void served.fake.fault({}, { reset: 'after applying' }, FOR_EVER),
      (served: Served) => served.fake.stopFaults(),
    ],
  ])(
    '(%s) receipts wait; then all lands once and in order, told down once and up once',
    async ([, breaks, mends], { onTestFinished }) => {
      const served = await Served.start({}, onTestFinished);
      const tracker = served.tracker(QUICK);
      const events = eventsOf(tracker);
      const runs = [tracker.startRun(), tracker.startRun(), tracker.startRun()];
      for (const run of runs) for (let i = 0; i < 50; i++) run.logMetric('loss', i, i);
      await tracker.flush();
      await breaks(served);
      const receipts: Receipt[] = [];
      for (let i = 50; i < 150; i++) {
        for (const run of runs) receipts.push(run.logMetric('loss', i, i), run.setTag('at', String(i)));
        if (i % 10 === 0) await pause(30);
      }
      const late = tracker.startRun();
      receipts.push(late.logParam('k', 1));
      await until('the outage to be told', () => events.includes('down'));
      await pause(200);
      expect(receipts.filter(({ state }) => state === 'landed' || state === 'failed')).toEqual([]);
      expect(tracker.stats()).toMatchObject({ failed: 0, landed: 150 });
      await mends(served);
      await Promise.all(receipts);
      await until('its end to be told', () => events.includes('up'));
      expect(events).toEqual(['down', 'up']);
      for (const run of runs) {
        await expectSteps(served, run, 150);
        expect(served.tags(await run.storeId)).toEqual({ at: '149' });
      }
      expect(served.params(await late.storeId)).toEqual({ k: '1' });
      expect(served.fake.state.activeRuns().length).toBe(4);
      expect(tracker.stats()).toMatchObject({ accepted: 751, landed: 751, failed: 0 });
    },
  );

  test('from the very beginning: the program starts, logs and ends as ever', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    await served.fake.goDown();
    const tracker = served.tracker(QUICK);
    const events = eventsOf(tracker);
    const run = tracker.startRun({ experiment: 'new' });
    for (let i = 0; i < 100; i++) run.logMetric('loss', i, i);
    const ended = run.end();
    await until('the outage to be told', () => events.length > 0);
    await served.fake.comeBack();
    expect(await ended).toMatchObject({ accepted: 100, landed: 100, failed: 0, pending: 0 });
    await expectSteps(served, run, 100);
    expect(served.fake.state.activeRuns().map(({ status }) => status)).toEqual(['FINISHED']);
  });

  test('it says when to come again, and nobody comes sooner', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const tracker = served.tracker(QUICK);
    const runs = Array.from({ length: 5 }, () => tracker.startRun());
    await tracker.flush();
    const answer = { status: 503, headers: { 'retry-after': '1' }, body: '' };
    const fault = served.fake.fault({}, { answer }, FOR_EVER);
    const receipts = runs.map((run) => run.logParam('k', 1));
    await until('a first refusal', () => fault.fired > 0);
    const firstAt = fault.met[0]?.at ?? 0;
    await until('another try', () => fault.met.some(({ at }) => at - firstAt > 500));
    // Those that were on their way when the first was refused.
    expect(fault.met.filter(({ at }) => at - firstAt < 900).length).toBeLessThanOrEqual(runs.length);
    expect(fault.met.filter(({ at }) => at - firstAt >= 200 && at - firstAt < 900)).toEqual([]);
    served.fake.stopFaults();
    await Promise.all(receipts);
  });

  test('it is not asked by a crowd: one probe at a time, however many runs wait', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const tracker = served.tracker({ retry: { minTimeout: 50, maxTimeout: 50, randomize: false } });
    const runs = Array.from({ length: 20 }, () => tracker.startRun());
    await tracker.flush();
    const fault = served.fake.fault({}, { answer: { status: 503, body: '' } }, FOR_EVER);
    const receipts = runs.map((run) => run.logParam('k', 1));
    await until('a first refusal', () => fault.fired > 0);
    await pause(100);
    const before = fault.fired;
    await pause(500);
    expect(fault.fired - before).toBeLessThanOrEqual(13);
    expect(fault.fired - before).toBeGreaterThan(1);
    served.fake.stopFaults();
    await Promise.all(receipts);
  });

  test('close is bounded, and says what was not told', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const tracker = served.tracker({ ...QUICK, durability: 'memory' });
    const run = tracker.startRun();
    await run.flush();
    await served.fake.goDown();
    run.logParam('k', 1);
    const since = performance.now();
    const error = await failureOf(FlushTimeoutError, tracker.close({ timeoutMs: 300 }));
    expect(performance.now() - since).toBeLessThan(300 + 2000);
    expect(error.report).toMatchObject({ accepted: 1, landed: 0, failed: 0, pending: 1 });
  });
});

describe.concurrent('credentials that are wrong', () => {
  test('401: one event and one line, a request or two in two seconds, and no record fails', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const tracker = served.tracker(QUICK);
    const events = eventsOf(tracker);
    const runs = [tracker.startRun(), tracker.startRun(), tracker.startRun()];
    await tracker.flush();
    const fault = served.fake.fault({}, { answer: UNAUTHENTICATED }, FOR_EVER);
    const receipts = runs.map((run) => run.logParam('k', 1));
    await until('the event', () => events.length > 0);
    const first = fault.fired;
    await pause(2000);
    // Those on their way at the first refusal, and none after.
    expect(first).toBeLessThanOrEqual(runs.length);
    expect(fault.fired).toBeLessThanOrEqual(runs.length);
    expect(receipts.map(({ state }) => state)).toEqual(['durable', 'durable', 'durable']);
    expect(events).toEqual(['down']);
    expect(tracker.stats().lastError?.message).toMatch(/401.*not authenticated/s);
    expect(warnings.of(served.fake.url)).toEqual([expect.stringMatching(/401.*MLFLOW_TRACKING_USERNAME.*waits/s)]);
    served.fake.stopFaults();
    expect(await tracker.close({ timeoutMs: 100 })).toMatchObject({ pending: 3, durable: 3 });
  });
});

describe.concurrent('a worker that dies', () => {
  test.for(['before applying', 'after applying'] as const)(
    'with a batch on its way (%s): the next one finds the run, nothing is doubled',
    async (when, { onTestFinished }) => {
      const served = await Served.start({}, onTestFinished);
      const tracker = served.tracker(QUICK);
      const run = tracker.startRun();
      await run.logParam('first', 1);
      const fault = served.fake.fault(LOG_BATCH, { hang: when });
      const receipts: Receipt[] = [];
      for (let i = 0; i < 20; i++)
        receipts.push(run.logMetric('loss', i % 3 === 0 ? Number.NaN : i, i), run.logParam(`p${i}`, i));
      await until('the request', () => fault.fired === 1);
      await killWorker(tracker);
      await Promise.all(receipts);
      await run.end();
      expect(served.fake.state.runs.size).toBe(1);
      expect(served.fake.requests('runs/create').length).toBe(1);
      await expectSteps(served, run, 20);
      expect(Object.keys(served.params(await run.storeId)).length).toBe(21);
      expect(served.run(await run.storeId).status).toBe('FINISHED');
    },
  );

  test('with a tag on its way that is done late: the later value stands', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const tracker = served.tracker(QUICK);
    const run = tracker.startRun();
    await run.flush();
    const late = served.fake.fault(LOG_BATCH, { hang: 'before applying' });
    run.setTag('phase', 'one');
    await until('the request', () => late.fired === 1);
    await killWorker(tracker);
    served.fake.afterApplying({ ...LOG_BATCH, body: '"two"' }, () => late.release());
    await run.setTag('phase', 'two');
    expect(served.run(await run.storeId).journal.filter((line) => line === 'tag phase=one').length).toBe(2);
    expect(served.tags(await run.storeId)).toMatchObject({ phase: 'two' });
    await run.end();
    expect(served.tags(await run.storeId)).toMatchObject({ phase: 'two' });
  });

  test.for(['before applying', 'after applying'] as const)(
    'with a run on its way (%s): one active run',
    async (when, { onTestFinished }) => {
      const served = await Served.start({}, onTestFinished);
      const tracker = served.tracker(QUICK);
      const fault = served.fake.fault({ path: 'runs/create' }, { hang: when });
      const run = tracker.startRun();
      const receipt = run.logMetric('loss', 1, 0);
      await until('the request', () => fault.fired === 1);
      await killWorker(tracker);
      await receipt;
      if (when === 'before applying') fault.release();
      await run.end();
      expect(served.fake.state.activeRuns().map(({ id }) => id)).toEqual([await run.storeId]);
      await expectSteps(served, run, 1);
    },
  );
});

describe.concurrent('a request without an answer', () => {
  test('is given up after MLFLOW_HTTP_REQUEST_TIMEOUT and sent again; a late first try overtakes no later tag', async ({
    onTestFinished,
  }) => {
    const served = await Served.start({}, onTestFinished);
    const tracker = impatient(served);
    const run = tracker.startRun();
    await run.flush();
    const late = served.fake.fault(LOG_BATCH, { hang: 'before applying' });
    await run.setTag('phase', 'one');
    served.fake.afterApplying({ ...LOG_BATCH, body: '"two"' }, () => late.release());
    await run.setTag('phase', 'two');
    expect(served.tags(await run.storeId)).toEqual({ phase: 'two' });
    await run.end();
    expect(served.tags(await run.storeId)).toEqual({ phase: 'two' });
  });

  test('to make a run: one active run at the end, though the first try was done late', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const tracker = impatient(served);
    const late = served.fake.fault({ path: 'runs/create' }, { hang: 'before applying' });
    const run = tracker.startRun();
    for (let i = 0; i < 10; i++) run.logMetric('loss', i, i);
    await run.flush();
    late.release();
    expect(served.fake.state.activeRuns().length).toBe(2);
    await run.end();
    expect(served.fake.state.activeRuns().map(({ id }) => id)).toEqual([await run.storeId]);
    await expectSteps(served, run, 10);
  });
});

describe('a full ring while the server is away, and no journal', () => {
  test('onFull reject: the record is refused at once; what was accepted lands, and nothing else', async () => {
    const served = await Served.start();
    const tracker = served.tracker({ ...QUICK, ringBytes: 4096, onFull: 'reject', durability: 'memory' });
    const run = tracker.startRun();
    await run.flush();
    await served.fake.goDown();
    const receipts: Receipt[] = [];
    for (let i = 0; i < 500; i++) {
      receipts.push(run.logMetric('loss', i, i));
      if (i % 20 === 0) await pause(2);
    }
    const refused = receipts.filter(({ state }) => state === 'failed');
    expect(refused.length).toBeGreaterThan(100);
    await failureOf(RingFullError, refused[0] as Receipt); // more than a hundred
    await served.fake.comeBack();
    await run.flush({ throwOnFailure: false });
    const accepted = receipts.flatMap(({ state }, i) => (state === 'landed' ? [`metric loss@${i}`] : []));
    expect(accepted.length + refused.length).toBe(500);
    expect(served.run(await run.storeId).journal).toEqual(accepted);
  });

  test('onFull block: waits no longer than blockTimeoutMs, and lands again when the server is back', async () => {
    const served = await Served.start();
    const tracker = served.tracker({ ...QUICK, ringBytes: 4096, blockTimeoutMs: 150, durability: 'memory' });
    const run = tracker.startRun();
    await run.flush();
    await served.fake.goDown();
    let longest = 0;
    let refused: Receipt | undefined;
    for (let i = 0; refused === undefined && i < 500; i++) {
      const since = performance.now();
      const receipt = run.logMetric('loss', i, i);
      longest = Math.max(longest, performance.now() - since);
      if (receipt.state === 'failed') refused = receipt;
    }
    expect(longest).toBeGreaterThan(100);
    expect(longest).toBeLessThan(150 + 1000);
    await failureOf(RingFullError, refused ?? expect.unreachable());
    await served.fake.comeBack();
    await run.flush({ throwOnFailure: false });
    await run.logParam('after', 1);
    expect(served.params(await run.storeId)).toEqual({ after: '1' });
  });
});
