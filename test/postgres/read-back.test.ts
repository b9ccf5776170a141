/** What headrace wrote, served by MLflow from the same database; and what MLflow wrote, read by headrace. */
import { deepStrictEqual } from 'node:assert';
import { realpathSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createTracker, openRuns } from '../../src/index.js';
import { MlflowServer } from '../mlflow/mlflow-server.js';
import { pythonOf } from '../mlflow/mlflow-versions.js';
import { expectRuns, type LoggedRun, logSampleRuns } from '../mlflow/sample-runs.js';
import { configuration } from '../reading/config/logged-values.js';
import { allOf } from '../reading/search/stores.js';
import type { MlflowDatabase } from './mlflow-database.js';
import { freshDatabase } from './shared-server.js';

const SEED = 20_261_124;

let database: MlflowDatabase;
let server: MlflowServer;
let folder: string;
let logged: readonly LoggedRun[];
const before = process.cwd();

beforeAll(async () => {
  // Artifact locations derive from the current folder, of headrace and of MLflow.
  folder = realpathSync(await mkdtemp(join(tmpdir(), 'headrace-read-back-')));
  process.chdir(folder);
  database = await freshDatabase();
  // Before the server makes experiment 0, whose artifacts would be its own.
  logged = await logSampleRuns(database.uri);
  server = await MlflowServer.start(await pythonOf(), folder, database.mlflowUri);
});

afterAll(async () => {
  await server?.stop();
  await database?.drop();
  process.chdir(before);
  await rm(folder, { recursive: true, force: true });
});

test('MLflow’s server shows every run as it was logged', async () => {
  expectRuns({ runs: await server.runs(), experiments: await server.experiments() }, logged, {
    folder,
    user: userInfo().username,
  });
});

test('runs that were logged to the server are read from its database', async () => {
  const tracker = createTracker({ uri: server.url, experiment: 'by the server' });
  const run = tracker.startRun({ name: 'by way of REST', params: { lr: 0.1, layers: [1, 2] } });
  for (const [step, value] of [0.5, Number.NaN, 0.75].entries()) run.logMetric('loss', value, step, 1000 + step);
  const id = await run.storeId;
  await tracker.close();
  const runs = openRuns(database.uri);
  onTestFinished(() => runs.close());
  const read = await runs.getRun(id);
  expect([read.name, read.experimentName, read.config()]).toEqual([
    'by way of REST',
    'by the server',
    { lr: 0.1, layers: [1, 2] },
  ]);
  expect((await read.history('loss')).map(({ value }) => value)).toEqual([0.5, Number.NaN, 0.75]);
  // The server's reader and ours, of one run.
  const seen = await server.run(id);
  expect(new Map(seen.params)).toEqual(read.params);
  expect(new Map(seen.tags)).toEqual(read.tags);
});

test('a configuration comes back as it was logged', async () => {
  const tracker = createTracker({ uri: database.uri, experiment: 'configurations' });
  const logged = new Map(
    fc.sample(configuration('.'), { numRuns: 100, seed: SEED }).map((config) => {
      const run = tracker.startRun();
      run.logParams(config);
      return [run.id, config];
    }),
  );
  await tracker.close();
  const runs = openRuns(database.uri);
  onTestFinished(() => runs.close());
  const read = await allOf(runs.searchRuns({ experiment: 'configurations' }));
  expect(read).toHaveLength(100);
  // Vitest's own takes a property named constructor for the object's class.
  for (const run of read) deepStrictEqual(run.config(), logged.get(run.id));
});
