import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { StoreUnavailableError } from '../../src/errors.js';
import { MigrationWatch } from '../../src/store/sqlite/migration-watch.js';
import { type Item, StoreBusyError } from '../../src/store/store.js';
import { failure, newRun, persist } from './calls.js';
import { Place } from './place.js';

/** As MLflow 3.10 and later have the table: names are unique within a workspace only. */
const WORKSPACES = `
  PRAGMA foreign_keys = OFF;
  CREATE TABLE _alembic_tmp_experiments (
    experiment_id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(256) NOT NULL, artifact_location VARCHAR(256), lifecycle_stage VARCHAR(32),
    creation_time BIGINT, last_update_time BIGINT, workspace VARCHAR(63) DEFAULT 'default' NOT NULL, UNIQUE (workspace, name)
  );
  INSERT INTO _alembic_tmp_experiments SELECT *, 'default' FROM experiments;
  DROP TABLE experiments;
  ALTER TABLE _alembic_tmp_experiments RENAME TO experiments;
  UPDATE alembic_version SET version_num = '1b5f0d9ad7c1';
`;

const items: readonly Item[] = [
  { kind: 'param', key: 'p', value: '1' },
  { kind: 'metric', key: 'm', value: 1, step: 0, timestamp: 1 },
  { kind: 'tag', key: 't', value: '1' },
];

async function made(): Promise<Place> {
  const place = new Place();
  const store = await place.opened();
  await store.close();
  return place;
}

function mode(place: Place): unknown {
  return place.rows('PRAGMA journal_mode')[0]?.journal_mode;
}

describe('a file that is there already', () => {
  test('of zero bytes gets the schema', async () => {
    const place = new Place();
    writeFileSync(place.path, '');
    const store = await place.opened();
    await store.createRun(newRun());
    expect(place.rows('SELECT version_num FROM alembic_version')).toHaveLength(1);
  });

  test('of a later revision is written as it is: nothing migrated, no table added, no row lost', async () => {
    const place = await made();
    place.exec(
      `${WORKSPACES}; DROP TABLE headrace_meta; CREATE TABLE workspaces (name TEXT); CREATE INDEX more ON metrics (run_uuid, key, step)`,
    );
    const before = place.rows('SELECT type, name, sql FROM sqlite_master ORDER BY name');
    const store = await place.opened();
    const run = newRun({ experiment: { name: 'new' } });
    await store.createRun(run);
    expect(await store.land({ runId: run.id, items })).toEqual([undefined, undefined, undefined]);
    expect(place.rows('SELECT type, name, sql FROM sqlite_master ORDER BY name')).toEqual(before);
    expect(place.rows('SELECT version_num FROM alembic_version')).toEqual([{ version_num: '1b5f0d9ad7c1' }]);
    expect(place.rows('SELECT name, workspace FROM experiments ORDER BY experiment_id')).toEqual([
      { name: 'Default', workspace: 'default' },
      { name: 'new', workspace: 'default' },
    ]);
    expect(place.problems()).toEqual([]);
  });

  test('with workspaces: an experiment of the same name in another workspace is not ours, also when MLflow migrates meanwhile', async () => {
    const place = await made();
    const store = await place.opened();
    await store.createRun(newRun({ experiment: { name: 'before' } }));
    place.exec(
      `${WORKSPACES}; INSERT INTO experiments (experiment_id, name, lifecycle_stage, workspace) VALUES (70, 'digits', 'active', 'other')`,
    );
    const run = newRun({ experiment: { name: 'digits' } });
    await store.createRun(run);
    expect(
      place.rows(
        'SELECT workspace, artifact_location FROM runs JOIN experiments USING (experiment_id) WHERE run_uuid = ?',
        run.id,
      ),
    ).toEqual([{ workspace: 'default', artifact_location: `${place.folder}/mlruns/71` }]);
  });

  test('without an experiment 0 gets it with the first run that wants it', async () => {
    const place = await made();
    place.exec('DELETE FROM experiments');
    const run = newRun();
    await (await place.opened()).createRun(run);
    expect(place.rows('SELECT experiment_id, name, artifact_location FROM experiments')).toEqual([
      { experiment_id: 0, name: 'Default', artifact_location: `${place.folder}/mlruns/0` },
    ]);
  });

  test('in a rollback journal is put into a WAL, and MLflow’s connections keep it', async () => {
    const place = await made();
    place.exec('PRAGMA journal_mode = DELETE');
    await (await place.opened()).close();
    expect(mode(place)).toBe('wal');
  });

  test.each([
    ['s3://bucket/path?versionId=1', 's3://bucket/path/RUN/artifacts?versionId=1'],
    ['mlflow-artifacts:/5', 'mlflow-artifacts:/5/RUN/artifacts'],
    ['/data/a?b/', '/data/a?b/RUN/artifacts'],
    [null, null],
  ])('with an experiment whose artifacts lie at %s: a run’s lie below it, as MLflow appends', async (location, expected) => {
    const place = await made();
    place.exec(`UPDATE experiments SET artifact_location = ${location === null ? 'NULL' : `'${location}'`}`);
    const run = newRun();
    await (await place.opened()).createRun(run);
    expect(place.rows('SELECT artifact_uri FROM runs')).toEqual([{ artifact_uri: expected?.replace('RUN', run.id) ?? null }]);
  });

  test('of another program is refused and not changed by a byte', async () => {
    const place = new Place();
    place.exec('CREATE TABLE customers (name TEXT); CREATE TABLE orders (id INTEGER)');
    const before = readFileSync(place.path);
    const error = await failure(place.store().open());
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error).toMatchObject({ message: expect.stringMatching(/another program.*customers, orders.*name a new file/) });
    expect(readFileSync(place.path).equals(before)).toBe(true);
  });

  test.each([
    ['ALTER TABLE metrics DROP COLUMN is_nan', 'column metrics.is_nan'],
    ['DROP TABLE latest_metrics', 'table latest_metrics'],
  ])('after "%s" is refused with what is missing, its revision and the remedy, and not changed', async (sql, missing) => {
    const place = await made();
    // The check on is_nan names the column: SQLite would not drop it.
    place.exec('DROP TABLE metrics; CREATE TABLE metrics (key, value, timestamp, run_uuid, step, is_nan)');
    place.exec(`${sql}; UPDATE alembic_version SET version_num = '90e64c465722'; PRAGMA journal_mode = DELETE`);
    const before = readFileSync(place.path);
    const error = await failure(persist(() => place.store().open(), 500));
    // Each store is new and gives MLflow time to finish; one that keeps trying is told in the end.
    expect(error).toBeInstanceOf(StoreBusyError);
    const store = place.store();
    const last = await failure(persist(() => store.open()));
    expect(last).toBeInstanceOf(StoreUnavailableError);
    expect(last).toMatchObject({ message: expect.stringContaining(missing) });
    expect(last).toMatchObject({ message: expect.stringMatching(/revision 90e64c465722.*mlflow db upgrade/) });
    expect(readFileSync(place.path).equals(before)).toBe(true);
  });
});

