/** A request that is refused as a whole: the one record at fault is found, and all others land in the order logged. */
import { describe, expect, test } from 'vitest';
import { BatchRefusedError, ParamConflictError } from '../../src/index.js';
import { type Item, StoreBusyError } from '../../src/store/store.js';
import { failure } from '../store/calls.js';
import { metric, param, params, started, tag } from './items.js';
import { Refusal, refused } from './refusal.js';
import { persist, Served } from './served.js';

const LOG_BATCH = { path: 'runs/log-batch' };
const FOR_EVER = Number.POSITIVE_INFINITY;

function codes(outcomes: readonly ({ readonly code: string } | undefined)[]): Record<number, string> {
  return Object.fromEntries(outcomes.flatMap((outcome, i) => (outcome === undefined ? [] : [[i, outcome.code]])));
}

describe.concurrent('400', () => {
  // The lane checks keys before: these stand for whatever rule of a server headrace does not know.
  test.for<readonly [name: string, bad: Item, requests: number]>([
    ['a param that the message names', param('a$'), 4],
    ['a metric that the message names', metric('a//b', 1), 4],
    ['a tag that the message names', tag('a\\b', 'x'), 4],
    ['a metric with a time that the message names', { ...metric('m', 1), timestamp: -1 }, 4],
    ['a param that the message does not name', param('k'.repeat(251)), 20],
    ['a metric that the message does not name', metric('k'.repeat(251), 1), 20],
    ['a param whose text names another', param("parameter 'params[1].key' "), 60],
  ])('%s fails alone', async ([, bad, most], { onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    const good: Item[] = [
      ...params(20),
      ...Array.from({ length: 20 }, (_, i) => metric('loss', i, i)),
      tag('t', '1'),
      tag('u', '1'),
    ];
    const items = [...good.slice(0, 17), bad, ...good.slice(17), tag('t', '2')];
    const outcomes = await store.land({ runId, items });
    expect(codes(outcomes)).toEqual({ 17: 'HEADRACE_BATCH_REFUSED' });
    expect(outcomes[17]).toMatchObject({ runId, status: 400, errorCode: 'INVALID_PARAMETER_VALUE' });
    expect(Object.keys(served.params(runId)).length).toBe(20);
    expect(served.run(runId).metrics.size).toBe(20);
    expect(served.tags(runId)).toEqual({ t: '2', u: '1' });
    expect(served.fake.batches(runId).length).toBeLessThanOrEqual(most);
  });

  test('several at fault each fail alone', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    const items = params(100).map((item, i) => (i % 33 === 0 ? param(i === 33 ? 'k'.repeat(251) : `a$${i}`) : item));
    expect(Object.keys(codes(await store.land({ runId, items })))).toEqual(['0', '33', '66', '99']);
    expect(Object.keys(served.params(runId)).length).toBe(96);
  });

  test('a tag that stands before and after the one at fault keeps its last value', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    const items = [tag('phase', 'one'), tag('k'.repeat(251), 'x'), tag('phase', 'two'), tag('phase', 'three')];
    await store.land({ runId, items });
    expect(served.tags(runId)).toEqual({ phase: 'three' });
  });
});

