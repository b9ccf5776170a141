/** Reading from a server: what is sent to it, how often, and what is said when it doesn't answer. */
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { openRuns, type RunSearch } from '../../../src/index.js';
import { Served } from '../../server/served.js';
import { allOf, idsOf, opened } from './stores.js';

function idOf(i: number): string {
  return createHash('md5').update(String(i)).digest('hex');
}

async function holding(count: number): Promise<Served> {
  const served = await Served.start();
  for (let i = 0; i < count; i++) {
    served.fake.state.addRun({ id: idOf(i), startTime: i, name: `run ${i}`, params: new Map([['i', String(i)]]) });
  }
  return served;
}

function bodies(served: Served): Record<string, unknown>[] {
  // Ours, of `runs/search`.
  return served.fake.requests('runs/search').map(({ body }) => JSON.parse(body) as Record<string, unknown>);
}

describe('what a server understands is sent to it', () => {
  test.each([
    ["params.lr = '0.1' and metrics.acc > 0.5", "params.`lr` = '0.1' AND metrics.`acc` > 0.5"],
    ['params.lr < 0.1', "params.`lr` LIKE '%'"],
    ["params.lr != '0.1'", "params.`lr` LIKE '%'"],
    ["params.lr in ('a', 'b') and status = 'FAILED'", "params.`lr` LIKE '%' AND attributes.status = 'FAILED'"],
    ["params.lr = 'it''s'", "params.`lr` LIKE '%'"],
    ["tags.a like 'x\\%'", "tags.`a` LIKE '%'"],
    ["tags.a ilike 'größe'", "tags.`a` ILIKE 'gr%e'"],
    ["run_name = 'x'", "tags.`mlflow.runName` = 'x'"],
    ['metrics.m > 1e21 and metrics.m < 1e999', 'metrics.`m` > 1e21'],
    ["(params.a = 'x' and (params.b = 'y' or params.c = 'z')) and not params.d = 'u'", "params.`a` = 'x'"],
    ["params.a = 'x' or params.b = 'y'", undefined],
    ['params.a is null', undefined],
    ['params.a is not null', "params.`a` LIKE '%'"],
    ['params."it\'s" = 1', undefined],
    ["status != 'FAILED'", undefined],
    ['start_time > 5 and end_time < 5.5', 'attributes.start_time > 5'],
  ])('%s', async (filter, sent) => {
    const served = await holding(1);
    await allOf(opened(served.fake.url).searchRuns({ filter }));
    expect(bodies(served).map((body) => body['filter'])).toEqual([sent]);
  });

  test.each([
    ['metrics.acc DESC, start_time', ['metrics.`acc` DESC', 'attributes.start_time ASC']],
    ['metrics.acc, metrics.acc', undefined],
    ['params.lr', undefined],
    ['run_name', undefined],
  ])('the order %s', async (orderBy, sent) => {
    const served = await holding(1);
    await allOf(opened(served.fake.url).searchRuns({ orderBy }));
    expect(bodies(served).map((body) => body['order_by'])).toEqual([sent]);
  });
});

test('pages come as they are asked for, and no run twice although others are made meanwhile', async () => {
  const served = await holding(1200);
  const found: string[] = [];
  for await (const { id } of opened(served.fake.url).searchRuns({ filter: 'params.i >= 0' })) {
    found.push(id);
    if (found.length === 100) {
      expect(bodies(served)).toHaveLength(1);
      for (let i = 0; i < 5; i++) served.fake.state.addRun({ startTime: 5000, params: new Map([['i', '1']]) });
    }
    if (found.length === 600) expect(bodies(served)).toHaveLength(2);
  }
  expect(bodies(served)).toHaveLength(3);
  expect(found).toEqual(Array.from({ length: 1200 }, (_, i) => idOf(1199 - i)));
});

test('the first few of many runs cost one short page', async () => {
  const served = await holding(300);
  expect(await idsOf(opened(served.fake.url).searchRuns({ limit: 3 }))).toEqual([299, 298, 297].map(idOf));
  expect(bodies(served)).toMatchObject([{ max_results: 50 }]);
  expect(await idsOf(opened(served.fake.url).searchRuns({ limit: 0 }))).toEqual([]);
});

