/** What is asked of files and servers is asked of PostgreSQL: the same runs, in the same order, as the evaluator says. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openRuns, type RunSearch, type Runs } from '../../src/index.js';
import { matches } from '../../src/reading/filter/evaluate.js';
import { parseFilter } from '../../src/reading/filter/parse.js';
import type { RunRecord } from '../../src/reading/run-source.js';
import type { MetricPoint } from '../../src/reading/stored-run.js';
import { filters, NUMBERS, printed } from '../reading/search/filter-text.js';
import { FILTERS, ORDERS } from '../reading/search/questions.js';
import { allOf, answered, fill, idsOf, RUNS } from '../reading/search/stores.js';
import { newRun } from '../store/calls.js';
import type { MlflowDatabase } from './mlflow-database.js';
import { freshDatabase } from './shared-server.js';
import { openedStore } from './stored.js';

const SEED = 20_261_123;

/** A database with these runs, and their reader; both end with the test file. */
async function stored(runs: readonly RunRecord[]): Promise<{ database: MlflowDatabase; runs: Runs }> {
  const database = await freshDatabase();
  const store = await openedStore(database.uri);
  for (const run of runs) {
    const { id, name, experimentName, user: userId, startTime = 0 } = run;
    await store.createRun(newRun({ id, name, experiment: { name: experimentName }, userId, startTime }));
    await fill(store, run);
  }
  await store.close();
  return { database, runs: openRuns(database.uri) };
}

describe('the runs that every store is asked for', () => {
  let database: MlflowDatabase;
  let runs: Runs;

  beforeAll(async () => {
    ({ database, runs } = await stored(RUNS));
  });

  afterAll(async () => {
    await runs?.close();
    await database?.drop();
  });

  async function expectAnswers(searches: readonly RunSearch[]): Promise<void> {
    for (const search of searches) {
      expect(await idsOf(runs.searchRuns(search)), JSON.stringify(search)).toEqual(answered(search));
    }
  }

  test('a run is read as it was logged', async () => {
    const read = await allOf(runs.searchRuns());
    expect(read).toHaveLength(RUNS.length);
    for (const run of read) {
      const logged = RUNS.find(({ id }) => id === run.id) as RunRecord; // it has no others
      const { name, experimentName, status, startTime, endTime, user, params, metrics } = logged;
      expect(run).toMatchObject({ name, experimentName, status, startTime, endTime, user, params, metrics });
      expect(Object.fromEntries(run.tags)).toMatchObject(Object.fromEntries(logged.tags));
      for (const part of ['params', 'metrics'] as const) expect([...run[part].keys()]).toEqual([...logged[part].keys()]);
    }
  });

  test('filters, whatever the order is that the database has for texts', async () => {
    const [collation] = await database.rows("SELECT 'a' < 'B' AS is_icu");
    expect(collation).toEqual({ is_icu: true });
    await expectAnswers([
      ...FILTERS.flatMap((filter): RunSearch[] => [{ filter }, { filter, orderBy: 'metrics.lr DESC', limit: 3 }]),
      ...["params.lr < 'B'", "not params.lr <= 'B'", "params.lr >= 'a'", "tags.lr > 'Z'"].map((filter) => ({ filter })),
    ]);
    expect(await idsOf(runs.searchRuns({ filter: "artifact_uri like '%/artifacts'" }))).toHaveLength(RUNS.length);
  });

  test(`any filter, seed ${SEED}`, async () => {
    const texts = fc.sample(filters, { seed: SEED, numRuns: 300 }).map(printed);
    await expectAnswers(texts.map((filter) => ({ filter })));
    const found = texts.map((filter) => answered({ filter }).length);
    // Else nothing was told apart.
    expect(found.filter((count) => count > 0 && count < RUNS.length).length).toBeGreaterThan(texts.length / 3);
  });

  test('orders', async () => {
    await expectAnswers(
      ORDERS.flatMap((orderBy): RunSearch[] => [
        { orderBy },
        { orderBy: [orderBy, 'params.optimizer.lr'], filter: 'params.lr is not null', limit: 7 },
      ]),
    );
  });

  test('experiments are chosen by name or id, one that is not there is named with the nearest', async () => {
    const filter = 'params.lr is not null';
    for (const experiment of ['iris', ['iris', 'digits'], ['digits'], []]) await expectAnswers([{ experiment, filter }]);
    const [iris] = await database.rows<{ id: number }>("SELECT experiment_id AS id FROM experiments WHERE name = 'iris'");
    expect(await idsOf(runs.searchRuns({ experiment: String(iris?.id), filter }))).toEqual(
      answered({ experiment: 'iris', filter }),
    );
    await expect(idsOf(runs.searchRuns({ experiment: 'Irs' }))).rejects.toMatchObject({
      code: 'HEADRACE_EXPERIMENT',
      message: expect.stringContaining('perhaps "iris"'),
    });
  });

  test('a run is found by its id, the beginning of it or its name, and what can be several is told', async () => {
    const [first] = RUNS as [RunRecord, ...RunRecord[]];
    for (const asked of [first.id, first.id.slice(0, 4)]) expect((await runs.getRun(asked)).id).toBe(first.id);
    expect((await runs.getRun('run 12')).name).toBe('run 12');
    await expect(runs.getRun('run 1')).rejects.toMatchObject({
      code: 'HEADRACE_AMBIGUOUS_RUN',
      runs: [{ id: '2929'.repeat(8) }, { id: '0101'.repeat(8) }],
    });
    for (const asked of ['000', 'run', '', 'no such', '%', "'", '\0', '\ud800']) {
      await expect(runs.getRun(asked)).rejects.toMatchObject({ code: 'HEADRACE_RUN_NOT_FOUND', runId: asked });
    }
  });

  test('what no text of the database holds is not found, and refused by nobody', async () => {
    for (const search of [
      { filter: "params.`a\0` = '1' or params.`\ud800` is not null or tags.lr = '\0'" },
      { orderBy: ['params.`\0`', 'metrics.`\ud800` DESC'] },
    ]) {
      await expectAnswers([search]);
    }
    const [{ id }] = RUNS as [RunRecord, ...RunRecord[]];
    for (const key of ['a\0', '\ud800']) expect(await runs.metricHistory(id, key)).toEqual([]);
  });
});

