/** The commands, as they are installed, over runs that a tracker has logged to PostgreSQL. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTracker } from '../../src/index.js';
import { openRuns } from '../../src/reading/open-runs.js';
import { headrace, type Said } from '../cli/command.js';
import { newFolder } from '../journal/folder.js';
import type { MlflowDatabase } from './mlflow-database.js';
import { freshDatabase } from './shared-server.js';

const CONFIG = { optimizer: { name: 'adam', lr: 0.01 }, layers: [64, 32], seed: null };
const PRINT_CONFIG = 'console.log(require("fs").readFileSync(process.env.HEADRACE_CONFIG, "utf8"))';

let database: MlflowDatabase;
let ids: readonly string[];

beforeAll(async () => {
  database = await freshDatabase();
  const tracker = createTracker({ uri: database.uri, experiment: 'digits' });
  const runs = [0.01, 0.1].map((lr, i) =>
    tracker.startRun({ name: `run-${i}`, params: { ...CONFIG, optimizer: { name: 'adam', lr } } }),
  );
  for (const [i, run] of runs.entries()) {
    for (let step = 0; step < 10; step++) run.logMetric('accuracy', (i + step) / 20, step);
    await run.end();
  }
  await tracker.close();
  ids = runs.map(({ id }) => id);
});

afterAll(() => database?.drop());

/** Nothing that a command says holds the password. */
async function call(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Said> {
  const said = await headrace(newFolder(), args, { MLFLOW_TRACKING_URI: database.uri, ...env });
  expect(said.stdout + said.stderr).not.toContain(database.server.password);
  return said;
}

async function answer(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await call(args);
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}

test('runs lists what a filter finds', async () => {
  const lines = (await answer(['runs', 'params.optimizer.lr < 0.05'])).trim().split('\n');
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatch(new RegExp(`^${ids[0]?.slice(0, 8)} +run-0 +FINISHED .* 0\\.45$`));
});

test('show tells all of a run', async () => {
  const told = await answer(['show', 'run-1']);
  for (const part of [ids[1], 'digits', 'lr    0.1', 'accuracy   0.5  step 9']) expect(told).toContain(part);
});

test('compare shows what varies', async () => {
  const told = await answer(['compare', 'run-0', 'run-1']);
  expect(told).toMatch(/^optimizer\.lr +different +0\.01 +0\.1$/m);
  expect(told).toMatch(/^layers +equal /m);
});

test('export gives the configuration back', async () => {
  expect(JSON.parse(await answer(['export', 'run-0', '--format', 'json']))).toEqual(CONFIG);
});

test('exec logs a command as a run', async () => {
  const program = [process.execPath, '-e', 'process.exit(3)'];
  const { code } = await call(['exec', '--name', 'command', '--experiment', 'commands', '--', ...program]);
  expect(code).toBe(3);
  await using runs = openRuns(database.uri);
  const run = await runs.getRun('command');
  expect([run.status, run.experimentName]).toEqual(['FAILED', 'commands']);
});

test('reproduce starts a run again with a part of its configuration changed', async () => {
  const program = [process.execPath, '-e', PRINT_CONFIG];
  const { code, stdout } = await call(['reproduce', 'run-0', '--set', 'optimizer.lr=0.5', '--', ...program]);
  expect(code).toBe(0);
  const config = { ...CONFIG, optimizer: { name: 'adam', lr: 0.5 } };
  expect(JSON.parse(stdout)).toEqual(config);
  await using runs = openRuns(database.uri);
  const found: unknown[] = [];
  for await (const run of runs.searchRuns({ filter: 'params.optimizer.lr = 0.5' })) found.push(run.config());
  expect(found).toEqual([config]);
});

test('a wrong password, or a database that is not there, is told without the password', async () => {
  const wrong = database.uri.replace(database.server.password, 'not-the-one');
  const { code, stdout, stderr } = await call(['runs'], { MLFLOW_TRACKING_URI: wrong });
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toContain('28P01');
  expect(stderr).not.toContain('not-the-one');
  const missing = await call(['runs'], { MLFLOW_TRACKING_URI: database.uri.replace(database.name, 'nowhere') });
  expect([missing.code, missing.stdout]).toEqual([1, '']);
  expect(missing.stderr).toContain('there is no such database');
});
