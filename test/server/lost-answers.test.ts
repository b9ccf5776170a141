/** The server did what was asked, or does it later, and we were not told. */
import { describe, expect, test } from 'vitest';
import type { NewRun } from '../../src/store/store.js';
import { newRun } from '../store/calls.js';
import { until } from '../tracker/waiting.js';
import { LANDED, metric, param, started, tag } from './items.js';
import { persist, Served } from './served.js';

const LOG_BATCH = { path: 'runs/log-batch' };
const CREATE = { path: 'runs/create' };

describe.concurrent('a kept connection that the server drops', () => {
  test.for(['close', 'reset'] as const)('while it is idle (%s) is no outage and no failure', async (way, { onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    for (let i = 0; i < 5; i++) {
      expect(served.fake.endIdle(way)).toBeGreaterThan(0);
      expect(await store.land({ runId, items: [metric('m', i, i)] })).toEqual([LANDED]);
    }
    expect(served.run(runId).journal).toEqual([0, 1, 2, 3, 4].map((i) => `metric m@${i}`));
  });

  test('at the very moment of our request is none either', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store({ connections: 1 });
    const runId = await started(store);
    const calls: Record<string, () => Promise<unknown>> = {
      'runs/log-batch': () => store.land({ runId, items: [param('p', '1')] }),
      // A conflict, for which the run is read.
      'runs/get': () => store.land({ runId, items: [param('p', '2')] }),
      'experiments/get-by-name': () => store.createRun(newRun({ experiment: { name: 'one' } })),
      'experiments/create': () => store.createRun(newRun({ experiment: { name: 'two' } })),
      'runs/create': () => store.createRun(newRun({ experiment: { name: 'two' } })),
      'runs/update': () => store.endRun({ runId, status: 'FINISHED', endTime: 5 }),
    };
    for (const [path, call] of Object.entries(calls)) {
      // The one connection has carried something.
      await store.land({ runId, items: [metric('m', 1)] });
      const fault = served.fake.fault({ path, reused: true }, { reset: 'before applying' });
      await call();
      expect(fault.fired, path).toBe(1);
    }
    expect([served.params(runId), served.run(runId).status]).toEqual([{ p: '1' }, 'FINISHED']);
    expect([served.fake.state.activeRuns().length, served.fake.state.experiments.size]).toEqual([4, 3]);
  });
});

describe.concurrent('a batch that landed unseen', () => {
  test.for([
    ['the connection broke', { reset: 'after applying' }],
    ['the answer never came', { hang: 'after applying' }],
    ['the answer stopped half way', { hang: 'in the answer' }],
  ] as const)('because %s: is there once, and nothing of it is an error', async ([_case, deed], { onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    const fault = served.fake.fault(LOG_BATCH, deed);
    const items = [param('p', '1'), metric('m', 1), metric('m', 2, 1), tag('t', '1')];
    expect((await persist(() => store.land({ runId, items }))).value).toEqual(items.map(() => LANDED));
    expect(fault.fired).toBe(1);
    expect(served.fake.batches(runId).length).toBe(2);
    expect(new Set(served.run(runId).journal)).toEqual(new Set(['param p=1', 'metric m@0', 'metric m@1', 'tag t=1']));
    expect([served.run(runId).metrics.size, served.params(runId), served.tags(runId)]).toEqual([2, { p: '1' }, { t: '1' }]);
  });

  test('the end of a run, too', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    served.fake.fault({ path: 'runs/update' }, { hang: 'after applying' });
    await persist(() => store.endRun({ runId, status: 'FAILED', endTime: 77 }));
    expect(served.run(runId)).toMatchObject({ status: 'FAILED', endTime: 77 });
  });
});