describe.concurrent('conflicts', () => {
  test('among a hundred params: each names both values, the others land, and it takes a handful of requests', async ({
    onTestFinished,
  }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    const stored = { p3: "it's", p50: '', p99: '[{"key"]\n' };
    await store.land({ runId, items: Object.entries(stored).map(([key, value]) => param(key, value)) });
    const before = served.fake.seen.length;
    const outcomes = await store.land({ runId, items: [...params(100), metric('m', 1), tag('t', '1')] });
    expect(codes(outcomes)).toEqual({
      3: 'HEADRACE_PARAM_CONFLICT',
      50: 'HEADRACE_PARAM_CONFLICT',
      99: 'HEADRACE_PARAM_CONFLICT',
    });
    expect(outcomes[99]).toMatchObject({ runId, key: 'p99', storedValue: '[{"key"]\n', newValue: '99' });
    expect(Object.keys(served.params(runId)).length).toBe(100);
    expect([served.run(runId).metrics.size, served.tags(runId)]).toEqual([1, { t: '1' }]);
    expect(served.fake.seen.length - before).toBeLessThanOrEqual(4);
  });

  test('of a run that had one, with what it has logged itself since, cost no request', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    await store.land({ runId, items: [param('a', '1')] });
    await store.land({ runId, items: [param('a', '2')] });
    await store.land({ runId, items: [param('b', '1')] });
    const before = served.fake.seen.length;
    const outcomes = await store.land({ runId, items: [param('b', '2'), param('c', '1'), param('a', '1')] });
    expect(codes(outcomes)).toEqual({ 0: 'HEADRACE_PARAM_CONFLICT' });
    expect(outcomes[0]).toMatchObject({ runId, key: 'b', storedValue: '1', newValue: '2' });
    expect(served.fake.seen.slice(before).map(({ path }) => path)).toEqual(['runs/log-batch']);
    expect(served.params(runId)).toEqual({ a: '1', b: '1', c: '1' });
  });

  test('with another writer at the same moment on the same key: the other one’s equal value is no conflict', async ({
    onTestFinished,
  }) => {
    for (const engine of ['sqlite', 'postgres'] as const) {
      const served = await Served.start({}, onTestFinished);
      const store = await served.store();
      const runId = await started(store);
      const race = served.fake.state.race({ runId, key: 'p7', value: '7', engine });
      const outcomes = await store.land({ runId, items: [...params(10), tag('t', '1')] });
      expect([race.fired, codes(outcomes)]).toEqual([1, {}]);
      // The same again is enough: nothing has to be taken apart.
      expect(served.fake.batches().length).toBe(2);
      expect([Object.keys(served.params(runId)).length, served.tags(runId)]).toEqual([10, { t: '1' }]);
    }
  });

  test('and another value is a conflict of that param alone, with both values', async ({ onTestFinished }) => {
    for (const engine of ['sqlite', 'postgres'] as const) {
      const served = await Served.start({}, onTestFinished);
      const store = await served.store();
      const runId = await started(store);
      const race = served.fake.state.race({ runId, key: 'p7', value: 'theirs', engine });
      const outcomes = await store.land({ runId, items: [...params(10), tag('t', '1')] });
      expect(race.fired).toBe(1);
      expect(outcomes[7]).toBeInstanceOf(ParamConflictError);
      expect(outcomes[7]).toMatchObject({ storedValue: 'theirs', newValue: '7' });
      expect(codes(outcomes)).toEqual({ 7: 'HEADRACE_PARAM_CONFLICT' });
      expect([served.params(runId)['p7'], Object.keys(served.params(runId)).length]).toEqual(['theirs', 10]);
    }
  });

  test('three races, one after the other, on one batch', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    const races = ['p1', 'p4', 'p8'].map((key) =>
      served.fake.state.race({ runId, key, value: key === 'p4' ? 'theirs' : key.slice(1), engine: 'sqlite' }),
    );
    const outcomes = await store.land({ runId, items: params(10) });
    expect(races.map(({ fired }) => fired)).toEqual([1, 1, 1]);
    expect(codes(outcomes)).toEqual({ 4: 'HEADRACE_PARAM_CONFLICT' });
    expect(Object.keys(served.params(runId)).length).toBe(10);
  });
});

