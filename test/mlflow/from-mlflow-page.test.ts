/** What docs/from-mlflow.md puts side by side is run, by MLflow and by headrace: both leave the same runs. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { programs, runProgram } from '../fluent/page.js';
import { query, type SqlValue } from './database.js';
import { mlflowEnvironment, pythonOf } from './mlflow-versions.js';

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'headrace-page-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A run that nobody has named has a random name. */
const NAME = "CASE WHEN name IN ('first', 'parent', 'child', 'refused') THEN name ELSE 'random' END";
const NAMED = `(SELECT run_uuid, status, experiment_id, ${NAME} AS name FROM runs)`;

/** Without what is different in any case: ids, times, and MLflow's own tags but the parent, which is told by its name. */
function leftIn(folder: string): Promise<readonly SqlValue[][][]> {
  return query(
    join(folder, 'mlflow.db'),
    `SELECT r.name, r.status, e.name FROM ${NAMED} r JOIN experiments e USING (experiment_id) ORDER BY 1, 2`,
    `SELECT r.name, p.key, p.value FROM ${NAMED} r JOIN params p USING (run_uuid) ORDER BY 1, 2`,
    `SELECT r.name, m.key, m.step, m.value FROM ${NAMED} r JOIN metrics m USING (run_uuid) ORDER BY 1, 2, 3, 4`,
    `SELECT r.name, t.key, t.value FROM ${NAMED} r JOIN tags t USING (run_uuid) WHERE t.key NOT LIKE 'mlflow.%' ORDER BY 1, 2`,
    `SELECT r.name, p.name FROM ${NAMED} r JOIN tags t USING (run_uuid) JOIN ${NAMED} p ON p.run_uuid = t.value
     WHERE t.key = 'mlflow.parentRunId'`,
  );
}

test.each([
  ['first', 0],
  ['of the rules', 1],
])('the program that comes %s leaves the same runs in Python and in JavaScript', async (_, place) => {
  const [python, js] = [programs('python')[place] ?? '', programs('js')[place] ?? ''];
  const [theirs, ours] = [await newFolder(), await newFolder()];
  await promisify(execFile)(await pythonOf(), ['-c', python], { cwd: theirs, env: mlflowEnvironment(), timeout: 90_000 });
  runProgram(js, ours);
  const [runs = [], ...rest] = await leftIn(ours);
  expect(runs.length).toBeGreaterThan(0);
  expect([runs, ...rest]).toEqual(await leftIn(theirs));
});
