import { expect, test } from 'vitest';
import { WRITTEN_TABLES } from '../../src/store/sqlite/schema.js';
import facts from './fixtures/mlflow-0584bdc529eb.json' with { type: 'json' };
import { Place } from './place.js';
import { otherObjects, schemaFacts, tableNames } from './schema-facts.js';

test('a new file has the tables of MLflow 2.22.5 and headrace_meta, and no other', async () => {
  const place = new Place();
  await place.opened();
  expect(tableNames(place.raw())).toEqual([...Object.keys(facts.tables), 'headrace_meta'].sort());
});

test('each table has MLflow’s columns, types, defaults, checks, keys, foreign keys, indexes, and the names of its constraints', async () => {
  const place = new Place();
  await place.opened();
  const raw = place.raw();
  expect(schemaFacts(raw, Object.keys(facts.tables))).toEqual(facts.tables);
  expect(otherObjects(raw)).toEqual(facts.others);
});

test('a new file says its revision, who made it, and has MLflow’s experiment 0', async () => {
  const place = new Place();
  const before = Date.now();
  await place.opened({ version: '9.8.7' });
  expect(place.rows('SELECT * FROM alembic_version')).toEqual([{ version_num: facts.revision }]);
  expect(place.rows('SELECT * FROM headrace_meta')).toEqual([{ name: 'created_by', value: 'headrace 9.8.7' }]);
  const [experiment, ...others] = place.rows('SELECT * FROM experiments');
  expect(others).toEqual([]);
  expect(experiment).toMatchObject({
    experiment_id: 0,
    name: 'Default',
    artifact_location: `${place.folder}/mlruns/0`,
    lifecycle_stage: 'active',
    creation_time: experiment?.last_update_time,
  });
  expect(experiment?.creation_time).toBeGreaterThanOrEqual(before);
  expect(place.problems()).toEqual([]);
});

test('the tables that are written are among MLflow’s, with the columns that the check of other revisions asks for', () => {
  const known = new Map(Object.entries(facts.tables).map(([name, table]) => [name, table.columns.map((column) => column.name)]));
  for (const [table, columns] of WRITTEN_TABLES) expect(columns).toEqual(known.get(table));
});