describe.concurrent('metrics that are stored already, on a server that minds', () => {
  const ROWS = [...Array.from({ length: 30 }, (_, i) => metric('loss', i % 4 === 0 ? Number.NaN : i, i)), metric('acc', 1)];

  test('a batch with NaN whose answer was lost lands once, with its tags', async ({ onTestFinished }) => {
    const served = await Served.start({ olderMetrics: true }, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    const items = [param('p', '1'), ...ROWS, tag('t', '1')];
    const fault = served.fake.fault(LOG_BATCH, { hang: 'after applying' });
    const { value, busy } = await persist(() => store.land({ runId, items }));
    expect([fault.fired, busy.length]).toEqual([1, 1]);
    expect(codes(value)).toEqual({});
    expect([served.run(runId).metrics.size, served.tags(runId)]).toEqual([31, { t: '1' }]);
  });

  test('NaN rows that are stored beside new rows, NaN among them: the new ones land, none is refused', async ({
    onTestFinished,
  }) => {
    const served = await Served.start({ olderMetrics: true }, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    await store.land({ runId, items: ROWS });
    const items = [...ROWS, metric('new', Number.NaN, 1), metric('new', 2, 2), tag('t', '1'), param('p', '1')];
    expect(codes(await store.land({ runId, items }))).toEqual({});
    expect([served.run(runId).metrics.size, served.tags(runId), served.params(runId)]).toEqual([33, { t: '1' }, { p: '1' }]);
  });

  test('the same NaN row twice in one batch is one row', async ({ onTestFinished }) => {
    const served = await Served.start({ olderMetrics: true }, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    const items = [metric('n', Number.NaN, 1), metric('n', Number.NaN, 1), metric('n', Number.NaN, 2), tag('t', '1')];
    expect(codes(await store.land({ runId, items }))).toEqual({});
    expect([served.run(runId).metrics.size, served.tags(runId)]).toEqual([2, { t: '1' }]);
    // It need not be refused first.
    expect(served.fake.batches().map(({ status }) => status)).toEqual([200]);
  });

  test('no request carries more than a hundred metric keys, so that it can be repeated', async ({ onTestFinished }) => {
    const served = await Served.start({ olderMetrics: true }, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    const items = Array.from({ length: 250 }, (_, i) => metric(`k${i}`, i));
    expect(codes(await store.land({ runId, items }))).toEqual({});
    expect(codes(await store.land({ runId, items }))).toEqual({});
    expect(served.run(runId).metrics.size).toBe(250);
    for (const { body, status } of served.fake.batches(runId)) {
      const { metrics } = JSON.parse(body) as { metrics: { key: string }[] };
      expect(new Set(metrics.map(({ key }) => key)).size).toBeLessThanOrEqual(100);
      expect(status).toBe(200);
    }
  });
});

describe.concurrent('500 again and again', () => {
  const broken = refused(new Refusal('INTERNAL_ERROR', 'A string literal cannot contain NUL (0x00) characters.'), false);

  test('for one record that the server can’t digest: it is refused, the others land', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    const fault = served.fake.fault({ ...LOG_BATCH, body: 'poison' }, { answer: broken }, FOR_EVER);
    const { value } = await persist(() => store.land({ runId, items: [param('a'), param('poison'), tag('t', '1')] }));
    expect(codes(value)).toEqual({ 1: 'HEADRACE_BATCH_REFUSED' });
    expect(value[1]).toBeInstanceOf(BatchRefusedError);
    expect(value[1]).toMatchObject({ status: 500, message: expect.stringContaining('NUL (0x00)') });
    expect([served.params(runId), served.tags(runId).t]).toEqual([{ a: 'v' }, '1']);
    expect(fault.fired).toBeLessThanOrEqual(12);
  });

  test('for everything: an outage, in which nothing is refused', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    const items = [param('a'), param('b'), tag('t', '1')];
    const fault = served.fake.fault(LOG_BATCH, { answer: broken }, FOR_EVER);
    expect(await failure(store.land({ runId, items }))).toBeInstanceOf(StoreBusyError);
    fault.stop();
    expect(codes((await persist(() => store.land({ runId, items }))).value)).toEqual({});
    expect([served.params(runId), served.tags(runId).t]).toEqual([{ a: 'v', b: 'v' }, '1']);
  });
});

describe.concurrent('413', () => {
  const page = {
    status: 413,
    headers: { 'content-type': 'text/html' },
    body: '<html><title>413 Request Entity Too Large</title></html>',
  };

  test('a batch over a proxy’s limit goes in parts, in order', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    const fault = served.fake.fault({ ...LOG_BATCH, over: 4000 }, { answer: page }, FOR_EVER);
    const items = Array.from({ length: 40 }, (_, i) => [param(`p${i}`, 'x'.repeat(200)), tag('at', String(i))]).flat();
    expect(codes(await store.land({ runId, items }))).toEqual({});
    expect([Object.keys(served.params(runId)).length, served.tags(runId)]).toEqual([40, { at: '39' }]);
    expect(fault.fired).toBeGreaterThan(0);
  });

  test('a single record over it is refused, the others land', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    served.fake.fault({ ...LOG_BATCH, over: 4000 }, { answer: page }, FOR_EVER);
    const items = [param('a'), param('long', 'x'.repeat(5000)), metric('m', 1), tag('t', '1')];
    const outcomes = await store.land({ runId, items });
    expect(codes(outcomes)).toEqual({ 1: 'HEADRACE_BATCH_REFUSED' });
    expect(outcomes[1]).toMatchObject({ status: 413 });
    expect([served.params(runId), served.tags(runId), served.run(runId).metrics.size]).toEqual([{ a: 'v' }, { t: '1' }, 1]);
  });
});
