/** What the database alone decides about a batch. */
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Item } from '../../src/store/store.js';
import { newRun, persist } from '../store/calls.js';
import type { MlflowDatabase } from './mlflow-database.js';
import { openedAt } from './place.js';
import { freshDatabase } from './shared-server.js';

let database: MlflowDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database?.drop());

const param = (key: string, value: string): Item => ({ kind: 'param', key, value });
const tag = (key: string, value: string): Item => ({ kind: 'tag', key, value });
const metric = (key: string, step: number): Item => ({ kind: 'metric', key, value: step, step, timestamp: 1 });

test('a row that the database refuses takes others with it', async () => {
  await database.rows(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN IF NEW.key LIKE 'bad%' THEN RAISE EXCEPTION 'no % here', NEW.key; END IF; RETURN NEW; END $$`);
  for (const table of ['params', 'metrics', 'tags']) {
    await database.rows(`CREATE TRIGGER refuse BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION refuse()`);
  }
  const store = await openedAt(database.uri);
  const run = newRun();
  await store.createRun(run);
  const items = Array.from({ length: 60 }, (_, i) => {
    const key = i % 17 === 3 ? `bad${i}` : `good${i}`;
    return i % 3 === 0 ? param(key, 'v') : i % 3 === 1 ? metric(key, i) : tag(key, 'v');
  });
  const outcomes = await store.land({ runId: run.id, items });
  expect(outcomes.map((outcome) => outcome?.message.replace(/.*no/, 'no'))).toEqual(
    items.map(({ key }) => (key.startsWith('bad') ? `no ${key} here` : undefined)),
  );
  expect(outcomes[3]).toMatchObject({ code: 'HEADRACE_BATCH_REFUSED', errorCode: 'P0001', runId: run.id });
  const stored = await database.rows<{ key: string }>(
    "SELECT key FROM params UNION ALL SELECT key FROM metrics UNION ALL SELECT key FROM tags WHERE key <> 'mlflow.runName'",
  );
  expect(stored.map(({ key }) => key).sort()).toEqual(
    items
      .map(({ key }) => key)
      .filter((key) => key.startsWith('good'))
      .sort(),
  );
  for (const table of ['params', 'metrics', 'tags']) await database.rows(`DROP TRIGGER refuse ON ${table}`);
});

test('whoever waits behind a lock is joined by one more at every try', async () => {
  const store = await openedAt(`${database.uri}?answer_timeout=1`);
  const run = newRun();
  await store.createRun(run);
  const holder = new Client({ ...database.server, host: '127.0.0.1', database: database.name });
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query('LOCK TABLE params IN ACCESS EXCLUSIVE MODE');
  const landed = persist(() => store.land({ runId: run.id, items: [param('p', 'v'), tag('t', 'v')] }));
  const waiting: number[] = [];
  for (let i = 0; i < 22; i++) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    waiting.push((await database.rows('SELECT 1 FROM pg_locks WHERE NOT granted')).length);
  }
  await holder.query('COMMIT');
  await holder.end();
  const { value, busy } = await landed;
  expect(value).toEqual([undefined, undefined]);
  expect(busy).toBeGreaterThan(1);
  expect(Math.max(...waiting)).toBeLessThanOrEqual(2);
  expect(await database.rows("SELECT value FROM tags WHERE key = 't' AND run_uuid = $1", run.id)).toEqual([{ value: 'v' }]);
});

test('a migration under the open store makes its prepared statements fail for good', async () => {
  const store = await openedAt(`${database.uri}?pool_size=1`);
  const run = newRun();
  await store.createRun(run);
  for (let i = 0; i < 8; i++) await store.land({ runId: run.id, items: [param(`before${i}`, 'v')] });
  await database.rows('ALTER TABLE params ADD COLUMN added int; ALTER TABLE runs ALTER COLUMN name TYPE varchar(300)');
  const { value } = await persist(() =>
    store.land({ runId: run.id, items: [param('before1', 'w'), param('after', 'v'), tag('t', 'v')] }),
  );
  expect(value.map((outcome) => outcome?.code)).toEqual(['HEADRACE_PARAM_CONFLICT', undefined, undefined]);
});

test('the experiment of a database from before workspaces is not found', async () => {
  await database.rows('ALTER TABLE experiments DROP COLUMN workspace; ALTER TABLE experiments ADD UNIQUE (name)');
  const store = await openedAt(database.uri);
  const runs = [newRun({ experiment: { name: 'old' } }), newRun({ experiment: { name: 'old' } })];
  for (const run of runs) await store.createRun(run);
  expect(await database.rows("SELECT name FROM experiments WHERE name = 'old'")).toHaveLength(1);
});
