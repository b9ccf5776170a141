/** A database that headrace wrote, in the hands of MLflow. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createTracker } from '../../src/index.js';
import { faults, query, revisionOf, schemaOf } from './database.js';
import { DatabaseFolder } from './database-folder.js';
import { MlflowClient } from './mlflow-client.js';
import { MlflowServer } from './mlflow-server.js';
import { MLFLOWS, pythonOf } from './mlflow-versions.js';
import { expectExperiments, expectRuns, type LoggedRun, logSampleRuns } from './sample-runs.js';

/** What headrace gives a new file: the schema of MLflow 2.18 to 2.22. */
const NEW_FILE_REVISION = '0584bdc529eb';

let folder: DatabaseFolder;
let logged: readonly LoggedRun[];

beforeAll(async () => {
  folder = await DatabaseFolder.make();
  logged = await logSampleRuns(folder.uri('written.db'));
});

afterAll(() => folder.remove());

test('SQLite finds no fault in a file that headrace wrote', async () => {
  expect(await faults(folder.file('written.db'))).toEqual([]);
  expect(await revisionOf(folder.file('written.db'))).toBe(NEW_FILE_REVISION);
});

describe.each(MLFLOWS)('MLflow %s', (version) => {
  let python: string;
  let client: MlflowClient;
  let user: string;

  beforeAll(async () => {
    python = await pythonOf(version);
    await folder.copy('written.db', `client-${version}.db`);
    client = new MlflowClient(python, folder.path);
    const about = await client.about();
    expect(about.version).toBe(version);
    user = about.user;
  });

  afterAll(() => client?.stop());

  test('the Python client shows every run as it was logged', async () => {
    const uri = folder.uri(`client-${version}.db`);
    const seen = { experiments: await client.experiments(uri), runs: await client.runs(uri) };
    expectExperiments(seen.experiments, logged, folder.path);
    expectRuns(seen, logged, { folder: folder.path, user });
    expect(await faults(folder.file(`client-${version}.db`))).toEqual([]);
  });

  test('mlflow.search_runs shows every run as it was logged', async () => {
    const uri = folder.uri(`client-${version}.db`);
    const rows = new Map((await client.searchRuns(uri)).map((row) => [row['run_id'], row]));
    expect(new Set(rows.keys())).toEqual(new Set(logged.map(({ id }) => id)));
    for (const run of logged) {
      const row = rows.get(run.id) ?? expect.unreachable();
      expect(row['status']).toBe(run.status);
      expect(row['start_time']).toBeGreaterThanOrEqual(run.started[0]);
      expect(row['end_time']).toBeLessThanOrEqual(run.ended[1]);
      const cells = Object.fromEntries(Object.entries(row).filter(([column]) => /^(params|metrics)\./.test(column)));
      expect(cells).toEqual(
        Object.fromEntries([
          ...run.params.map(([key, value]) => [`params.${key}`, value]),
          // A data frame has one mark for NaN and for nothing.
          ...run.metrics.filter(([, value]) => !Number.isNaN(value)).map(([key, value]) => [`metrics.${key}`, value]),
        ]),
      );
      for (const [key, value] of run.tags) expect(row[`tags.${key}`]).toBe(value);
    }
  });

  test("MLflow's search finds runs by what headrace logged", async () => {
    const uri = folder.uri(`client-${version}.db`);
    const named = (name: string): string[] => logged.filter((run) => run.name === name).map(({ id }) => id);
    expect(await client.findRuns(uri, 'Default', "params.`optimizer.lr` = '0.001'")).toEqual(named('a config'));
    expect(await client.findRuns(uri, 'curves', 'metrics.loss < 0.001')).toEqual(named('long history'));
    expect(await client.findRuns(uri, 'nested', "attributes.status = 'KILLED'")).toEqual(named('child KILLED'));
    const [parent] = named('parent');
    expect(
      await client.findRuns(uri, 'nested', `tags.mlflow.parentRunId = '${parent}' and attributes.run_name = 'child FINISHED'`),
    ).toEqual(named('child FINISHED'));
  });

  test('the tables are those that this MLflow makes itself', async () => {
    for (const name of [`client-${version}.db`, `own-${version}.db`]) await client.experiments(folder.uri(name));
    const { headrace_meta: meta, ...tables } = await schemaOf(folder.file(`client-${version}.db`));
    const expected = await schemaOf(folder.file(`own-${version}.db`));
    expect(Object.keys(expected).length).toBeGreaterThan(15);
    expect(Object.keys(tables)).toEqual(Object.keys(expected));
    // One by one, so that a failure names the table.
    for (const [name, table] of Object.entries(expected)) expect([name, tables[name]]).toEqual([name, table]);
    expect(meta?.columns.map(([name]) => name)).toEqual(['name', 'value']);
    expect(await revisionOf(folder.file(`client-${version}.db`))).toBe(await revisionOf(folder.file(`own-${version}.db`)));
  });

  test('headrace writes on into the file after this MLflow has opened it, and MLflow reads on', async () => {
    const uri = folder.uri(`client-${version}.db`);
    await client.experiments(uri);
    const revision = await revisionOf(folder.file(`client-${version}.db`));
    const more = await logSampleRuns(uri);
    // A new process: MLflow checks the file again.
    const fresh = new MlflowClient(python, folder.path);
    onTestFinished(() => fresh.stop());
    const seen = { experiments: await fresh.experiments(uri), runs: await fresh.runs(uri) };
    expectExperiments(seen.experiments, logged, folder.path);
    expectRuns(seen, [...logged, ...more], { folder: folder.path, user });
    expect(await revisionOf(folder.file(`client-${version}.db`))).toBe(revision);
    expect(await faults(folder.file(`client-${version}.db`))).toEqual([]);
  });

  test('a server that opens the file while headrace writes serves it all, and no row is lost', async () => {
    const name = `server-${version}.db`;
    await folder.copy('written.db', name);
    const tracker = createTracker({ uri: folder.uri(name) });
    onTestFinished(async () => {
      await tracker.close({ throwOnFailure: false });
    });
    // Writes from before the migration until well after it, through one connection.
    const run = tracker.startRun({ experiment: 'under way', name: 'through a migration' });
    await run.storeId;
    let step = 0;
    const write = (): void => {
      run.logParam(`param.${step}`, step);
      for (const key of ['a', 'b', 'c']) run.logMetric(key, step, step, 1_700_000_000_000 + step);
      run.setTag('step', String(step));
      step++;
    };
    const writer = setInterval(write, 10);
    onTestFinished(() => clearInterval(writer));
    const server = await MlflowServer.start(python, folder.path, folder.uri(name));
    onTestFinished(() => server.stop());
    expect(step).toBeGreaterThan(50);

    // Another process's run, by way of the server, while headrace goes on.
    const before = step;
    // The API's own shape.
    const created = (await server.post('runs/create', { experiment_id: '0', run_name: 'by REST', start_time: Date.now() })) as {
      run: { info: { run_id: string } };
    };
    const rest = created.run.info.run_id;
    const batches = 60;
    for (let i = 0; i < batches; i++) {
      await server.post('runs/log-batch', {
        run_id: rest,
        params: [{ key: `param.${i}`, value: String(i) }],
        metrics: [{ key: 'loss', value: i, timestamp: i, step: i }],
        tags: [{ key: 'step', value: String(i) }],
      });
    }
    // An experiment that headrace makes in a file of the server's revision.
    const late = tracker.startRun({ experiment: 'made meanwhile', name: 'late' });
    late.logParam('a', 1);
    await late.end();
    expect(step).toBeGreaterThan(before + 10);
    clearInterval(writer);
    await run.end();
    expect((await tracker.close()).failed).toBe(0);

    const shown = { experiments: await server.experiments(), runs: await server.runs() };
    const others = new Set([run.id, late.id, rest]);
    const names = new Set(['under way', 'made meanwhile']);
    expectExperiments(
      shown.experiments.filter((experiment) => !names.has(experiment.name)),
      logged,
      folder.path,
    );
    expectRuns({ ...shown, runs: shown.runs.filter(({ id }) => !others.has(id)) }, logged, { folder: folder.path, user });
    const underWay = shown.runs.find(({ id }) => id === run.id) ?? expect.unreachable();
    expect(underWay.params).toHaveLength(step);
    expect(underWay.history).toHaveLength(3 * step);
    expect(underWay.metrics).toEqual(['a', 'b', 'c'].map((key) => [key, step - 1]));
    expect(underWay.tags).toContainEqual(['step', String(step - 1)]);
    expect(underWay.status).toBe('FINISHED');
    const byRest = shown.runs.find(({ id }) => id === rest) ?? expect.unreachable();
    expect(byRest.params).toHaveLength(batches);
    expect(byRest.history).toHaveLength(batches);
    expect(shown.runs.find(({ id }) => id === late.id)?.params).toEqual([['a', '1']]);
    expect(shown.experiments.map((experiment) => experiment.name)).toContain('made meanwhile');

    // The server's own rows and headrace's, counted in the file.
    const [counts] = await query(
      folder.file(name),
      `SELECT (SELECT count(*) FROM params WHERE run_uuid = '${run.id}'), (SELECT count(*) FROM metrics WHERE run_uuid = '${run.id}'),
              (SELECT count(*) FROM params WHERE run_uuid = '${rest}'), (SELECT count(*) FROM metrics WHERE run_uuid = '${rest}')`,
    );
    expect(counts).toEqual([[step, 3 * step, batches, batches]]);
    expect(await revisionOf(folder.file(name))).toBe(await revisionOf(folder.file(`client-${version}.db`)));
    expect(await faults(folder.file(name))).toEqual([]);
    expect(server.log).not.toContain('database is locked');
  });
});
