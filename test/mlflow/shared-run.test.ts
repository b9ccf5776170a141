/** One run, written by headrace and by MLflow's Python client: after one another and at the same time. */
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTracker, LogFailuresError, ParamConflictError, type Tracker } from '../../src/index.js';
import { COMMON_CONFIG, COMMON_CONFIG_FILE } from './common-config.js';
import { faults, query } from './database.js';
import { DatabaseFolder } from './database-folder.js';
import { MlflowClient, MlflowException } from './mlflow-client.js';
import { pythonOf } from './mlflow-versions.js';
import type { Param, SeenRun } from './seen.js';

let folder: DatabaseFolder;
let uri: string;
let client: MlflowClient;
let tracker: Tracker;

beforeAll(async () => {
  folder = await DatabaseFolder.make();
  uri = folder.uri('shared.db');
  client = new MlflowClient(await pythonOf(), folder.path);
  // The file is headrace's; MLflow migrates it before anything is measured.
  await createTracker({ uri }).startRun({ name: 'the first' }).end();
  await client.experiments(uri);
});

afterAll(async () => {
  await client?.stop();
  await folder.remove();
});

beforeEach(() => {
  tracker = createTracker({ uri });
});

afterEach(async () => {
  await tracker.close({ throwOnFailure: false });
  expect(await faults(folder.file('shared.db'))).toEqual([]);
});

test('a run that headrace made is resumed by Python: equal params pass, others are refused', async () => {
  const run = tracker.startRun({ experiment: 'resumed', name: 'made by headrace', tags: { stage: 'first' } });
  run.logParams({ lr: 0.1, name: 'adam', text: 'zwei\nZeilen 😀' });
  run.logMetric('loss', 2, 0, 1000);
  await run.end();
  const made = await client.run(uri, run.id);

  const script = { start: { run_id: run.id }, tags: { stage: 'second' }, metrics: { accuracy: 0.5 } };
  expect(await client.script(uri, { ...script, params: { lr: 0.1, name: 'adam', text: 'zwei\nZeilen 😀', more: 1 } })).toBe(
    run.id,
  );
  await expect(client.call(uri, 'log_param', { run_id: run.id, key: 'lr', value: '0.2' })).rejects.toThrow(
    /Changing param values is not allowed.*'lr'.*'0\.1'.*'0\.2'/s,
  );
  await expect(client.logBatch(uri, run.id, { params: [['name', 'sgd']] })).rejects.toThrow(
    /Changing param values is not allowed/,
  );

  const after = await client.run(uri, run.id);
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

  // And once more by headrace, with what Python added.
  const again = tracker.startRun({ runId: run.id });
  await again.logParam('more', 1);
  await expect(again.logParam('more', 2)).rejects.toMatchObject({ runId: run.id, key: 'more', storedValue: '1', newValue: '2' });
});