test('a number of any spelling is found as the number that it is', async () => {
  const spellings = [
    ...NUMBERS.flatMap((number) => [String(number), `${number}`.replace('e', 'E'), `+${number}`]),
    ...'1e999 -1e999 1e-999 1e99999 -1E+99999 1e-99999 0e99999 0.0000001e10000 1e2000000000 9007199254740993'.split(' '),
    ...'inf -inf Infinity -INFINITY nan NaN +inf ٣ 1_0 5. .5 -.5e1 . e5 1e'.split(' '),
    `0.${'0'.repeat(400)}1e401`,
    `1${'0'.repeat(400)}e-400`,
    '9'.repeat(400),
    `0.1${'0'.repeat(30)}5`,
    ' 1',
    '1\n',
  ];
  const [template] = RUNS as [RunRecord, ...RunRecord[]];
  const records = spellings.map((lr, i): RunRecord => {
    const id = i.toString(16).padStart(32, 'f');
    return { ...template, id, name: `spelling ${i}`, params: new Map([['lr', lr]]), metrics: new Map(), tags: new Map() };
  });
  const { database, runs } = await stored(records);
  onTestFinished(async () => {
    await runs.close();
    await database.drop();
  });
  const all = await allOf(runs.searchRuns());
  for (const number of [0, 1, -1, 0.001, 5e-324, 1e21, -5, 0.1, 9007199254740992, 1.7976931348623157e308, 1e308]) {
    for (const comparator of ['=', '!=', '<', '<=', '>', '>=']) {
      for (const filter of [`params.lr ${comparator} ${number}`, `not params.lr ${comparator} ${number}`]) {
        const tree = parseFilter(filter);
        const wanted = all.filter((run) => tree !== undefined && matches(tree, { ...run, artifactUri: undefined }));
        expect(await idsOf(runs.searchRuns({ filter })), filter).toEqual(wanted.map(({ id }) => id));
      }
    }
  }
});

