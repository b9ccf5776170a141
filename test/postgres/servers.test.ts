/** What the other files stand on: the server, the schema, the pooler. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { Client } from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import { PROGRAM_BUNDLE } from '../program-bundle.js';
import { askDatabase } from './cluster.js';
import type { MlflowDatabase } from './mlflow-database.js';
import { Pgbouncer } from './pgbouncer.js';
import { freshDatabase, ownCluster } from './shared-server.js';

async function droppedAfterwards(): Promise<MlflowDatabase> {
  const database = await freshDatabase();
  onTestFinished(() => database.drop());
  return database;
}

test('every database is MLflow’s, empty, and its own', async () => {
  const [one, other] = [await droppedAfterwards(), await droppedAfterwards()];
  expect(await one.rows('SELECT version_num FROM alembic_version')).toEqual([{ version_num: 'dc11669786a5' }]);
  await one.rows("INSERT INTO experiments (name, lifecycle_stage) VALUES ('only here', 'active')");
  expect(await one.rows('SELECT name FROM experiments')).toEqual([{ name: 'only here' }]);
  expect(await other.rows('SELECT name FROM experiments')).toEqual([]);
});

test('nobody gets in without the password', async () => {
  const database = await droppedAfterwards();
  const wrong = { ...database.server, password: 'wrong' };
  await expect(askDatabase(wrong, database.name, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
});

test('what was committed is there after a crash of the server', async () => {
  const cluster = await ownCluster();
  onTestFinished(() => cluster.remove());
  await askDatabase(cluster.address, 'postgres', 'CREATE TABLE kept AS SELECT 1 AS it');
  await cluster.restart('immediate');
  expect(await askDatabase(cluster.address, 'postgres', 'SELECT it FROM kept')).toEqual([{ it: 1 }]);
});

test('the pooler gives its one connection to another client after each transaction', async () => {
  const database = await droppedAfterwards();
  const pgbouncer = await Pgbouncer.start(database.server, { default_pool_size: 1 });
  const clients = [0, 1].map(() => new Client({ ...pgbouncer.address, host: '127.0.0.1', database: database.name }));
  onTestFinished(async () => {
    for (const client of clients) await client.end();
    await pgbouncer.stop();
  });
  const backends: unknown[] = [];
  for (const client of clients) {
    await client.connect();
    backends.push((await client.query('SELECT pg_backend_pid() AS pid')).rows);
  }
  expect(backends[0]).toEqual(backends[1]);
});

test('a server ends with the program that started it, also when that is killed', async () => {
  const program = fileURLToPath(new URL(`../../.test-workers/postgres-abandon-${process.pid}.mjs`, import.meta.url));
  onTestFinished(() => rm(program, { force: true }));
  await build({
    entryPoints: [fileURLToPath(new URL('children/abandon.ts', import.meta.url))],
    outfile: program,
    ...PROGRAM_BUNDLE,
  });
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const [told] = await once(child.stdout.setEncoding('utf8'), 'data');
  const [pid = '', data = ''] = String(told).trim().split(' ');
  expect(isAlive(Number(pid))).toBe(true);
  child.kill('SIGKILL');
  await vi.waitFor(() => expect(isAlive(Number(pid)) || existsSync(data)).toBe(false), { timeout: 20_000 });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
