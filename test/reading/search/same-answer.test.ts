/** Every question is put to a database file and to a server that hold the same runs: the answers are the same, and right. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RunSearch } from '../../../src/index.js';
import type { RunRecord } from '../../../src/reading/run-source.js';
import { filters, printed } from './filter-text.js';
import { FILTERS, ORDERS } from './questions.js';
import { allOf, answered, type BothStores, bothStores, idsOf, RUNS } from './stores.js';

/** What each answers to the same searches, and what it should. */
async function expectAnswers(searches: readonly RunSearch[], { file, server }: BothStores): Promise<void> {
  for (const search of searches) {
    const wanted = answered(search);
    const shown = JSON.stringify(search);
    expect(await idsOf(file.searchRuns(search)), `file ${shown}`).toEqual(wanted);
    expect(await idsOf(server.searchRuns(search)), `server ${shown}`).toEqual(wanted);
  }
}

describe.each([
  { name: 'MLflow 3.17', olderMetrics: false },
  { name: 'MLflow 2.22', olderMetrics: true },
])('$name', ({ olderMetrics }) => {
  test('a filter finds the same runs in a file and on a server', async () => {
    const stores = await bothStores(RUNS, { olderMetrics });
    await expectAnswers(
      FILTERS.flatMap((filter): RunSearch[] => [{ filter }, { filter, orderBy: 'metrics.lr DESC', limit: 3 }]),
      stores,
    );
    for (const runs of [stores.file, stores.server]) {
      expect(await idsOf(runs.searchRuns({ filter: "artifact_uri like '%/artifacts'" }))).toHaveLength(RUNS.length);
    }
  });

  test('an order is the same in a file and on a server', async () => {
    const searches = ORDERS.flatMap((orderBy): RunSearch[] => [
      { orderBy },
      { orderBy: [orderBy, 'params.optimizer.lr'], filter: 'params.lr is not null', limit: 7 },
    ]);
    await expectAnswers(searches, await bothStores(RUNS, { olderMetrics }));
  });
});

const SEED = 20_261_123;

test(`any filter finds the same runs in a file and on a server, seed ${SEED}`, async () => {
  const texts = fc.sample(filters, { seed: SEED, numRuns: 300 }).map(printed);
  await expectAnswers(
    texts.map((filter) => ({ filter })),
    await bothStores(RUNS),
  );
  const found = texts.map((filter) => answered({ filter }).length);
  // Else nothing was told apart.
  expect(found.filter((count) => count > 0 && count < RUNS.length).length).toBeGreaterThan(texts.length / 3);
}, 60_000);

test('a run is read as it was logged, from either', async () => {
  const { file, server } = await bothStores(RUNS);
  for (const runs of [file, server]) {
    const read = await allOf(runs.searchRuns());
    expect(read).toHaveLength(RUNS.length);
    for (const run of read) {
      const logged = RUNS.find(({ id }) => id === run.id) as RunRecord; // it has no others
      expect({ ...run, artifactUri: undefined }).toEqual(logged);
      for (const part of ['params', 'metrics', 'tags'] as const) expect([...run[part].keys()]).toEqual([...logged[part].keys()]);
    }
  }
});

test('experiments are chosen by name or id, one that is not there is named with the nearest', async () => {
  const stores = await bothStores(RUNS);
  await expectAnswers(
    ['iris', '2', ['iris', '2'], ['digits'], []].map((experiment) => ({ experiment, filter: 'params.lr is not null' })),
    stores,
  );
  for (const runs of [stores.file, stores.server]) {
    await expect(idsOf(runs.searchRuns({ experiment: 'Irs' }))).rejects.toMatchObject({
      code: 'HEADRACE_EXPERIMENT',
      message: expect.stringContaining('perhaps "iris"'),
    });
  }
});