describe('a file that MLflow migrates at this moment, statement by statement', () => {
  test('a table that is away for a moment is waited for, by a run that starts and by rows that land', async () => {
    const place = await made();
    const store = await place.opened();
    const run = newRun();
    await store.createRun(run);
    const away = ['experiments', 'params'];
    place.exec(away.map((table) => `ALTER TABLE ${table} RENAME TO _alembic_tmp_${table}`).join(';'));
    const back = new Promise((resolve) => setTimeout(resolve, 500)).then(() =>
      place.exec(away.map((table) => `ALTER TABLE _alembic_tmp_${table} RENAME TO ${table}`).join(';')),
    );
    const [landed, created] = await Promise.all([
      persist(() => store.land({ runId: run.id, items })),
      persist(() => store.createRun(newRun({ experiment: { name: 'meanwhile' } }))),
    ]);
    await back;
    expect(landed.value).toEqual([undefined, undefined, undefined]);
    expect([landed.busy > 0, created.busy > 0]).toEqual([true, true]);
    expect(place.rows('SELECT key FROM params')).toEqual([{ key: 'p' }]);
  });

  test('a file that MLflow is still making is waited for and then used', async () => {
    const place = await made();
    place.exec('ALTER TABLE tags RENAME TO later');
    const store = place.store();
    const opening = persist(() => store.open());
    setTimeout(() => place.exec('ALTER TABLE later RENAME TO tags'), 300);
    expect((await opening).busy).toBeGreaterThan(0);
    await store.createRun(newRun());
  });

  test('patience lasts as long as the schema keeps changing, and ends two seconds after', () => {
    const watch = new MigrationWatch();
    expect([
      watch.mayMend(7, 0),
      watch.mayMend(7, 1999),
      watch.mayMend(7, 2000),
      watch.mayMend(8, 2000),
      watch.mayMend(8, 4001),
    ]).toEqual([true, true, false, true, false]);
  });
});
