/** MLflow's rules for which run is active, in one line of work. */
import { describe, expect, test } from 'vitest';
import {
  activeRun,
  endRun,
  flush,
  lastActiveRun,
  logMetric,
  logMetrics,
  logParam,
  logParams,
  setExperiment,
  setTag,
  setTags,
  setTrackingUri,
  startRun,
  withRun,
} from '../../src/fluent.js';
import { LogFailuresError, OptionError, ParamConflictError, RunActiveError } from '../../src/index.js';
import { Served } from '../server/served.js';
import { failureOf } from '../tracker/waiting.js';
import { fluentOnFile, forgetBetweenTests, runsOf } from './on-file.js';

forgetBetweenTests();

describe('a logging call', () => {
  test('without a run starts one, and those after it go to the same', async () => {
    const stored = fluentOnFile();
    expect(activeRun()).toBeUndefined();
    await logParam('lr', 0.1);
    const run = activeRun();
    expect(run).toBeDefined();
    logParams({ optimizer: { name: 'adam' } }, { prefix: 'config' });
    logMetric('loss', 0.5, 3, 1_700_000_000_000);
    logMetric('bare', 7);
    logMetrics({ a: 1, b: 2 }, 4);
    setTag('t', 'one');
    setTags({ t: 'two', u: 'three' });
    await endRun();
    expect(activeRun()).toBeUndefined();
    const id = run?.id ?? '';
    expect(stored.count('runs')).toBe(1);
    expect(stored.params(id)).toEqual({ lr: '0.1', 'config.optimizer.name': 'adam' });
    expect(stored.tags(id)).toEqual({ t: 'two', u: 'three' });
    expect(stored.metrics(id).map(({ key, value, step }) => [key, value, step])).toEqual([
      ['a', 1, 4],
      ['b', 2, 4],
      ['bare', 7, 0],
      ['loss', 0.5, 3],
    ]);
    expect(stored.metrics(id).find(({ key }) => key === 'loss')?.timestamp).toBe(1_700_000_000_000);
    expect(stored.run(id)?.status).toBe('FINISHED');
  });

  test('gives a receipt that can be awaited, and rejects for a conflict', async () => {
    fluentOnFile();
    await logParam('lr', 0.1);
    expect((await failureOf(ParamConflictError, logParam('lr', 0.2))).storedValue).toBe('0.1');
  });

  test('in an environment that can’t be fails at once, not after the training', () => {
    process.env.MLFLOW_TRACKING_URI = './mlruns';
    expect(() => logMetric('loss', 1)).toThrow(OptionError);
    expect(() => startRun()).toThrow(/mlruns/);
    expect(activeRun()).toBeUndefined();
  });

  test('does nothing, and says that it has landed, where headrace is switched off', async () => {
    process.env.HEADRACE_DISABLED = '1';
    const stored = fluentOnFile();
    await logParam('lr', 0.1);
    await withRun({ nested: true }, () => logMetric('loss', 1));
    await endRun();
    expect(activeRun()).toBeUndefined();
    expect(() => stored.count('runs')).toThrow();
  });
});

describe('startRun', () => {
  test('where a run is active throws, starts nothing, and names the ways out', async () => {
    const stored = fluentOnFile();
    const run = startRun({ runName: 'first' });
    expect(() => startRun()).toThrow(RunActiveError);
    expect(() => startRun()).toThrow(new RegExp(`run ${run.id} is active; .*endRun\\(\\).*nested: true.*withRun\\(\\)`));
    await expect(withRun({}, () => 1)).rejects.toThrow(RunActiveError);
    expect(activeRun()).toBe(run);
    await endRun();
    expect([...runsOf(stored).keys()]).toEqual(['first']);
  });

  test('with nested: true starts a child of the innermost run, and endRun ends them from the inside', async () => {
    const stored = fluentOnFile();
    startRun({ runName: 'parent' });
    startRun({ runName: 'child', nested: true });
    startRun({ runName: 'grandchild', nested: true });
    logParam('of', 'grandchild');
    await endRun('FAILED');
    logParam('of', 'child');
    await endRun('KILLED');
    logParam('of', 'parent');
    await endRun();
    expect(Object.fromEntries(runsOf(stored))).toEqual({
      parent: { status: 'FINISHED', params: { of: 'parent' }, parent: undefined },
      child: { status: 'KILLED', params: { of: 'child' }, parent: 'parent' },
      grandchild: { status: 'FAILED', params: { of: 'grandchild' }, parent: 'child' },
    });
    expect(await endRun()).toBeUndefined();
  });

  test('in a function that is awaited leaves its run active for the caller', async () => {
    const stored = fluentOnFile();
    async function setUp(): Promise<void> {
      await new Promise((resolve) => setTimeout(resolve, 1));
      startRun({ runName: 'of setUp' });
    }
    await setUp();
    await logParam('after', 'setUp');
    expect(runsOf(stored).get('of setUp')?.params).toEqual({ after: 'setUp' });
    expect(stored.count('runs')).toBe(1);
  });

  test('takes tags, a description, params, an experiment, and a parent by its id', async () => {
    const stored = fluentOnFile();
    const parent = startRun({ runName: 'parent' });
    await endRun();
    const run = startRun({
      runName: 'child',
      parentRunId: parent.id,
      tags: { a: 'b' },
      description: 'what it is about',
      params: { lr: 0.5 },
      experiment: 'elsewhere',
    });
    await endRun();
    expect(stored.tags(run.id)).toEqual({ a: 'b' });
    expect(stored.tag(run.id, 'mlflow.note.content')).toBe('what it is about');
    expect(runsOf(stored).get('child')).toMatchObject({ params: { lr: '0.5' }, parent: 'parent' });
    expect(stored.run(run.id)?.experiment).toBe('elsewhere');
  });

  test('goes on with an earlier run by its id; a nested one stays where it was', async () => {
    const stored = fluentOnFile();
    const first = startRun({ runName: 'first' });
    await endRun();
    startRun({ runName: 'outer' });
    expect(startRun({ runId: first.id, nested: true }).id).toBe(first.id);
    logParam('again', true);
    await endRun();
    await endRun();
    expect(runsOf(stored).get('first')).toEqual({ status: 'FINISHED', params: { again: 'true' }, parent: undefined });
  });

  test('goes on with the run of MLFLOW_RUN_ID, the first time only', async () => {
    const stored = fluentOnFile();
    const first = startRun({ runName: 'first' });
    await endRun();
    process.env.MLFLOW_RUN_ID = first.id;
    await logParam('resumed', 1);
    expect(activeRun()?.id).toBe(first.id);
    await endRun();
    await logParam('new', 1);
    expect(activeRun()?.id).not.toBe(first.id);
    expect(stored.params(first.id)).toEqual({ resumed: '1' });
  });

  test.each([null, 'name', 7])('refuses %j as its options', (options) => {
    fluentOnFile();
    // What a program without types may give.
    expect(() => startRun(options as never)).toThrow(OptionError);
    expect(activeRun()).toBeUndefined();
  });
});