test('a run that Python made is resumed by headrace: equal params pass, others are refused', async () => {
  const runId = await client.script(uri, {
    start: { run_name: 'made by Python' },
    params: { lr: 0.1, epochs: 3, note: "it's 學習" },
    metrics: { loss: 2 },
    tags: { stage: 'first' },
  });
  const made = await client.run(uri, runId);

  const run = tracker.startRun({ runId, tags: { stage: 'second' } });
  await run.logParams({ lr: 0.1, epochs: 3, note: "it's 學習", more: 1 });
  const conflict = run.logParam('epochs', 4);
  await expect(conflict).rejects.toThrow(ParamConflictError);
  await expect(conflict).rejects.toMatchObject({ runId, key: 'epochs', storedValue: '3', newValue: '4' });
  // One of several: the others land.
  const several = run.logParams({ first: 1, note: 'another', last: 2 });
  await expect(several).rejects.toThrow(LogFailuresError);
  await expect(several).rejects.toMatchObject({ keys: ['note'] });
  run.logMetric('accuracy', 0.5, 7, 1000);
  await run.flush();
  const resumed = await client.run(uri, runId);
  expect(resumed.status).toBe('RUNNING');
  // MLflow's own client leaves the end of the first time.
  expect(resumed.endTime).toBe(made.endTime);
  await run.end('FAILED');

  const after = await client.run(uri, runId);
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

/** What a second program may change. */
const blank: Partial<SeenRun> = { params: [], metrics: [], history: [], tags: [], status: '', endTime: 0 };

test('a run is RUNNING for MLflow while headrace has it open', async () => {
  const run = tracker.startRun({ name: 'open' });
  await run.logParam('a', 1);
  const { status, endTime, params } = await client.run(uri, run.id);
  expect({ status, endTime, params }).toEqual({ status: 'RUNNING', endTime: null, params: [['a', '1']] });
});

test('MLFLOW_RUN_ID hands a run from headrace to Python and back', async () => {
  const run = tracker.startRun({ experiment: 'handed on', params: { from: 'headrace' } });
  await run.end();
  expect(await client.script(uri, { start: {}, environment: { MLFLOW_RUN_ID: run.id }, params: { middle: 'Python' } })).toBe(
    run.id,
  );

  process.env['MLFLOW_RUN_ID'] = run.id;
  const resumed = tracker.startRun({ params: { last: 'headrace' } });
  // As with MLflow's client the variable names one run only.
  const next = tracker.startRun();
  await resumed.end();
  await next.end();
  expect(resumed.id).toBe(run.id);
  expect(next.id).not.toBe(run.id);
  expect((await client.run(uri, run.id)).params).toEqual([
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
    let ours: string;
    try {
      const own = createTracker();
      ours = own.startRun({ tags: { given: 'by the program' } }).id;
      await own.close();
    } finally {
      for (const name of Object.keys(environment)) delete process.env[name];
    }

    const [python, headrace] = [await client.run(uri, theirs), await client.run(uri, ours)];
    expect(headrace.experimentId).toBe(python.experimentId);
    expect(headrace.userId).toBe(python.userId);
    // Which program it was, and the run's random name, differ.
    const own = /^mlflow\.(source\.(name|git\.commit)|runName)$/;
    const common = ({ tags }: SeenRun): unknown => tags.filter(([key]) => !own.test(key));
    expect(common(headrace)).toEqual(common(python));
    expect(common(headrace)).toContainEqual(['job', 'nightly']);
    expect(common(headrace)).toContainEqual(['given', 'by the program']);
  },
);

test("with valueFormat 'python' the same config of Python and headrace never conflicts", async () => {
  await writeFile(folder.file('config.json'), COMMON_CONFIG_FILE);
  const python = createTracker({ uri, valueFormat: 'python' });
  for (const first of ['Python', 'headrace']) {
    const runId = await client.call(uri, 'create_run', { experiment_id: '0' });
    const theirs = async (): Promise<void> => {
      await client.script(uri, { start: { run_id: runId }, params: COMMON_CONFIG, params_file: folder.file('config.json') });
    };
    const ours = async (): Promise<void> => {
      const run = python.startRun({ runId });
      await run.logParams(COMMON_CONFIG);
      await run.logConfig(folder.file('config.json'));
      await run.end();
    };
    if (first === 'Python') await theirs();
    await ours();
    if (first === 'headrace') await theirs();
    const { params } = await client.run(uri, runId);
    expect(params.map(([key]) => key)).toEqual(
      [...Object.keys(COMMON_CONFIG), ...Object.keys(JSON.parse(COMMON_CONFIG_FILE))].toSorted(),
    );
    expect(params).toContainEqual(['tiny', '1e-05']);
    expect(params).toContainEqual(['one', '1.0']);
  }
  await python.close();
});

test('two writers of one param at the same moment: one lands, the other gets the error', async () => {
  const keys = Array.from({ length: 150 }, (_, i) => `key ${i}`);
  const run = tracker.startRun({ experiment: 'races' });
  await run.storeId;
  const won = { headrace: new Map<string, string>(), python: new Map<string, string>() };
  // Who is behind gets a start: both come to the database within the same millisecond again and again.
  let start = 0;
  for (const key of keys) {
    const theirs = client.call(uri, 'log_param', { run_id: run.id, key, value: 'of Python' });
    if (start > 0) await sleep(start);
    const ours = run.logParam(key, 'of headrace');
    const [python, headrace] = await Promise.allSettled([theirs, ours]);
    if (python.status === 'fulfilled') won.python.set(key, 'of Python');
    else expect(String(python.reason)).toMatch(/Changing param values is not allowed/);
    if (headrace.status === 'fulfilled') won.headrace.set(key, 'of headrace');
    else
      expect(headrace.reason).toMatchObject({
        code: 'HEADRACE_PARAM_CONFLICT',
        key,
        storedValue: 'of Python',
        newValue: 'of headrace',
      });
    start = headrace.status === 'fulfilled' ? start + 1 : Math.max(0, start - 1);
  }
  await run.end('FINISHED', { throwOnFailure: false });

  const expected = [...won.headrace, ...won.python];
  // No key has two winners, none has no winner.
  expect(expected).toHaveLength(keys.length);
  expect(new Map(await storedParams(run.id))).toEqual(new Map(expected));
  // Else it was no race.
  expect(Math.min(won.headrace.size, won.python.size)).toBeGreaterThan(keys.length / 10);
});

test('two writers of the same batch of params at the same moment: each key has one winner, and the loser the error', async () => {
  const rounds = 40;
  const width = 25;
  const run = tracker.startRun({ experiment: 'races' });
  await run.storeId;
  let start = 0;
  let pythonWins = 0;
  for (let round = 0; round < rounds; round++) {
    const keys = Array.from({ length: width }, (_, i) => `round ${round} key ${i}`);
    const theirs = client.logBatch(uri, run.id, { params: keys.map((key) => [key, 'of Python']) });
    if (start > 0) await sleep(start);
    // Each by itself, so that batches of headrace's are cut anywhere.
    const ours = keys.map((key) => run.logParam(key, 'of headrace'));
    const [[python], headrace] = await Promise.all([Promise.allSettled([theirs]), Promise.allSettled(ours)]);
    if (python?.status === 'rejected') {
      // What MLflow says when it was beaten between its look and its insert.
      expect(python.reason).toBeInstanceOf(MlflowException);
      expect(String(python.reason)).toMatch(/Changing param values is not allowed|UNIQUE constraint failed: params/);
    }
    const stored = new Map(await storedParams(run.id, `round ${round} %`));
    // MLflow writes a batch whole or not at all.
    const expected = keys.map((key, i) => [key, headrace[i]?.status === 'fulfilled' ? 'of headrace' : 'of Python'] as const);
    expect(stored).toEqual(new Map(expected));
    expect([...stored.values()].includes('of Python')).toBe(python?.status === 'fulfilled');
    if (python?.status === 'fulfilled') expect(new Set(stored.values())).toEqual(new Set(['of Python']));
    for (const outcome of headrace) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(ParamConflictError);
    }
    if (python?.status === 'fulfilled') pythonWins++;
    start = python?.status === 'fulfilled' ? Math.max(0, start - 1) : start + 1;
  }
  await run.end('FINISHED', { throwOnFailure: false });
  expect(Math.min(pythonWins, rounds - pythonWins)).toBeGreaterThan(rounds / 10);
});

/** Read by Python's sqlite3. */
async function storedParams(runId: string, pattern: string = '%'): Promise<readonly Param[]> {
  const [rows = []] = await query(
    folder.file('shared.db'),
    `SELECT key, value FROM params WHERE run_uuid = '${runId}' AND key LIKE '${pattern}'`,
  );
  return rows.map(([key, value]) => [String(key), String(value)]);
}
