import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { createTracker, OptionError, type StartRunOptions, StoreUnavailableError, type TrackerOptions } from '../../src/index.js';
import { type RetryPolicy, resolveOptions, type Settings } from '../../src/options.js';
import { newFolder, Stored } from './stored.js';
import { failureOf } from './waiting.js';

afterEach(() => {
  delete process.env.HEADRACE_DISABLED;
  delete process.env.MLFLOW_TRACKING_URI;
  delete process.env.HEADRACE_OFFLINE;
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
    ['durability', '"memory"', { uri: 'offline', durability: 'memory' }],
    ['journal', '"here"', { journal: 'here' }],
    ['journal.dir', '""', { journal: { dir: '' } }],
    ['journal.dir', '5', { journal: { dir: 5 } }],
    ['journal.maxBytes', '4194303', { journal: { maxBytes: 2 ** 22 - 1 } }],
    ['journal.maxBytes', 'NaN', { journal: { maxBytes: Number.NaN } }],
    ['journal.maxBytes', '"1GB"', { journal: { maxBytes: '1GB' } }],
    ['journal.path', 'an unknown option', { journal: { path: '/tmp' } }],
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
    'mssql+pyodbc://user:pa55word@db/mlflow',
    'mysql+pymysql://root:pa55word@db/mlflow',
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

describe('a server’s settings', () => {
  const SERVER = 'http://127.0.0.1:1';
  const FILE = 'sqlite:///a.db';
  const DATABASE = 'postgresql://ada@h/d';
  type Variables = Readonly<Record<string, string>>;

  function retry(options: TrackerOptions, env: Variables = {}): RetryPolicy {
    return resolveOptions({ uri: SERVER, ...options }, { HOME: '/nowhere', ...env }, '/').retry;
  }

  const usual: RetryPolicy = {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: 250,
    maxTimeout: 30_000,
    factor: 2,
    maxRetryTime: 600_000,
    randomize: true,
    addedJitterMs: 0,
  };
  const FACTOR = { MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR: '3' };
  const JITTER = { MLFLOW_HTTP_REQUEST_BACKOFF_JITTER: '0.5' };

  test.each<[of: string, options: TrackerOptions, env: Variables, policy: Partial<RetryPolicy>]>([
    ['nothing that is set', {}, {}, {}],
    ['a file', { uri: FILE }, { ...FACTOR, ...JITTER }, { minTimeout: 50, maxTimeout: 500 }],
    ['a database', { uri: DATABASE }, { ...FACTOR, ...JITTER }, { minTimeout: 250, maxTimeout: 30_000 }],
    ['the environment', {}, { MLFLOW_HTTP_REQUEST_MAX_RETRIES: '5', ...FACTOR }, { retries: 5, minTimeout: 3000 }],
    [
      'an option',
      { retry: { retries: 2, minTimeout: 10 } },
      { MLFLOW_HTTP_REQUEST_MAX_RETRIES: '5', ...FACTOR },
      { retries: 2, minTimeout: 10 },
    ],
    ['MLflow’s jitter', {}, JITTER, { randomize: false, addedJitterMs: 500 }],
    ['no jitter', {}, { MLFLOW_HTTP_REQUEST_BACKOFF_JITTER: '0' }, { randomize: false }],
    ['an option beside MLflow’s jitter', { retry: { randomize: true } }, JITTER, {}],
    ['an option that wants none', { retry: { randomize: false } }, JITTER, { randomize: false }],
    [
      'pauses over the usual longest',
      {},
      { MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR: '60' },
      { minTimeout: 60_000, maxTimeout: 60_000 },
    ],
    ['a ceiling under MLflow’s first pause', { retry: { maxTimeout: 1000 } }, FACTOR, { minTimeout: 1000, maxTimeout: 1000 }],
    ['a ceiling under the usual first pause', { retry: { maxTimeout: 100 } }, {}, { minTimeout: 100, maxTimeout: 100 }],
    ['no pause at all', {}, { MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR: '0' }, { minTimeout: 50 }],
  ])('retries in another way than %s says', (_, options, env, policy) => {
    expect(retry(options, env)).toEqual({ ...usual, ...policy });
  });

  test('batches are larger than a server takes, or a file’s smaller than they may be', () => {
    const batch = (uri: string): unknown => resolveOptions({ uri }, { HOME: '/nowhere' }, '/').batch;
    expect(batch(SERVER)).toEqual({
      maxParams: 100,
      maxMetrics: 1000,
      maxTags: 100,
      maxEntities: 1000,
      maxBytes: 900_000,
      lingerMs: 0,
    });
    for (const uri of [FILE, DATABASE]) {
      expect(batch(uri)).toMatchObject({ maxParams: 10_000, maxEntities: 10_000, maxBytes: 8 * 2 ** 20 });
    }
  });

  test.each([
    ['maxParams', 101, 100],
    ['maxTags', 101, 100],
    ['maxMetrics', 1001, 1000],
    ['maxEntities', 1001, 1000],
    ['maxBytes', 1_000_001, 1_000_000],
  ])('batch.%s: %i is taken although a server refuses it', (name, value, limit) => {
    const error = refusal({ uri: SERVER, batch: { [name]: value } });
    expect(error).toMatchObject({ option: `batch.${name}`, received: String(value) });
    expect(error.message).toContain(`to ${limit}: more than that in one request a server refuses`);
    expect(resolveOptions({ uri: SERVER, batch: { [name]: limit } }, {}, '/').batch).toMatchObject({ [name]: limit });
    expect(resolveOptions({ uri: FILE, batch: { [name]: value } }, {}, '/').batch).toMatchObject({ [name]: value });
  });
});

describe('where journals are', () => {
  type Variables = Readonly<Record<string, string>>;

  function settings(options: TrackerOptions, env: Variables = {}): Settings {
    return resolveOptions(options, { HOME: '/nowhere', ...env }, resolve('/data/place'));
  }

  test.each<[of: string, dir: string, options: TrackerOptions, env: Variables]>([
    ['nothing that is set', '/data/place/.headrace', {}, {}],
    ['HEADRACE_DIR', '/scratch/journals', {}, { HEADRACE_DIR: '/scratch/journals' }],
    ['a HEADRACE_DIR that is relative', '/data/place/left', {}, { HEADRACE_DIR: 'left' }],
    ['a HEADRACE_DIR that is empty', '/data/place/.headrace', {}, { HEADRACE_DIR: '' }],
    ['the option', '/mine', { journal: { dir: '/mine' } }, { HEADRACE_DIR: '/scratch/journals' }],
    ['an option that is relative', '/data/mine', { journal: { dir: '../mine' } }, {}],
  ])('they are elsewhere than %s says', (_, dir, options, env) => {
    expect(settings(options, env).journal).toEqual({ dir: resolve(dir), maxBytes: Number.POSITIVE_INFINITY });
  });

  test('a limit of their bytes is not taken over', () => {
    expect(settings({ journal: { maxBytes: 5e9 } }).journal.maxBytes).toBe(5e9);
  });
});

describe('offline', () => {
  const at = resolve('/data/place');

  test('a uri that says so still leads to a store, or to a server’s limits', () => {
    const { location, offline, batch, retry } = resolveOptions({ uri: 'offline' }, {}, at);
    const file = resolveOptions({ uri: 'sqlite:///a.db' }, {}, at);
    expect([location, offline]).toEqual([{ kind: 'offline', display: 'offline' }, true]);
    expect([batch, retry]).toEqual([file.batch, file.retry]);
  });

  test.each(['sqlite:///a.db', 'http://127.0.0.1:1'])('HEADRACE_OFFLINE=1 is not heard, or loses where %s is', (uri) => {
    const away = resolveOptions({ uri }, { HEADRACE_OFFLINE: '1' }, at);
    const online = resolveOptions({ uri }, {}, at);
    expect([away.offline, online.offline]).toEqual([true, false]);
    expect(away.location).toEqual(online.location);
    expect(resolveOptions({ uri }, { HEADRACE_OFFLINE: '0' }, at).offline).toBe(false);
  });

  test('without a journal everything would be lost in silence', () => {
    process.env.HEADRACE_OFFLINE = '1';
    const error = refusal({ uri: 'sqlite:///a.db', durability: 'memory' });
    expect(error).toMatchObject({ option: 'durability', received: '"memory"' });
    expect(error.message).toContain('HEADRACE_OFFLINE');
    const off = resolveOptions({ durability: 'memory', enabled: false }, { HEADRACE_OFFLINE: '1' }, at);
    expect(off).toMatchObject({ offline: false, durability: 'memory' });
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
    createTracker({ uri: 'mysql://localhost/db', enabled: false });
    expect(() => createTracker({ enabled: false, wrokers: 1 } as TrackerOptions)).toThrow(OptionError);
  });
});
