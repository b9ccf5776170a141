/** Reading leaves a database as it is, bears what happens to its server, and says what is wrong with it. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createTracker, openRuns, type Runs } from '../../src/index.js';
import { idsOf, opened } from '../reading/search/stores.js';
import { newRun } from '../store/calls.js';
import { askDatabase, uriOf } from './cluster.js';
import type { MlflowDatabase } from './mlflow-database.js';
import { Pgbouncer } from './pgbouncer.js';
import { freshDatabase, ownCluster } from './shared-server.js';
import { openedStore } from './stored.js';

const INDEX = fileURLToPath(new URL('../../dist/src/index.js', import.meta.url));
const ID = 'a'.repeat(32);

let database: MlflowDatabase;

beforeAll(async () => {
  database = await freshDatabase();
  const store = await openedStore(database.uri);
  await store.createRun(newRun({ id: ID }));
  await store.close();
});

afterAll(() => database?.drop());

function ask(runs: Runs): Promise<readonly string[]> {
  return idsOf(runs.searchRuns());
}

test('a database without MLflow’s tables is named as what it is, and left as it is', async () => {
  const other = await freshDatabase();
  onTestFinished(() => other.drop());
  const expectReason = async (reason: string): Promise<void> => {
    await expect(ask(opened(other.uri))).rejects.toMatchObject({
      code: 'HEADRACE_STORE_UNAVAILABLE',
      message: expect.stringContaining(reason),
    });
  };
  await other.rows('DROP TABLE runs CASCADE');
  await expectReason('without table runs; bring it up to date with "mlflow db upgrade');
  await other.rows('DROP SCHEMA public CASCADE');
  await other.rows('CREATE SCHEMA public');
  await expectReason('the database is empty; prepare it with "mlflow db upgrade');
  await other.rows('CREATE TABLE customers (name text)');
  await expectReason('the database of another program (tables: customers)');
  expect(await other.rows("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")).toEqual([
    { relname: 'customers' },
  ]);
});

test('who may read and not write reads', async () => {
  const role = `reader_${database.name}`;
  await database.rows(`CREATE ROLE ${role} LOGIN PASSWORD 'reads'`);
  await database.rows(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`);
  await database.rows(`ALTER ROLE ${role} SET default_transaction_read_only = on`);
  onTestFinished(async () => {
    await database.rows(`DROP OWNED BY ${role}`);
    await database.rows(`DROP ROLE ${role}`);
  });
  const uri = uriOf({ ...database.server, user: role, password: 'reads' }, database.name);
  const runs = openRuns(uri);
  expect(await ask(runs)).toEqual([ID]);
  await runs.close();
});

test('a pooler that gives each statement another connection is no hindrance', async () => {
  const pgbouncer = await Pgbouncer.start(database.server, { default_pool_size: 1 });
  const many = [0, 1, 2].map(() => openRuns(uriOf(pgbouncer.address, database.name)));
  onTestFinished(async () => {
    for (const runs of many) await runs.close();
    await pgbouncer.stop();
  });
  for (const found of await Promise.all([...many, ...many].map(ask))) expect(found).toEqual([ID]);
});

test('a server that restarts is waited for, one that stays away is told', async () => {
  const cluster = await ownCluster();
  onTestFinished(() => cluster.remove());
  await askDatabase(cluster.address, 'postgres', 'CREATE DATABASE own TEMPLATE mlflow_template');
  const [patient, hasty] = [opened(cluster.uri('own'), 30_000), opened(cluster.uri('own'), 300)];
  for (const runs of [patient, hasty]) expect(await ask(runs)).toEqual([]);
  await cluster.stop('immediate');
  await expect(ask(hasty)).rejects.toMatchObject({
    code: 'HEADRACE_STORE_UNAVAILABLE',
    message: expect.stringContaining("can't be reached"),
  });
  const answer = ask(patient);
  await cluster.start();
  expect(await answer).toEqual([]);
  expect(await ask(hasty)).toEqual([]);
});

test('runs are read while a tracker logs them, and each is read whole', async () => {
  const tracker = createTracker({ uri: database.uri, experiment: 'logged meanwhile' });
  await tracker.startRun().end();
  const runs = opened(database.uri);
  for (let round = 0; round < 10; round++) {
    const run = tracker.startRun({ name: `round ${round}` });
    run.logParams(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`p${i}`, i])));
    const reading = idsOf(runs.searchRuns({ experiment: 'logged meanwhile' }));
    await run.end();
    expect((await reading).length).toBeGreaterThanOrEqual(round + 1);
    const found = await runs.getRun(run.id);
    expect([found.params.size, found.status]).toEqual([50, 'FINISHED']);
  }
  await tracker.close();
});

test('what is asked after close is refused', async () => {
  const runs = openRuns(database.uri);
  expect(await ask(runs)).toContain(ID);
  await runs.close();
  await runs.close();
  await expect(ask(runs)).rejects.toMatchObject({
    code: 'HEADRACE_STORE_UNAVAILABLE',
    message: expect.stringContaining('closed'),
  });
});

test('a program that reads, and closes nothing, ends when it is done', async () => {
  const program = `
    import { openRuns } from ${JSON.stringify(INDEX)};
    const run = await openRuns(process.argv[1]).getRun('${ID}');
    console.log(run.id);
  `;
  const started = performance.now();
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program, database.uri], {
    timeout: 50_000,
  });
  expect(stdout).toBe(`${ID}\n`);
  // An idle connection is kept for a minute.
  expect(performance.now() - started).toBeLessThan(20_000);
});
