/** One run on one server, written by headrace and by MLflow's Python client of the server's version. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createTracker, LogFailuresError, ParamConflictError, type Run, type Tracker } from '../../src/index.js';
import { COMMON_CONFIG, COMMON_CONFIG_FILE } from './common-config.js';
import { MlflowClient } from './mlflow-client.js';
import { pythonOf, SERVERS } from './mlflow-versions.js';
import type { SeenRun } from './seen.js';
import { ServerPlace } from './server-place.js';

describe.each(SERVERS)('MLflow %s', (version) => {
  let place: ServerPlace;
  let uri: string;
  let client: MlflowClient;
  let tracker: Tracker;

  beforeAll(async () => {
    place = await ServerPlace.start(version);
    uri = place.server.url;
    client = new MlflowClient(await pythonOf(version), place.folder);
    expect((await client.about()).version).toBe(version);
  });

  afterAll(async () => {
    await client?.stop();
    await place?.stop();
  });

  beforeEach(() => {
    tracker = createTracker({ uri });
  });

  afterEach(() => tracker.close({ throwOnFailure: false }));

  /** The run as MLflow's Python client and as the REST API show it, which must be the same. */
  async function shown(runId: string): Promise<SeenRun> {
    const [python, rest] = [await client.run(uri, runId), await place.server.run(runId)];
    expect(python).toEqual(rest);
    return rest;
  }

  test('a run that headrace made is resumed by Python: equal params pass, others are refused', async () => {
    const run = tracker.startRun({ experiment: 'resumed', name: 'made by headrace', tags: { stage: 'first' } });
    run.logParams({ lr: 0.1, name: 'adam', text: 'zwei\nZeilen 😀' });
    run.logMetric('loss', 2, 0, 1000);
    await run.end();
    const runId = await run.storeId;
    const made = await shown(runId);
    expect(made.tags).toContainEqual(['headrace.run_id', run.id]);

    const script = { start: { run_id: runId }, tags: { stage: 'second' }, metrics: { accuracy: 0.5 } };
    const params = { lr: 0.1, name: 'adam', text: 'zwei\nZeilen 😀', more: 1 };
    expect(await client.script(uri, { ...script, params })).toBe(runId);
    await expect(client.call(uri, 'log_param', { run_id: runId, key: 'lr', value: '0.2' })).rejects.toThrow(
      /Changing param values is not allowed.*'lr'.*'0\.1'.*'0\.2'/s,
    );

    const after = await shown(runId);
    expect(after.params).toEqual([
      ['lr', '0.1'],
      ['more', '1'],
      ['name', 'adam'],
      ['text', 'zwei\nZeilen 😀'],
    ]);
    expect(after.metrics).toEqual([
      ['accuracy', 0.5],
      ['loss', 2],
    ]);
    expect(after.tags).toEqual(made.tags.map(([key, value]) => [key, key === 'stage' ? 'second' : value]));
    expect({ ...after, ...blank }).toEqual({ ...made, ...blank });

    // And once more by headrace, by either id, with what Python added.
    for (const id of [runId, run.id]) {
      const again = tracker.startRun({ runId: id });
      expect(await again.storeId).toBe(runId);
      await again.logParam('more', 1);
      await expect(again.logParam('more', 2)).rejects.toMatchObject({ key: 'more', storedValue: '1', newValue: '2' });
      await again.end();
    }
    expect((await shown(runId)).params).toEqual(after.params);
  });

  test('a run that Python made is resumed by headrace: equal params pass, others are refused', async () => {
    const runId = await client.script(uri, {
      start: { run_name: 'made by Python' },
      params: { lr: 0.1, epochs: 3, note: "it's 學習" },
      metrics: { loss: 2 },
      tags: { stage: 'first' },
    });
    const made = await shown(runId);

    const run = tracker.startRun({ runId, tags: { stage: 'second' } });
    await run.logParams({ lr: 0.1, epochs: 3, note: "it's 學習", more: 1 });
    const conflict = run.logParam('epochs', 4);
    await expect(conflict).rejects.toThrow(ParamConflictError);
    await expect(conflict).rejects.toMatchObject({ runId, key: 'epochs', storedValue: '3', newValue: '4' });
    const several = run.logParams({ first: 1, note: 'another', last: 2 });
    await expect(several).rejects.toThrow(LogFailuresError);
    await expect(several).rejects.toMatchObject({ keys: ['note'] });
    run.logMetric('accuracy', 0.5, 7, 1000);
    await run.flush();
    const resumed = await shown(runId);
    expect(resumed.status).toBe('RUNNING');
    // MLflow's own client leaves the end of the first time.
    expect(resumed.endTime).toBe(made.endTime);
    await run.end('FAILED');

    const after = await shown(runId);
    expect(after.params).toEqual([
      ['epochs', '3'],
      ['first', '1'],
      ['last', '2'],
      ['lr', '0.1'],
      ['more', '1'],
      ['note', "it's 學習"],
    ]);
    expect(after.history).toContainEqual(['accuracy', 7, 1000, 0.5]);
    expect(after.tags).toEqual(made.tags.map(([key, value]) => [key, key === 'stage' ? 'second' : value]));
    expect(after.status).toBe('FAILED');
    expect(after.endTime).toBeGreaterThan(made.endTime ?? Number.NaN);
    expect({ ...after, ...blank }).toEqual({ ...made, ...blank });
  });

  test('MLFLOW_RUN_ID hands a run from headrace to Python and back', async () => {
    const run = tracker.startRun({ experiment: 'handed on', params: { from: 'headrace' } });
    await run.end();
    const runId = await run.storeId;
    const environment = { MLFLOW_RUN_ID: runId };
    expect(await client.script(uri, { start: {}, environment, params: { middle: 'Python' } })).toBe(runId);

    process.env['MLFLOW_RUN_ID'] = runId;
    const resumed = tracker.startRun({ params: { last: 'headrace' } });
    // As with MLflow's client the variable names one run only.
    const next = tracker.startRun();
    await resumed.end();
    await next.end();
    expect(await resumed.storeId).toBe(runId);
    expect(await next.storeId).not.toBe(runId);
    expect((await shown(runId)).params).toEqual([
      ['from', 'headrace'],
      ['last', 'headrace'],
      ['middle', 'Python'],
    ]);
  });

  test.each([
    ['MLFLOW_EXPERIMENT_NAME', () => 'named by the environment'],
    ['MLFLOW_EXPERIMENT_ID', (experiment: string) => experiment],
  ])(
    '%s chooses the same experiment for headrace and for Python, MLFLOW_RUN_CONTEXT gives the same tags',
    async (variable, choice) => {
      const experiment = await client.call(uri, 'create_experiment', { name: `chosen by ${variable}` });
      const environment = {
        MLFLOW_TRACKING_URI: uri,
        [variable]: choice(experiment),
        MLFLOW_RUN_CONTEXT: JSON.stringify({ job: 'nightly', 'mlflow.user': 'somebody', given: 'by the context' }),
      };
      const theirs = await client.script(undefined, { start: { tags: { given: 'by the program' } }, environment });

      Object.assign(process.env, environment);
      let run: Run;
      try {
        const own = createTracker();
        run = own.startRun({ tags: { given: 'by the program' } });
        await own.close();
      } finally {
        for (const name of Object.keys(environment)) delete process.env[name];
      }

      const [python, headrace] = [await shown(theirs), await shown(await run.storeId)];
      expect(headrace.experimentId).toBe(python.experimentId);
      expect(headrace.userId).toBe(python.userId);
      expect(headrace.artifactUri.replace(headrace.id, '')).toBe(python.artifactUri.replace(python.id, ''));
      // Which program it was, the run's random name and our id differ.
      const own = /^(?:mlflow\.(?:source\.(?:name|git\.\w+)|runName)|headrace\.run_id)$/;
      const common = ({ tags }: SeenRun): unknown => tags.filter(([key]) => !own.test(key));
      expect(common(headrace)).toEqual(common(python));
      expect(common(headrace)).toContainEqual(['job', 'nightly']);
      expect(common(headrace)).toContainEqual(['given', 'by the program']);
    },
  );

  test('a run is nested under its parent by the server’s id, whoever made which', async () => {
    const theirs = await client.script(uri, { start: { run_name: 'parent of Python' } });
    const parent = tracker.startRun({ name: 'parent of headrace' });
    const children = [
      tracker.startRun({ parentRunId: theirs }),
      // Its own id, which the server doesn't know.
      tracker.startRun({ parentRunId: parent.id }),
      tracker.startRun({ parentRunId: await parent.storeId }),
    ];
    const parents = [theirs, await parent.storeId, await parent.storeId];
    for (const [i, child] of children.entries()) {
      await child.end();
      expect((await shown(await child.storeId)).tags).toContainEqual(['mlflow.parentRunId', parents[i]]);
    }
    const found = await client.findRuns(uri, 'Default', `tags.mlflow.parentRunId = '${await parent.storeId}'`);
    expect(new Set(found)).toEqual(new Set(await Promise.all(children.slice(1).map(({ storeId }) => storeId))));
  });

  test("with valueFormat 'python' the same config of Python and headrace never conflicts", async () => {
    const file = join(place.folder, 'config.json');
    await writeFile(file, COMMON_CONFIG_FILE);
    const python = createTracker({ uri, valueFormat: 'python' });
    const stored: unknown[] = [];
    for (const first of ['Python', 'headrace']) {
      const runId = await client.call(uri, 'create_run', { experiment_id: '0' });
      const theirs = async (): Promise<void> => {
        await client.script(uri, { start: { run_id: runId }, params: COMMON_CONFIG, params_file: file });
      };
      const ours = async (): Promise<void> => {
        const run = python.startRun({ runId });
        await run.logParams(COMMON_CONFIG);
        await run.logConfig(file);
        await run.end();
      };
      if (first === 'Python') await theirs();
      await ours();
      // What the one wrote alone is what both have written.
      stored.push((await shown(runId)).params);
      if (first === 'headrace') await theirs();
      stored.push((await shown(runId)).params);
    }
    const report = await python.close();
    expect([report.failed, report.pending]).toEqual([0, 0]);
    const [params, ...others] = stored;
    for (const other of others) expect(other).toEqual(params);
    expect(params).toHaveLength(Object.keys(COMMON_CONFIG).length + Object.keys(JSON.parse(COMMON_CONFIG_FILE)).length);
    expect(params).toContainEqual(['tiny', '1e-05']);
    expect(params).toContainEqual(['one', '1.0']);
    expect(params).toContainEqual(['units', "[64, 32, 'relu', None, True, 0.5]"]);
  });
});

/** What a second program may change. */
const blank: Partial<SeenRun> = { params: [], metrics: [], history: [], tags: [], status: '', endTime: 0 };
