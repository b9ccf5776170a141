/** How a program ends that logs to PostgreSQL, and what sends what it could not. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { headrace } from '../cli/command.js';
import { Child, type Ended, useChildren } from '../exit/child.js';
import type { Plan } from '../exit/fixtures/dying.js';
import { newFolder } from '../store/place.js';
import type { Cluster } from './cluster.js';
import { MlflowDatabase } from './mlflow-database.js';
import { ownCluster } from './shared-server.js';

useChildren();

let cluster: Cluster;
let database: MlflowDatabase;
beforeAll(async () => {
  cluster = await ownCluster();
});
beforeEach(async () => {
  database = await MlflowDatabase.make(cluster.address);
});
afterAll(() => cluster?.remove());

const RECORDS = 5000;

function ownLines({ stderr }: Ended): string[] {
  return stderr.split('\n').filter((line) => line.startsWith('headrace:'));
}

async function stored(): Promise<{ records: number; statuses: string }> {
  const [row] = await database.rows<{ records: number; statuses: string }>(
    "SELECT (SELECT count(*) FROM params)::int + (SELECT count(*) FROM metrics)::int AS records, string_agg(status, ' ') AS statuses FROM runs",
  );
  return row ?? { records: 0, statuses: '' };
}

/** Everything that stands in the files below a folder. */
function textIn(folder: string): string {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, 'latin1'))
    .join('\n');
}

test.each<[Plan['way'], string]>([
  ['natural', 'FINISHED'],
  ['exit in the first tick', 'FINISHED'],
  ['exit later', 'FAILED'],
  ['throw', 'FAILED'],
  ['SIGTERM', 'KILLED'],
])('%s right after logging loses records', async (way, status) => {
  const plan: Plan = {
    way,
    records: RECORDS,
    delayMs: 50,
    handlerFirst: false,
    options: { uri: database.uri, journal: { dir: newFolder() } },
  };
  const ended = await new Child('dying.ts', [JSON.stringify(plan)]).ended;
  expect(ownLines(ended)).toEqual([]);
  expect(await stored()).toEqual({ records: RECORDS, statuses: status });
});

test('what could not be stored is lost, its password is kept in the journal, or doctor and sync have nothing to say', async () => {
  const folder = newFolder();
  const dir = join(folder, 'journals');
  const options = { uri: database.uri, journal: { dir }, retry: { minTimeout: 20, maxTimeout: 100 } };
  const child = new Child('ending.ts', ['leaves records behind', JSON.stringify(options)]);
  await child.said('ready');
  await cluster.stop('immediate');
  child.say('go');
  const ended = await child.ended;
  const display = database.uri.replace(/:[^:@]*@/, '@');
  expect(ownLines(ended)).toEqual([
    expect.stringContaining(`2000 of 2000 records and the end of 2 runs had not landed in ${display}; they are in the journal`),
  ]);
  expect(textIn(dir)).toContain(display);
  expect(textIn(dir)).not.toContain(database.server.password);

  const doctor = (): ReturnType<typeof headrace> =>
    headrace(folder, ['doctor', '--uri', display], { PGPASSWORD: database.server.password, HEADRACE_DIR: dir });
  const away = await doctor();
  expect([away.code, away.stdout]).toEqual([1, expect.stringContaining(`${display}: can't be reached: connect ECONNREFUSED`)]);
  await cluster.start();
  const back = await doctor();
  expect(back.stdout).toMatch(/answers in \d+ ms/);
  expect(back.stdout).toMatch(/PostgreSQL \d+\.\d+.*, \d+ of 200 connections taken/);
  expect(back.stdout).toContain("MLflow's schema of revision ");

  const without = await headrace(folder, ['sync', dir, '--wait', '1'], { HOME: folder });
  expect([without.code, without.stderr]).toEqual([1, expect.stringContaining('asks for the password')]);
  // By the environment, to where the journal says.
  const sent = await headrace(folder, ['sync', dir], { PGPASSWORD: database.server.password });
  expect([sent.code, sent.stdout]).toEqual([0, `${display}: 2,000 records of 2 runs stored\n`]);
  expect(await stored()).toEqual({ records: 2000, statuses: 'FAILED FAILED' });
});
