import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { createTracker, OptionError, type StartRunOptions, StoreUnavailableError, type TrackerOptions } from '../../src/index.js';
import { newFolder, Stored } from './stored.js';
import { failureOf } from './waiting.js';

afterEach(() => {
  delete process.env.HEADRACE_DISABLED;
  delete process.env.MLFLOW_TRACKING_URI;
});

function refusal(options: unknown): OptionError {
  try {
    // What the types forbid is what a caller of JavaScript can do.
    const tracker = createTracker(options as TrackerOptions);
    onTestFinished(() => void tracker.close());
  } catch (error) {
    if (error instanceof OptionError) return error;
    throw error;
  }
  throw new Error(`${JSON.stringify(options)} was taken`);
}

describe('an option that can’t be is an OptionError that names it and what it got', () => {
  const bad: [option: string, received: string, options: unknown][] = [
    ['options', 'null', null],
    ['options', '7', 7],
    ['options', 'an object', ['x']],
    ['wrokers', 'an unknown option', { wrokers: 2 }],
    ['uri', '""', { uri: '' }],
    ['uri', '5', { uri: 5 }],
    ['experiment', '""', { experiment: '' }],
    ['experiment', 'an object', { experiment: {} }],
    ['workers', '0', { workers: 0 }],
    ['workers', '1.5', { workers: 1.5 }],
    ['workers', '"2"', { workers: '2' }],
    ['workers', '1000', { workers: 1000 }],
    ['ringBytes', '5000', { ringBytes: 5000 }],
    ['ringBytes', '2048', { ringBytes: 2048 }],
    ['ringBytes', 'NaN', { ringBytes: Number.NaN }],
    ['batch', 'true', { batch: true }],
    ['batch.maxParams', '0', { batch: { maxParams: 0 } }],
    ['batch.maxMetrics', '-1', { batch: { maxMetrics: -1 } }],
    ['batch.maxTags', '1e+21', { batch: { maxTags: 1e21 } }],
    ['batch.maxEntities', 'NaN', { batch: { maxEntities: Number.NaN } }],
    ['batch.maxBytes', '0', { batch: { maxBytes: 0 } }],
    ['batch.lingerMs', '-5', { batch: { lingerMs: -5 } }],
    ['batch.max', 'an unknown option', { batch: { max: 1 } }],
    ['retry', '"often"', { retry: 'often' }],
    ['retry.retries', '-1', { retry: { retries: -1 } }],
    ['retry.minTimeout', 'NaN', { retry: { minTimeout: Number.NaN } }],
    ['retry.maxTimeout', '10', { retry: { minTimeout: 100, maxTimeout: 10 } }],
    ['retry.factor', '0', { retry: { factor: 0 } }],
    ['retry.maxRetryTime', '"1s"', { retry: { maxRetryTime: '1s' } }],
    ['retry.randomize', '1', { retry: { randomize: 1 } }],
    ['retry.forever', 'an unknown option', { retry: { forever: true } }],
    ['durability', '"disk"', { durability: 'disk' }],
    ['onFull', '"drop"', { onFull: 'drop' }],
    ['blockTimeoutMs', '-1', { blockTimeoutMs: -1 }],
    ['separator', '"_"', { separator: '_' }],
    ['valueFormat', '"json"', { valueFormat: 'json' }],
    ['onLongValue', '"cut"', { onLongValue: 'cut' }],
    ['exitTimeoutMs', 'NaN', { exitTimeoutMs: Number.NaN }],
    ['signals', '"no"', { signals: 'no' }],
    ['enabled', '0', { enabled: 0 }],
    ['enabled', 'Symbol(yes)', { enabled: Symbol('yes') }],
  ];
  test.each(bad)('%s: got %s', (option, received, options) => {
    const error = refusal(options);
    expect(error).toMatchObject({ code: 'HEADRACE_OPTION', option, received });
    expect(error.message).toMatch(new RegExp(`^${option.replaceAll('.', '\\.')}: got .*; expected `));
  });

  test.each([
    './mlruns',
    'mlruns',
    'file:///tmp/mlruns',
    'http://localhost:5000',
    'https://user:pa55word@mlflow.example.org',
    'postgresql://user:pa55word@db/mlflow',
    'mysql+pymysql://root:pa55word@db/mlflow',
    'databricks',
    'sqlite://',
    'sqlite:///:memory:',
    'sqlite:relative.db',
  ])('a uri that isn’t served: %s', (uri) => {
    for (const error of [refusal({ uri }), fromEnvironment(uri)]) {
      expect(error.option).toBe('uri');
      expect(error.message).toContain('sqlite:///');
      expect(error.message).not.toContain('pa55word');
    }
  });

  function fromEnvironment(uri: string): OptionError {
    process.env.MLFLOW_TRACKING_URI = uri;
    return refusal({});
  }

  test('the first thing that is wrong stops nothing that was right: no file, no worker', () => {
    const folder = newFolder();
    refusal({ uri: `sqlite:///${join(folder, 'a.db')}`, workers: 0 });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('startRun', () => {
  const bad: [option: string, options: unknown][] = [
    ['startRun.experiment', { experiment: '' }],
    ['startRun.experiment', { experiment: 5 }],
    ['startRun.name', { name: {} }],
    ['startRun.name', { name: Symbol('s') }],
    ['startRun.name', { name: Object.create(null) }],
    ['startRun.parentRunId', { parentRunId: '' }],
    ['startRun.runId', { runId: '../up' }],
    ['startRun.runId', { runId: 5 }],
    ['startRun.name', { name: 'half \ud800' }],
    ['startRun.experiment', { experiment: 'nul \0' }],
    ['startRun.tags["a"]', { tags: { a: 1 } }],
    ['startRun.tags["a$"]', { tags: { a$: 'key' } }],
    ['startRun.tags["a"]', { tags: { a: 'half \ud800' } }],
    ['startRun.tags["a"]', { tags: { a: 'x'.repeat(8001) } }],
    ['startRun.tags', { tags: 'text' }],
    ['startRun.tags', { tags: null }],
    ['startRun', null],
    ['startRun', 'a name'],
  ];
  test.each(bad)('refuses a bad %s with an OptionError', async (option, options) => {
    const stored = new Stored();
    const tracker = stored.tracker();
    let thrown: unknown;
    try {
      tracker.startRun(options as StartRunOptions);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(OptionError);
    expect(thrown).toMatchObject({ option });
    await tracker.close();
    expect(existsSync(stored.path) ? stored.count('runs') : 0).toBe(0);
  });

  test('cuts a long tag when the option says so', async () => {
    const stored = new Stored();
    const run = stored.tracker({ onLongValue: 'truncate' }).startRun({ tags: { a: 'x'.repeat(8001) } });
    await run.flush();
    expect(stored.tags(run.id)).toEqual({ a: 'x'.repeat(8000) });
  });

  test('after close is refused', async () => {
    const tracker = new Stored().tracker();
    await tracker.close();
    expect(() => tracker.startRun()).toThrow(OptionError);
  });

  test('with bad params starts the run, and its next report says what was wrong', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun({ params: { good: 1, bad: () => 1 } });
    expect(await run.flush({ throwOnFailure: false })).toMatchObject({ landed: 1, failed: 1 });
    expect(stored.params(run.id)).toEqual({ good: '1' });
  });
});

describe('a store that can’t be used is told by the receipts', () => {
  test('a folder that is not there', async () => {
    const folder = newFolder();
    const path = join(folder, 'missing', 'a.db');
    const tracker = createTracker({ uri: `sqlite:///${path}` });
    onTestFinished(() => tracker.close({ throwOnFailure: false }).then(() => undefined));
    const run = tracker.startRun();
    const error = await failureOf(StoreUnavailableError, run.logParam('k', 1));
    expect(error.message).toContain(join(folder, 'missing'));
  });
});

describe('switched off', () => {
  test.each(['enabled: false', 'HEADRACE_DISABLED=1'])('by %s every call does nothing and has landed', async (by) => {
    const stored = new Stored();
    if (by === 'HEADRACE_DISABLED=1') process.env.HEADRACE_DISABLED = '1';
    const tracker = createTracker({ uri: stored.uri, ...(by === 'enabled: false' ? { enabled: false } : {}) });
    const run = tracker.startRun({ name: 'none' });
    const receipts = [
      run.logParam('a$', 1),
      run.logParams({ a: 1 }),
      run.logConfig('nowhere.yaml'),
      run.logMetric('m', 1),
      run.logMetrics({ m: 1 }),
      run.setTag('t', 'v'),
      run.setTags({ t: 'v' }),
    ];
    await Promise.all(receipts);
    for (const receipt of receipts) expect(receipt.state).toBe('landed');
    await receipts[0]?.durable();
    expect(await tracker.withRun({}, () => 7)).toBe(7);
    expect(await run.storeId).toBe(run.id);
    expect(await run.end()).toMatchObject({ failed: 0, pending: 0 });
    expect(await tracker.close()).toMatchObject({ accepted: 0, failed: 0, pending: 0 });
    expect(existsSync(stored.path)).toBe(false);
  });

  test('a uri that isn’t served does not matter then, a misspelt option does', () => {
    createTracker({ uri: 'http://localhost:5000', enabled: false });
    expect(() => createTracker({ enabled: false, wrokers: 1 } as TrackerOptions)).toThrow(OptionError);
  });
});