describe('a run of startRun', () => {
  test('is active no more when it was ended by its own end, or by await using', async () => {
    const stored = fluentOnFile();
    const outer = startRun({ runName: 'outer' });
    {
      await using child = startRun({ runName: 'child', nested: true });
      child.logParam('of', 'child');
      logParam('too', 'child');
    }
    expect(activeRun()).toBe(outer);
    await outer.end('FAILED');
    expect(activeRun()).toBeUndefined();
    expect(Object.fromEntries(runsOf(stored))).toMatchObject({
      outer: { status: 'FAILED', params: {} },
      child: { status: 'FINISHED', params: { of: 'child', too: 'child' } },
    });
  });

  test('is what lastActiveRun gives after its end', async () => {
    fluentOnFile();
    const run = startRun();
    expect(lastActiveRun()).toBe(run);
    await endRun();
    expect(lastActiveRun()).toBe(run);
    let inner: unknown;
    await withRun({}, (own) => {
      inner = own;
    });
    expect(lastActiveRun()).toBe(inner);
  });
});

describe('setTrackingUri and setExperiment', () => {
  test('are for the runs that start later; one that is active stays where it is', async () => {
    const before = fluentOnFile();
    const old = startRun({ runName: 'old' });
    const after = fluentOnFile();
    setExperiment('later');
    logParam('where', 'before');
    await flush();
    expect(before.params(old.id)).toEqual({ where: 'before' });
    await endRun();
    const run = startRun();
    logParam('where', 'after');
    await flush();
    expect(after.params(run.id)).toEqual({ where: 'after' });
    expect(after.run(run.id)?.experiment).toBe('later');
    expect(before.count('runs')).toBe(1);
    expect(before.run(old.id)?.experiment).not.toBe('later');
  });

  test('are what child processes find in their environment', () => {
    process.env.MLFLOW_EXPERIMENT_ID = '17';
    const stored = fluentOnFile();
    setExperiment('iris');
    expect(process.env.MLFLOW_TRACKING_URI).toBe(stored.uri);
    expect([process.env.MLFLOW_EXPERIMENT_NAME, process.env.MLFLOW_EXPERIMENT_ID]).toEqual(['iris', undefined]);
  });

  test.each(['./mlruns', 'file:///tmp/mlruns', '', undefined, null])('refuse %j at once, and change nothing', (given) => {
    const stored = fluentOnFile();
    // What a program without types may give.
    expect(() => setTrackingUri(given as never)).toThrow(OptionError);
    expect(process.env.MLFLOW_TRACKING_URI).toBe(stored.uri);
    if (given !== './mlruns' && given !== 'file:///tmp/mlruns') expect(() => setExperiment(given as never)).toThrow(OptionError);
  });
});

describe('flush', () => {
  test('waits for every uri, tells what was refused, and tells it once', async () => {
    const one = fluentOnFile();
    const first = startRun();
    logParam('a', 1);
    const two = fluentOnFile();
    const second = startRun({ nested: true });
    logParam('a', 1);
    logParam('a$', 1);
    expect((await failureOf(LogFailuresError, flush())).keys).toEqual(['a$']);
    expect(one.params(first.id)).toEqual({ a: '1' });
    expect(two.params(second.id)).toEqual({ a: '1' });
    const report = await flush();
    expect(report.failed).toBeGreaterThanOrEqual(1);
    expect(report.failures).toEqual([]);
    expect(report.pending).toBe(0);
  });
});

test('on a server a nested run has its parent’s id there', async () => {
  const served = await Served.start();
  setTrackingUri(served.fake.url);
  const parent = startRun();
  const child = startRun({ nested: true });
  await withRun({ nested: true }, async (grandchild) => {
    await flush();
    const parentIds = [child, grandchild].map(async (run) => served.run(await run.storeId).tags.get('mlflow.parentRunId'));
    expect(await Promise.all(parentIds)).toEqual([await parent.storeId, await child.storeId]);
  });
  await endRun();
  await endRun();
});