test('what is deleted is not shown, nor what is in a deleted experiment', async () => {
  const { database, runs } = await stored(RUNS.slice(0, 8));
  onTestFinished(async () => {
    await runs.close();
    await database.drop();
  });
  const [gone, elsewhere, ...others] = RUNS.slice(0, 8) as [RunRecord, RunRecord, ...RunRecord[]];
  await database.rows("UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = $1", gone.id);
  await database.rows("UPDATE experiments SET lifecycle_stage = 'deleted' WHERE name = $1", elsewhere.experimentName);
  const left = others.filter(({ experimentName }) => experimentName !== elsewhere.experimentName);
  expect(new Set(await idsOf(runs.searchRuns()))).toEqual(new Set(left.map(({ id }) => id)));
  for (const { id } of [gone, elsewhere]) {
    await expect(runs.getRun(id)).rejects.toMatchObject({ code: 'HEADRACE_RUN_NOT_FOUND', runId: id });
  }
});

test('a history comes by step and then time, with NaN, infinities and more steps than a page', async () => {
  const { database, runs } = await stored(RUNS.slice(0, 1));
  onTestFinished(async () => {
    await runs.close();
    await database.drop();
  });
  const [{ id }] = RUNS as [RunRecord, ...RunRecord[]];
  const rows = [
    [3, 50, 20],
    [3, 40, 100],
    [-3, 900, 900],
    [0, 100, 0.30000000000000004],
    [3, 50, 10],
    [3, 50, Number.NaN],
    [4, 50, Number.POSITIVE_INFINITY],
    [5, 2 ** 53 + 2, 5e-324],
  ].map(([step = 0, timestamp = 0, value = 0]): MetricPoint => ({ step, timestamp, value }));
  const store = await openedStore(database.uri);
  const many = Array.from({ length: 1500 }, (_, step) => ({ step, timestamp: 1000 + step, value: step / 7 }));
  for (const [key, points] of [
    ['my loss', rows],
    ['many', many],
  ] as const) {
    await store.land({ runId: id, items: points.map((point) => ({ kind: 'metric', key, ...point })) });
  }
  await store.close();
  expect(await runs.metricHistory(id, 'my loss')).toEqual([2, 3, 1, 4, 0, 5, 6, 7].map((i) => rows[i]));
  expect(await runs.metricHistory(id, 'many')).toEqual(many);
  const run = await runs.getRun(id);
  expect(run.metrics.get('my loss')).toEqual(rows[7]);
  expect(await runs.metricHistory(run, 'no such')).toEqual([]);
});

test('thousands of runs come page by page, none twice and none left out, those without a start last', async () => {
  const { database, runs } = await stored(RUNS.slice(0, 1));
  onTestFinished(async () => {
    await runs.close();
    await database.drop();
  });
  await database.rows(
    "INSERT INTO runs (run_uuid, name, status, start_time, lifecycle_stage, experiment_id) SELECT md5(i::text), 'many', 'FINISHED', " +
      "1000 + i % 7, 'active', (SELECT max(experiment_id) FROM experiments) FROM generate_series(1, 2000) i",
  );
  await database.rows(
    "INSERT INTO params (run_uuid, key, value) SELECT run_uuid, 'lr', (start_time % 5)::text FROM runs WHERE name = 'many'",
  );
  const [last] = await database.rows<{ id: string }>(
    "UPDATE runs SET start_time = NULL WHERE run_uuid = (SELECT min(run_uuid) FROM params WHERE key = 'lr' AND value = '2') RETURNING run_uuid AS id",
  );
  const ids = await idsOf(runs.searchRuns({ filter: 'params.lr < 3' }));
  expect(ids.at(-1)).toBe(last?.id);
  const [wanted] = await database.rows<{ count: string }>("SELECT count(*) FROM params WHERE key = 'lr' AND value < '3'");
  expect(new Set(ids).size).toBe(Number(wanted?.count));
  expect(ids).toHaveLength(new Set(ids).size);
});
