import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  ExperimentError,
  LogFailuresError,
  OptionError,
  ParamConflictError,
  RunDeletedError,
  RunNotFoundError,
} from '../../src/index.js';
import { Child, useChildren } from '../exit/child.js';
import { Stored } from './stored.js';
import { failureOf } from './waiting.js';

const NAMES = [
  'MLFLOW_RUN_ID',
  'MLFLOW_TRACKING_URI',
  'MLFLOW_EXPERIMENT_NAME',
  'MLFLOW_EXPERIMENT_ID',
  'MLFLOW_RUN_CONTEXT',
  'HEADRACE_DISABLED',
];

useChildren();
beforeEach(clearEnvironment);
afterEach(clearEnvironment);

function clearEnvironment(): void {
  for (const name of NAMES) delete process.env[name];
}

describe('startRun({ runId })', () => {
  test('goes on with a run of an earlier tracker: its params are compared with the stored ones', async () => {
    const stored = new Stored();
    const first = stored.tracker();
    const run = first.startRun({ name: 'mine', tags: { a: '1' } });
    run.logParams({ lr: 0.1, depth: 3 });
    await first.close();
    const endTime = stored.run(run.id)?.endTime;

    const tracker = stored.tracker();
    const again = tracker.startRun({ runId: run.id, tags: { b: '2' } });
    expect(again.id).toBe(run.id);
    await again.logParam('depth', 3);
    expect(stored.run(run.id)).toMatchObject({ status: 'RUNNING', name: 'mine', endTime });
    expect(await failureOf(ParamConflictError, again.logParam('lr', 0.2))).toMatchObject({
      storedValue: '0.1',
      newValue: '0.2',
      runId: run.id,
      // The file takes our ids.
      storeId: undefined,
      message: expect.stringContaining(`of run ${run.id} is stored`),
    });
    await again.logParam('new', 1);
    await again.end('FAILED');
    expect(stored.run(run.id)?.status).toBe('FAILED');
    expect(stored.params(run.id)).toEqual({ lr: '0.1', depth: '3', new: '1' });
    expect(stored.tags(run.id)).toEqual({ a: '1', b: '2' });
    expect(stored.count('runs')).toBe(1);
  });

  test('of a run that is open gives the same run', async () => {
    const stored = new Stored();
    const tracker = stored.tracker({ workers: 3 });
    const run = tracker.startRun();
    const same = tracker.startRun({ runId: run.id, tags: { t: 'v' }, params: { p: 1 } });
    expect(same).toBe(run);
    await tracker.flush();
    expect([stored.tags(run.id), stored.params(run.id)]).toEqual([{ t: 'v' }, { p: '1' }]);
  });

  test.each([1, 3])('of a run that is still ending waits for that end and loses nothing, with %i workers', async (workers) => {
    const stored = new Stored();
    const tracker = stored.tracker({ workers });
    for (let i = 0; i < 20; i++) {
      const run = tracker.startRun();
      run.logParam('k', 'first');
      void run.end('FAILED');
      const again = tracker.startRun({ runId: run.id });
      expect(again).not.toBe(run);
      const conflict = again.logParam('k', 'second');
      again.setTag('t', 'again');
      if (i % 2 === 0) await again.storeId;
      void again.end('KILLED', { throwOnFailure: false });
      const third = tracker.startRun({ runId: run.id });
      third.logParam('third', 1);
      expect(await failureOf(ParamConflictError, conflict)).toMatchObject({ storedValue: 'first' });
      await third.end('FINISHED');
      expect(stored.run(run.id)?.status).toBe('FINISHED');
      expect(stored.params(run.id)).toEqual({ k: 'first', third: '1' });
      expect(stored.tags(run.id)).toEqual({ t: 'again' });
    }
    expect(await tracker.close()).toMatchObject({ accepted: 20 * 4, landed: 20 * 3, failed: 20, pending: 0 });
  });

  test('of a run that is not there fails the receipts', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const run = tracker.startRun({ runId: 'f'.repeat(32) });
    const error = await failureOf(RunNotFoundError, run.logParam('k', 1));
    expect(error.message).toContain('f'.repeat(32));
    expect(run.logMetric('m', 1).state).not.toBe('landed');
    expect(await run.end('FINISHED', { throwOnFailure: false })).toMatchObject({ landed: 0, pending: 0 });
    expect(stored.count('runs')).toBe(0);
  });

  test('of a deleted run, or of one that is deleted meanwhile, fails the receipts', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const run = tracker.startRun();
    await run.logParam('k', 1);
    stored.exec(`UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = '${run.id}'`);
    await failureOf(RunDeletedError, run.logParam('k', 1));
    await failureOf(LogFailuresError, run.end());
    const other = stored.tracker();
    const again = other.startRun({ runId: run.id });
    await failureOf(RunDeletedError, again.logParam('k', 2));
    await failureOf(RunDeletedError, again.storeId);
    expect(stored.params(run.id)).toEqual({ k: '1' });
  });
});