describe.concurrent('a run whose creation had no answer', () => {
  test.for([
    ['the connection broke', { reset: 'after applying' }],
    ['the answer never came', { hang: 'after applying' }],
    ['the answer stopped half way', { hang: 'in the answer' }],
  ] as const)('because %s: is looked for before it is made again', async ([_case, deed], { onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const run = newRun({ experiment: { name: 'e' }, tags: [['a', 'b']] });
    served.fake.fault(CREATE, deed);
    const { value: id } = await persist(() => store.createRun(run));
    expect(served.fake.state.activeRuns().map((each) => each.id)).toEqual([id]);
    expect(served.fake.requests('runs/create').length).toBe(1);
    expect(await store.land({ runId: id, items: [param('p')] })).toEqual([LANDED]);
  });

  test('an experiment whose creation had none is used', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    served.fake.fault({ path: 'experiments/create' }, { hang: 'after applying' });
    const { value: id } = await persist(() => store.createRun(newRun({ experiment: { name: 'e' } })));
    expect(served.fake.state.experiments.size).toBe(2);
    expect(served.run(id).experimentId).toBe('1');
  });

  /** The first try hangs before the server does anything; the second makes the run. */
  async function madeTwice(served: Served, run: NewRun) {
    const store = await served.store();
    const late = served.fake.fault(CREATE, { hang: 'before applying' });
    const { value: runId } = await persist(() => store.createRun(run));
    expect(served.fake.state.activeRuns().length).toBe(1);
    return { store, runId, late };
  }

  test('and is done late, after a second try: when the run ends, one active run remains, with the records', async ({
    onTestFinished,
  }) => {
    const served = await Served.start({}, onTestFinished);
    const { store, runId, late } = await madeTwice(served, newRun());
    expect(await store.land({ runId, items: [param('p')] })).toEqual([LANDED]);
    late.release();
    expect(served.fake.state.activeRuns().length).toBe(2);
    await store.endRun({ runId, status: 'FINISHED', endTime: 5 });
    expect(served.fake.state.activeRuns()).toEqual([expect.objectContaining({ id: runId, status: 'FINISHED' })]);
    expect(served.params(runId)).toEqual({ p: 'v' });
  });

  test('the same while the run goes on', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const { store, runId, late } = await madeTwice(served, newRun());
    late.release();
    let step = 0;
    const logs = setInterval(() => void store.land({ runId, items: [metric('m', 1, step++)] }), 100);
    try {
      await until('the surplus run to be deleted', () => served.fake.state.activeRuns().length === 1);
    } finally {
      clearInterval(logs);
    }
    expect(served.fake.state.activeRuns()[0]?.id).toBe(runId);
  });

  test('another program’s run of the same name and experiment is none of ours', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const { store, runId } = await madeTwice(served, newRun({ name: 'same' }));
    const other = served.fake.state.addRun({ name: 'same' });
    await store.endRun({ runId, status: 'FINISHED', endTime: 5 });
    expect(served.fake.state.isDeleted(other)).toBe(false);
  });
});

describe.concurrent('a try that is done after a later one', () => {
  test('of a tag: the later value stands when its receipt says that it landed', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    const late = served.fake.fault(LOG_BATCH, { hang: 'before applying' });
    await persist(() => store.land({ runId, items: [tag('phase', 'one'), tag('other', 'o')] }));
    served.fake.afterApplying({ ...LOG_BATCH, body: '"two"' }, () => late.release());
    expect((await persist(() => store.land({ runId, items: [tag('phase', 'two')] }))).value).toEqual([LANDED]);
    expect(served.run(runId).journal.filter((line) => line === 'tag phase=one').length).toBe(2);
    expect(served.tags(runId)).toEqual({ phase: 'two', other: 'o' });
  });

  test('of a tag, after its receipt: the end of the run puts it right', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    const late = served.fake.fault(LOG_BATCH, { hang: 'before applying' });
    await persist(() => store.land({ runId, items: [tag('phase', 'one')] }));
    await persist(() => store.land({ runId, items: [tag('phase', 'two')] }));
    late.release();
    expect(served.tags(runId)).toEqual({ phase: 'one' });
    await persist(() => store.endRun({ runId, status: 'FINISHED', endTime: 5 }));
    expect(served.tags(runId)).toEqual({ phase: 'two' });
  });

  test('of a tag that somebody else has set since: theirs stays', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    served.fake.fault(LOG_BATCH, { hang: 'before applying' });
    await persist(() => store.land({ runId, items: [tag('phase', 'one')] }));
    await persist(() => store.land({ runId, items: [tag('phase', 'two')] }));
    served.run(runId).tags.set('phase', 'theirs');
    await persist(() => store.endRun({ runId, status: 'FINISHED', endTime: 5 }));
    expect(served.tags(runId)).toEqual({ phase: 'theirs' });
  });

  test('of params and metrics: changes nothing', async ({ onTestFinished }) => {
    const served = await Served.start({ olderMetrics: true }, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    const late = served.fake.fault(LOG_BATCH, { hang: 'before applying' });
    await persist(() => store.land({ runId, items: [param('p', '1'), metric('m', Number.NaN, 1)] }));
    await persist(() => store.land({ runId, items: [metric('m', 2, 2)] }));
    const before = [...served.run(runId).journal];
    late.release();
    expect(served.run(runId).journal).toEqual(before);
    expect(served.fake.state.latest(served.run(runId))).toEqual([expect.objectContaining({ value: 2, step: 2 })]);
  });

  test('of setting a resumed run back to running: it stays ended', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const run = served.fake.state.addRun({ status: 'FAILED' });
    const late = served.fake.fault({ path: 'runs/update' }, { hang: 'before applying' });
    const { value: runId } = await persist(() => store.createRun(newRun({ id: run.id, resume: true })));
    expect(run.status).toBe('RUNNING');
    served.fake.afterApplying({ path: 'runs/update', body: 'FINISHED' }, () => late.release());
    await persist(() => store.endRun({ runId, status: 'FINISHED', endTime: 5 }));
    expect(run.status).toBe('FINISHED');
  });
});

test('closing a store while an answer is out is bounded', async () => {
  const served = await Served.start();
  const store = await served.store({ timeoutMs: 60_000 });
  const runId = await started(store);
  const fault = served.fake.fault(LOG_BATCH, { hang: 'before applying' });
  const landing = store.land({ runId, items: [param('p')] }).catch(() => undefined);
  await until('the request', () => fault.fired === 1);
  const since = performance.now();
  await store.close();
  expect(performance.now() - since).toBeLessThan(2000);
  await landing;
});
