/** A database that MLflow made, in the hands of headrace: used as it is. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createTracker, ExperimentError, RunDeletedError } from '../../src/index.js';
import { faults, query, revisionOf, type SqlValue } from './database.js';
import { DatabaseFolder } from './database-folder.js';
import { MlflowClient } from './mlflow-client.js';
import { MLFLOWS, pythonOf } from './mlflow-versions.js';
import { expectRuns, logSampleRuns } from './sample-runs.js';

/** Every word of the schema, as SQLite keeps it. */
const WHOLE_SCHEMA = 'SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2';

let folder: DatabaseFolder;

beforeAll(async () => {
  folder = await DatabaseFolder.make();
});

afterAll(() => folder.remove());

describe.each(MLFLOWS)('a file of MLflow %s', (version) => {
  let client: MlflowClient;
  let user: string;
  let uri: string;
  let path: string;

  beforeAll(async () => {
    uri = folder.uri(`mlflow-${version}.db`);
    path = folder.file(`mlflow-${version}.db`);
    client = new MlflowClient(await pythonOf(version), folder.path);
    user = (await client.about()).user;
    await client.call(uri, 'create_experiment', { name: 'curves' });
  });

  afterAll(() => client?.stop());

  test('headrace writes into it without changing its revision or a word of its schema', async () => {
    const curves = await client.call(uri, 'create_experiment', { name: 'made by Python' });
    const theirs = await client.call(uri, 'create_run', { experiment_id: curves, run_name: 'of Python' });
    await client.call(uri, 'log_param', { run_id: theirs, key: 'a', value: 1 });
    const before = await state();
    const theirRun = await client.run(uri, theirs);

    const logged = await logSampleRuns(uri);

    expect(await state()).toEqual(before);
    const seen = { experiments: await client.experiments(uri), runs: await client.runs(uri) };
    expectRuns({ ...seen, runs: seen.runs.filter(({ id }) => id !== theirs) }, logged, { folder: folder.path, user });
    expect(seen.runs.find(({ id }) => id === theirs)).toEqual(theirRun);
    // 'curves' was there: no second one of that name.
    expect(seen.experiments.map(({ name }) => name).toSorted()).toEqual(
      [...new Set([...logged.map(({ experiment }) => experiment), 'made by Python'])].toSorted(),
    );
    expect(await faults(path)).toEqual([]);
  });

  test('what Python deletes takes no records from headrace until Python restores it', async () => {
    const experiment = await client.call(uri, 'create_experiment', { name: 'to be deleted' });
    const runId = await client.call(uri, 'create_run', { experiment_id: experiment });
    const tracker = createTracker({ uri });
    onTestFinished(async () => {
      await tracker.close({ throwOnFailure: false });
    });

    await client.call(uri, 'delete_run', { run_id: runId });
    const deleted = tracker.startRun({ runId });
    await expect(deleted.storeId).rejects.toThrow(RunDeletedError);
    await expect(deleted.logParam('a', 1)).rejects.toThrow(RunDeletedError);
    await deleted.end('FINISHED', { throwOnFailure: false });
    await client.call(uri, 'restore_run', { run_id: runId });

    const open = tracker.startRun({ runId });
    await open.logParam('a', 1);
    await client.call(uri, 'delete_experiment', { experiment_id: experiment });
    await expect(open.logParam('b', 2)).rejects.toThrow(RunDeletedError);
    const late = tracker.startRun({ experiment: 'to be deleted' });
    await expect(late.storeId).rejects.toThrow(ExperimentError);
    await late.end('FINISHED', { throwOnFailure: false });
    await client.call(uri, 'restore_experiment', { experiment_id: experiment });
    await open.logParam('c', 3);
    await open.end();

    const { params, status } = await client.run(uri, runId);
    expect({ params, status }).toEqual({
      params: [
        ['a', '1'],
        ['c', '3'],
      ],
      status: 'FINISHED',
    });
  });

  async function state(): Promise<readonly SqlValue[][]> {
    const [schema = []] = await query(path, WHOLE_SCHEMA);
    expect(schema.length).toBeGreaterThan(15);
    return [[await revisionOf(path)], ...schema];
  }
});
