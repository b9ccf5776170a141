/** Searches of real servers, and of the files that those servers keep: the same runs, in the same order, as the evaluator says. */
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openRuns, type RunSearch, type Runs } from '../../src/index.js';
import type { RunRecord } from '../../src/reading/run-source.js';
import { filters, printed } from '../reading/search/filter-text.js';
import { FILTERS, ORDERS } from '../reading/search/questions.js';
import { allOf, answered, fill, RUNS } from '../reading/search/stores.js';
import { newRun } from '../store/calls.js';
import { SERVERS } from './mlflow-versions.js';
import { RecordingProxy } from './recording-proxy.js';
import { ServerPlace } from './server-place.js';

const SEED = 20_261_124;

describe.each(SERVERS)('MLflow %s', (version) => {
  let place: ServerPlace;
  let proxy: RecordingProxy;
  let server: Runs;
  let file: Runs;
  /** The server's ids, of the names that tell runs apart. */
  const names = new Map<string, string>();

  beforeAll(async () => {
    place = await ServerPlace.start(version);
    proxy = await RecordingProxy.start(place.server.url);
    server = openRuns(proxy.url);
    file = openRuns(`sqlite:///${join(place.folder, 'mlflow.db')}`);
  });

  afterAll(async () => {
    await Promise.all([server?.close(), file?.close()]);
    await proxy?.stop();
    await place?.stop();
  });

  async function expectAnswers(searches: readonly RunSearch[]): Promise<void> {
    for (const search of searches) {
      const shown = JSON.stringify(search);
      proxy.exchanges.length = 0;
      const [onServer, inFile] = [await allOf(server.searchRuns(search)), await allOf(file.searchRuns(search))];
      // One that was refused is asked again without the filter: the answer would be right all the same.
      expect(
        proxy.exchanges.filter(({ status }) => status !== 200),
        shown,
      ).toEqual([]);
      expect(
        onServer.map(({ id }) => id),
        shown,
      ).toEqual(inFile.map(({ id }) => id));
      // Ids decide ties, and these are the server's: whatever goes by them is left out.
      const wanted = answered(search).map((id) => RUNS.find((run) => run.id === id)?.startTime);
      expect(
        onServer.map(({ startTime }) => startTime),
        shown,
      ).toEqual(wanted);
    }
  }

  test('a run is read as it was logged, from the server and from its file', async () => {
    const store = await place.store();
    for (const run of RUNS) {
      const { id, name, experimentName, user: userId, startTime = 0 } = run;
      const made = await store.createRun(newRun({ id, name, experiment: { name: experimentName }, userId, startTime }));
      names.set(made, id);
      await fill(store, { ...run, id: made });
    }
    for (const runs of [server, file]) {
      const read = await allOf(runs.searchRuns());
      expect(read).toHaveLength(RUNS.length);
      for (const run of read) {
        const logged = RUNS.find((each) => each.id === names.get(run.id)) as RunRecord; // it was made from one of them
        const { name, experimentName, status, startTime, endTime, user, params, metrics } = logged;
        expect(run).toMatchObject({ name, experimentName, status, startTime, endTime, user, params, metrics });
        expect(Object.fromEntries(run.tags)).toMatchObject({ ...Object.fromEntries(logged.tags), 'headrace.run_id': logged.id });
      }
    }
  });

  test('filters', async () => {
    const ofOwn = (filter: string): boolean => !filter.includes('run_id');
    await expectAnswers(FILTERS.filter(ofOwn).map((filter) => ({ filter })));
  });

  test(`any filter, seed ${SEED}`, async () => {
    const ofOwn = (filter: string): boolean => !filter.includes('run_id');
    const texts = fc.sample(filters, { seed: SEED, numRuns: 100 }).map(printed);
    await expectAnswers(texts.filter(ofOwn).map((filter) => ({ filter })));
  });

  test('orders', async () => {
    await expectAnswers(ORDERS.filter((order) => !/run_id|artifact_uri/.test(order)).map((orderBy) => ({ orderBy })));
  });

  test('histories, and runs by the beginning of an id, our own id and a name', async () => {
    const [[id, own] = ['', '']] = names;
    const logged = RUNS.find((run) => run.id === own);
    for (const runs of [server, file]) {
      for (const asked of [id, id.slice(0, 12), own]) expect((await runs.getRun(asked)).id).toBe(id);
      expect((await runs.getRun('run 12')).name).toBe('run 12');
      await expect(runs.getRun('run 1')).rejects.toMatchObject({ code: 'HEADRACE_AMBIGUOUS_RUN' });
      await expect(runs.getRun('f'.repeat(32))).rejects.toMatchObject({ code: 'HEADRACE_RUN_NOT_FOUND' });
      for (const [key, point] of logged?.metrics ?? []) expect(await runs.metricHistory(id, key)).toEqual([point]);
    }
  });
});