test('what is deleted is not shown, nor what is in a deleted experiment', async () => {
  const { file, server, place, served } = await bothStores(RUNS);
  const [gone, ...others] = RUNS.filter(({ experimentName }) => experimentName === 'iris') as [RunRecord, ...RunRecord[]]; // half of them
  place.exec(`UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = '${gone.id}'`);
  place.exec("UPDATE experiments SET lifecycle_stage = 'deleted' WHERE name = 'digits'");
  served.run(gone.id).deleted = true;
  for (const experiment of served.fake.state.experiments.values()) experiment.deleted = experiment.name === 'digits';
  const elsewhere = RUNS.find(({ experimentName }) => experimentName === 'digits') as RunRecord; // the other half
  for (const runs of [file, server]) {
    expect(new Set(await idsOf(runs.searchRuns()))).toEqual(new Set(others.map(({ id }) => id)));
    for (const { id } of [gone, elsewhere])
      await expect(runs.getRun(id)).rejects.toMatchObject({ code: 'HEADRACE_RUN_NOT_FOUND', runId: id });
    await expect(idsOf(runs.searchRuns({ experiment: 'digits' }))).rejects.toMatchObject({ code: 'HEADRACE_EXPERIMENT' });
  }
});

test('a history is the same from either, by step and then time', async () => {
  const { file, server, place, served } = await bothStores(RUNS.slice(0, 1));
  const [{ id } = { id: '' }] = RUNS;
  const rows = [
    [3, 50, 20],
    [3, 40, 100],
    [-3, 900, 900],
    [0, 100, 1000],
    [3, 50, 10],
    [3, 50, Number.NaN],
    [4, 50, Number.POSITIVE_INFINITY],
    [5, 2 ** 53 + 2, -1],
  ].map(([step = 0, timestamp = 0, value = 0]) => ({ kind: 'metric', key: 'my loss', step, timestamp, value }) as const);
  await (await served.store()).land({ runId: id, items: rows });
  await (await place.opened()).land({ runId: id, items: rows });
  const wanted = [2, 3, 1, 4, 0, 5, 6, 7].map((i) => {
    const { step, timestamp, value } = rows[i] as (typeof rows)[number]; // one of the eight
    return { step, timestamp, value };
  });
  for (const runs of [file, server]) {
    expect(await runs.metricHistory(id, 'my loss')).toEqual(wanted);
    const run = await runs.getRun(id);
    expect(await run.history('my loss')).toEqual(wanted);
    expect(run.metrics.get('my loss')).toEqual(wanted[7]);
    expect(await runs.metricHistory(run, 'no such')).toEqual([]);
  }
});

test('a run is found by its id, the beginning of it, our own id or its name, and what can be several is told', async () => {
  const stores = await bothStores([
    ...RUNS,
    ...Array.from({ length: 12 }, (_, i) => ({ ...(RUNS[0] as RunRecord), id: `ffff_${i}`, name: 'twin' })),
  ]);
  const { file, server } = stores;
  const [first] = RUNS as [RunRecord, ...RunRecord[]];
  stores.place.exec(`INSERT INTO tags (key, value, run_uuid) VALUES ('headrace.run_id', '${'c'.repeat(32)}', '${first.id}')`);
  stores.served.run(first.id).tags.set('headrace.run_id', 'c'.repeat(32));
  for (const runs of [file, server]) {
    for (const asked of [first.id, first.id.slice(0, 4), 'c'.repeat(32)]) expect((await runs.getRun(asked)).id).toBe(first.id);
    expect((await runs.getRun('run 12')).name).toBe('run 12');
    expect((await runs.getRun('ffff_3')).id).toBe('ffff_3');
    await expect(runs.getRun('run 1')).rejects.toMatchObject({
      code: 'HEADRACE_AMBIGUOUS_RUN',
      runs: [{ id: '2929'.repeat(8) }, { id: '0101'.repeat(8) }],
      message: expect.stringMatching(/^"run 1" can be (2929){8} \(2023-11-14T22:13:25\.000Z\), (01){16} \(/),
    });
    const many = runs.getRun('ffff');
    await expect(many).rejects.toMatchObject({ message: expect.stringContaining(' and more;') });
    await expect(many.catch(({ runs: listed }) => listed)).resolves.toHaveLength(10);
    // `_` stands for any character in a search, but not here.
    await expect(runs.getRun('ff_f')).rejects.toMatchObject({ code: 'HEADRACE_RUN_NOT_FOUND' });
    for (const asked of ['000', 'run', '', 'no such', '%', "'"]) {
      await expect(runs.getRun(asked)).rejects.toMatchObject({ code: 'HEADRACE_RUN_NOT_FOUND', runId: asked });
    }
  }
});