test('more experiments than one search takes are searched in several, in one order', async () => {
  const served = await Served.start();
  for (let i = 0; i < 250; i++) {
    const { id } = served.fake.state.addExperiment(`experiment ${i}`);
    served.fake.state.addRun({ id: idOf(i), experimentId: id, startTime: (i * 7) % 250 });
  }
  const found = await allOf(opened(served.fake.url).searchRuns({ limit: 240 }));
  expect(found.map(({ startTime }) => startTime)).toEqual(Array.from({ length: 240 }, (_, i) => 249 - i));
  expect(bodies(served)).toHaveLength(3);
  expect(found[0]).toMatchObject({ experimentName: 'experiment 107', experimentId: '108' });
});

test('a long history comes whole', async () => {
  const served = await holding(1);
  const run = served.run(idOf(0));
  for (let step = 0; step < 25_000; step++) run.metrics.set(String(step), { key: 'loss', value: -step, step, timestamp: 7 });
  const points = await opened(served.fake.url).metricHistory(run.id, 'loss');
  expect(points).toHaveLength(25_000);
  expect(points.every(({ step, value }, i) => step === i && value === 0 - i)).toBe(true);
  expect(served.fake.requests('metrics/get-history')).toHaveLength(3);
});

test('a server that refuses the filter is asked without it', async () => {
  const served = await holding(10);
  const answer = { status: 400, body: '{"error_code":"INVALID_PARAMETER_VALUE","message":"Invalid clause"}' };
  served.fake.fault({ path: 'runs/search' }, { answer });
  expect(await idsOf(opened(served.fake.url).searchRuns({ filter: 'params.i < 2' }))).toEqual([idOf(1), idOf(0)]);
  expect(bodies(served).map((body) => body['filter'])).toEqual(["params.`i` LIKE '%'", undefined]);
});

describe('a server that doesn’t answer', () => {
  const all = (url: string, search?: RunSearch, patienceMs = 300): Promise<readonly string[]> =>
    idsOf(opened(url, patienceMs).searchRuns(search));

  test('is tried again, and answers once it is back', async () => {
    const served = await holding(3);
    served.fake.fault({ path: 'runs/search' }, { answer: { status: 503, body: '' } }, 2);
    served.fake.fault({ path: 'experiments/search' }, { reset: 'before applying' }, 3);
    expect(await all(served.fake.url, {}, 5000)).toHaveLength(3);
  });

  test('is told after a while', async () => {
    const served = await holding(3);
    await served.fake.goDown();
    await expect(all(served.fake.url)).rejects.toMatchObject({
      code: 'HEADRACE_STORE_UNAVAILABLE',
      store: served.fake.url,
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  test('or wants other credentials is told at once, and the password is not', async () => {
    const served = await holding(3);
    served.fake.authorization = 'Basic other';
    const uri = served.fake.url.replace('://', '://ada:geheim@');
    const runs = opened(uri);
    const error: unknown = await idsOf(runs.searchRuns()).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'HEADRACE_STORE_UNAVAILABLE',
      message: expect.stringMatching(/401 .*MLFLOW_TRACKING_USERNAME/),
    });
    expect(served.fake.seen).toHaveLength(1);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('geheim');
    expect(inspect(runs, { depth: 10 })).not.toContain('geheim');
    await expect(runs.getRun(idOf(0))).rejects.toMatchObject({ message: expect.stringContaining('401') });
  });

  test('asks for more patience than there is', async () => {
    const served = await holding(3);
    served.fake.fault({ path: 'experiments/search' }, { answer: { status: 429, headers: { 'retry-after': '60' } } });
    const from = performance.now();
    await expect(all(served.fake.url, {}, 5000)).rejects.toMatchObject({ message: expect.stringContaining('429') });
    expect(performance.now() - from).toBeLessThan(2000);
  });

  test('or is none of MLflow’s', async () => {
    const served = await holding(3);
    served.fake.fault({ path: 'experiments/search' }, { answer: { status: 200, body: '<html><title>Login</title></html>' } });
    await expect(all(served.fake.url)).rejects.toMatchObject({ message: expect.stringContaining('check the uri') });
  });
});

test('nothing is sent before a question is asked, and after close nothing more', async () => {
  const served = await holding(3);
  const runs = openRuns(served.fake.url);
  expect(served.fake.seen).toEqual([]);
  expect((await runs.getRun(idOf(2))).params).toEqual(new Map([['i', '2']]));
  const asked = served.fake.seen.length;
  await runs.close();
  await expect(runs.getRun(idOf(2))).rejects.toMatchObject({ message: expect.stringContaining('closed') });
  expect(served.fake.seen).toHaveLength(asked);
});