describe('the environment, as MLflow’s own client reads it', () => {
  test('MLFLOW_RUN_ID names the first run and no other', async () => {
    const stored = new Stored();
    const first = stored.tracker().startRun();
    await first.end();
    process.env.MLFLOW_RUN_ID = first.id;
    const tracker = stored.tracker();
    const [run, next] = [tracker.startRun(), tracker.startRun()];
    expect(run.id).toBe(first.id);
    expect(next.id).not.toBe(first.id);
    expect(process.env.MLFLOW_RUN_ID).toBeUndefined();
    await tracker.close();
    expect(stored.count('runs')).toBe(2);
  });

  test('a runId in code leaves MLFLOW_RUN_ID for the next; one that is none is an OptionError', () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    process.env.MLFLOW_RUN_ID = 'a'.repeat(32);
    tracker.startRun({ runId: 'b'.repeat(32) });
    expect(process.env.MLFLOW_RUN_ID).toBe('a'.repeat(32));
    process.env.MLFLOW_RUN_ID = '../etc/passwd';
    expect(() => tracker.startRun()).toThrow(OptionError);
  });

  test('MLFLOW_TRACKING_URI and the experiment’s name or id', async () => {
    const stored = new Stored();
    process.env.MLFLOW_TRACKING_URI = stored.uri;
    process.env.MLFLOW_EXPERIMENT_NAME = 'from the environment';
    const byName = stored.tracker({ uri: undefined } as never);
    const named = byName.startRun();
    const inCode = byName.startRun({ experiment: 'from code' });
    await byName.close();
    expect(stored.run(named.id)?.experiment).toBe('from the environment');
    expect(stored.run(inCode.id)?.experiment).toBe('from code');
    delete process.env.MLFLOW_EXPERIMENT_NAME;
    const [row] = stored.rows("SELECT experiment_id AS id FROM experiments WHERE name = 'from code'");
    process.env.MLFLOW_EXPERIMENT_ID = String(row?.id);
    const byId = stored.tracker();
    const run = byId.startRun();
    await byId.close();
    expect(stored.run(run.id)?.experiment).toBe('from code');
    const inOptions = stored.tracker({ experiment: 'from options' });
    const optional = inOptions.startRun();
    await inOptions.close();
    expect(stored.run(optional.id)?.experiment).toBe('from options');
  });

  test('a name and an id that disagree fail the receipts, as does an id that is not there', async () => {
    const stored = new Stored();
    process.env.MLFLOW_EXPERIMENT_ID = '77';
    await failureOf(ExperimentError, stored.tracker().startRun().logParam('k', 1));
    process.env.MLFLOW_EXPERIMENT_ID = '0';
    process.env.MLFLOW_EXPERIMENT_NAME = 'not the default one';
    await failureOf(ExperimentError, stored.tracker().startRun().logParam('k', 1));
  });

  test('MLFLOW_RUN_CONTEXT gives tags, and what the call says goes before', async () => {
    const stored = new Stored();
    process.env.MLFLOW_RUN_CONTEXT = JSON.stringify({ team: 'env', host: 'h1', 'mlflow.source.name': 'job' });
    const run = stored.tracker().startRun({ tags: { team: 'code' } });
    await run.flush();
    expect(stored.tags(run.id)).toEqual({ team: 'code', host: 'h1' });
    expect(stored.tag(run.id, 'mlflow.source.name')).toBe('job');
  });

  test('the default tags of MLflow, and a parent', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const parent = tracker.startRun({ name: 'parent' });
    const child = tracker.startRun({ parentRunId: parent.id });
    const orphan = tracker.startRun({ parentRunId: 'of another file' });
    await tracker.flush();
    expect(stored.tag(child.id, 'mlflow.parentRunId')).toBe(parent.id);
    expect(stored.tag(orphan.id, 'mlflow.parentRunId')).toBe('of another file');
    expect(stored.tag(parent.id, 'mlflow.runName')).toBe('parent');
    expect(stored.tag(child.id, 'mlflow.user')).toBeTruthy();
    expect(stored.tag(child.id, 'mlflow.source.type')).toBe('LOCAL');
    expect(stored.tag(child.id, 'mlflow.source.name')).toBe(process.argv[1]);
    expect(stored.run(child.id)?.name).toMatch(/^[a-z]+-[a-z]+-\d+$/);
  });
});

describe('two processes that write one run at the same time', () => {
  test('with conflicting values: exactly one wins each key, and the other is told', { timeout: 60_000 }, async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    await run.flush();
    const children = ['one', 'two'].map((name) => new Child('writer.ts', [stored.uri, run.id, name]));
    await Promise.all(children.map((child) => child.said('ready')));
    for (const child of children) child.say('go');
    const ends = await Promise.all(children.map(({ ended }) => ended));
    const won = ends.map(({ code, stdout, stderr }) => {
      expect([code, stderr]).toEqual([0, '']);
      // Its own words, see writer.ts.
      return JSON.parse(stdout.split('\n')[1] ?? '') as { landed: number[]; refused: [key: number, stored: string][] };
    });
    const params = stored.params(run.id);
    expect(Object.keys(params)).toHaveLength(2000);
    for (let key = 0; key < 2000; key++) {
      const winners = won.flatMap(({ landed }, child) =>
        landed.includes(key) ? [`value of ${child === 0 ? 'one' : 'two'}`] : [],
      );
      expect(winners).toEqual([params[`key ${key}`]]);
    }
    for (const { refused } of won) for (const [key, value] of refused) expect(value).toBe(params[`key ${key}`]);
    // What both logged alike landed for both.
    expect(stored.count('metrics', run.id)).toBe(2000);
    expect(stored.rows('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  });

  test('two trackers in one process that make the file at once', async () => {
    const stored = new Stored();
    const trackers = Array.from({ length: 4 }, () => stored.tracker());
    const runs = trackers.map((tracker) => tracker.startRun({ experiment: 'shared' }));
    await Promise.all(runs.map((run, i) => run.logParam('k', i)));
    expect(stored.rows("SELECT count(*) AS n FROM experiments WHERE name = 'shared'")).toEqual([{ n: 1 }]);
    expect(runs.map((run) => stored.params(run.id).k)).toEqual(['0', '1', '2', '3']);
  });
});
