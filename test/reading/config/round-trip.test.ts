/** What was logged comes back as it was, through real stores. */
import { deepStrictEqual } from 'node:assert';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  LogFailuresError,
  ParamConflictError,
  type Receipt,
  type Run,
  RunDeletedError,
  type TrackerOptions,
} from '../../../src/index.js';
import { foldersIn } from '../../../src/journal/home.js';
import type { LeftoverProgress } from '../../../src/lane/leftovers.js';
import { replay } from '../../../src/lane/replay.js';
import { resolveOptions } from '../../../src/options.js';
import { typeTagKey } from '../../../src/params/type-tag.js';
import { type ConfigTree, configOf } from '../../../src/reading/config.js';
import { newFolder } from '../../journal/folder.js';
import type { HeldRun } from '../../server/mlflow-state.js';
import { Served } from '../../server/served.js';
import { rowsOf } from '../../store/database-rows.js';
import { Stored } from '../../tracker/stored.js';
import { failureOf, until } from '../../tracker/waiting.js';
import { killWorker } from '../../tracker/worker-threads.js';
import { configuration, jsonConfiguration, type Logged } from './logged-values.js';

interface Held {
  readonly params: ReadonlyMap<string, string>;
  readonly tags: ReadonlyMap<string, string>;
}

/** A store, and what it has of a run. */
interface Place {
  startRun(): Run;
  held(run: Run): Promise<Held>;
}

function sqlite(options: TrackerOptions): Place {
  const stored = new Stored();
  const tracker = stored.tracker(options);
  const rows = rowsOf(stored.path);
  const pairs = (table: string, id: string): Map<string, string> =>
    new Map(rows(`SELECT key, value FROM ${table} WHERE run_uuid = ?`, id).map(({ key, value }) => [String(key), String(value)]));
  return {
    startRun: () => tracker.startRun(),
    held: async ({ id }) => ({ params: pairs('params', id), tags: pairs('tags', id) }),
  };
}

async function server(options: TrackerOptions): Promise<Place> {
  const served = await Served.start();
  const tracker = served.tracker(options);
  return {
    startRun: () => tracker.startRun(),
    held: async (run) => served.run(await run.storeId),
  };
}

async function readBack(place: Place, log: (run: Run) => Receipt): Promise<ConfigTree> {
  const run = place.startRun();
  await log(run);
  const { params, tags } = await place.held(run);
  await run.end();
  return configOf(params, tags);
}

const formats = (['js', 'python'] as const).flatMap((valueFormat) =>
  (['.', '/'] as const).map((separator) => ({ valueFormat, separator })),
);

const stores = [
  { name: 'a SQLite file', start: async (options: TrackerOptions) => sqlite(options), numRuns: 150 },
  { name: 'a server', start: server, numRuns: 50 },
];

describe.each(stores)('through $name', ({ start, numRuns }) => {
  test.each(formats)('logParams, $valueFormat, separator $separator', async (options) => {
    const place = await start(options);
    await fc.assert(
      fc.asyncProperty(configuration(options.separator), async (config) => {
        // Vitest's own takes a property named constructor for the object's class.
        deepStrictEqual(await readBack(place, (run) => run.logParams(config)), config);
      }),
      { numRuns },
    );
  });

  test.each(['js', 'python'] as const)('logConfig of JSON, %s', async (valueFormat) => {
    const place = await start({ valueFormat });
    const path = join(newFolder(), 'config.json');
    await fc.assert(
      fc.asyncProperty(jsonConfiguration, async (config) => {
        writeFileSync(path, JSON.stringify(config));
        expect(await readBack(place, (run) => run.logConfig(path))).toStrictEqual(config);
      }),
      { numRuns },
    );
  });
});

describe('one value, by logParam', () => {
  const values: [string, Logged, tag: string | undefined][] = [
    ['a number', 0.1, undefined],
    ['a whole number beyond 2^53', 1e16, undefined],
    ['-0', -0, undefined],
    ['NaN', Number.NaN, undefined],
    ['Infinity', Number.POSITIVE_INFINITY, undefined],
    ['true', true, undefined],
    ['null', null, undefined],
    ['text', 'adam', undefined],
    ['empty text', '', undefined],
    ['a version', '1.10', undefined],
    ['a list', [64, 'relu', true, null, 0.5], undefined],
    ['an object', { a: [], b: {} }, undefined],
    ['a bigint that no number is', 12_345_678_901_234_567_891n, undefined],
    ['text of a number', '1', 'text'],
    ['text of a word', 'true', 'text'],
    ['text of Python', 'None', 'text'],
    ['text of a list', '[1,2]', 'text'],
    ['a small bigint', 7n, 'bigint'],
    ['a bigint that a number is, too', 10n ** 16n, 'bigint'],
    ['a Date', new Date(1e12), 'date'],
    ['bigints in a list', [1n, 2n, 'a', 3n], 'bigint 0-1,3'],
  ];
  test('has the tag that it needs', async () => {
    const place = sqlite({});
    for (const [what, value, tag] of values) {
      const run = place.startRun();
      await run.logParam('k', value);
      const { params, tags } = await place.held(run);
      expect(configOf(params, tags), what).toStrictEqual({ k: value });
      const ours = [...tags].filter(([key]) => key.startsWith('headrace.'));
      expect(ours, what).toEqual(tag === undefined ? [] : [[typeTagKey('k', params.get('k') ?? ''), tag]]);
    }
  });

  test('of what was cut is the text that is left', async () => {
    const place = sqlite({ onLongValue: 'truncate' });
    const digits = '9'.repeat(6001);
    const config = await readBack(place, (run) =>
      run.logParams({ bigint: BigInt(digits), text: digits, list: Array.from({ length: 4000 }, () => 1), 'a.b': digits }),
    );
    const cut = digits.slice(0, 6000);
    expect(config).toStrictEqual({ bigint: cut, text: cut, list: `[${'1,'.repeat(2999)}1`, 'a.b': cut });
  });
});

describe('a prefix', () => {
  test.each(['.', '/'] as const)('nests as a key does, also before names with a %s in them', async (separator) => {
    const place = sqlite({ separator });
    const path = join(newFolder(), 'config.yaml');
    writeFileSync(path, `z${separator}w: 1\n`);
    const run = place.startRun();
    await run.logParams({ [`x${separator}y`]: 1, lr: 2 }, { prefix: `a${separator}b` });
    await run.logConfig(path, { prefix: `a${separator}c` });
    const { params, tags } = await place.held(run);
    expect(configOf(params, tags)).toStrictEqual({ a: { b: { [`x${separator}y`]: 1, lr: 2 }, c: { [`z${separator}w`]: 1 } } });
  });
});

describe('names with the separator in them', () => {
  test.each(['.', '/'] as const)('stay whole in a flat object, whatever they hold: separator %s', async (separator) => {
    const join = (...names: string[]): string => names.join(separator);
    const deep = Array.from({ length: 40 }, (_, i) => `n${i}`);
    const flat = {
      [join('optimizer', 'lr')]: 0.1,
      [join('optimizer', 'name')]: 'adam',
      [join('optimizer', 'nesterov')]: true,
      [join('optimizer', 'decay')]: null,
      [join('data', 'seed')]: 7n,
      [join('data', 'made')]: new Date(1e12),
      [join('data', 'shape')]: [28, 28],
      [join('data', 'notes')]: {},
      // More separators than a record has bits for, in one name and behind many.
      [join(...deep)]: 1,
      nested: { [join('a', 'b')]: { c: { [join('d', 'e', 'f')]: '1' } } },
      long: [...deep].reverse().reduce<Logged>((inner, name) => ({ [name]: inner }), { [join('x', 'y')]: 'end' }),
    };
    const place = sqlite({ separator });
    deepStrictEqual(await readBack(place, (run) => run.logParams(flat)), flat);
    // Known keys travel by their number.
    for (let i = 0; i < 3; i++) deepStrictEqual(await readBack(place, (run) => run.logParams(flat)), flat);
    deepStrictEqual(await readBack(place, (run) => run.logParam(join('optimizer', 'lr'), 1)), { optimizer: { lr: 1 } });
  });
});

test('a .env file is read by its texts alone', async () => {
  const path = join(newFolder(), '.env');
  writeFileSync(path, 'PORT=8080\nA.B=x\nVERSION=1.10\n');
  expect(await readBack(sqlite({}), (run) => run.logConfig(path))).toStrictEqual({ PORT: 8080, A: { B: 'x' }, VERSION: '1.10' });
});

describe('a conflict leaves the first value as it was', () => {
  const pairs: [first: Logged, second: Logged][] = [
    ['7', '8'],
    ['7', 8n],
    [7n, '8'],
    [7, '8'],
    ['7', 8],
    [new Date(5), 9n],
    ['seven', new Date(5)],
  ];
  test.each(stores)('in $name', async ({ start }) => {
    const place = await start({});
    for (const [first, second] of pairs) {
      const run = place.startRun();
      await run.logParams({ k: first, 'a.b': first });
      await failureOf(ParamConflictError, run.logParam('k', second));
      await failureOf(LogFailuresError, run.logParams({ 'a.b': second }));
      const { params, tags } = await place.held(run);
      expect(configOf(params, tags), `${String(first)}, then ${String(second)}`).toStrictEqual({ k: first, 'a.b': first });
      expect(await run.end('FINISHED', { throwOnFailure: false })).toMatchObject({ accepted: 4, landed: 2, failed: 2 });
    }
  });
});

describe('records with a tag', () => {
  const strings = Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`k${i}`, String(i)]));

  test('are counted once, whatever the batches hold', async () => {
    const served = await Served.start();
    const tracker = served.tracker({ batch: { maxTags: 7, maxParams: 11, maxEntities: 13 } });
    const run = tracker.startRun();
    const receipts = Object.entries(strings).map(([key, value]) => run.logParam(key, value));
    for (const [i, receipt] of receipts.entries()) if (i % 3 === 0) await receipt;
    expect(await run.end()).toMatchObject({ accepted: 250, landed: 250, failed: 0, pending: 0 });
    const { params, tags } = served.run(await run.storeId);
    expect(configOf(params, tags)).toStrictEqual(strings);
  });

  test('that are refused fail with one error', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    await run.logParam('k', 1);
    stored.exec("UPDATE runs SET lifecycle_stage = 'deleted'");
    const error = await failureOf(RunDeletedError, run.logParam('typed', '1'));
    expect(error.runId).toBe(run.id);
    expect(await run.end('FINISHED', { throwOnFailure: false })).toMatchObject({ accepted: 2, landed: 1 });
  });

  /** What a process left behind while the server was away, sent by another one. */
  async function sentLater(
    log: (run: Run) => readonly Receipt[],
    meanwhile?: (run: HeldRun) => void,
  ): Promise<{ progress: Readonly<LeftoverProgress>; held: HeldRun }> {
    const served = await Served.start();
    const tracker = served.tracker({ retry: { minTimeout: 5, maxTimeout: 20 } });
    const run = tracker.startRun();
    const held = served.run(await run.storeId);
    await served.fake.goDown();
    await Promise.all(log(run).map((receipt) => receipt.durable()));
    await tracker.close({ timeoutMs: 200, throwOnFailure: false });
    meanwhile?.(held);
    await served.fake.comeBack();
    const [home = ''] = foldersIn(served.journals);
    const settings = resolveOptions({ uri: served.fake.url }, {}, newFolder());
    const abort = new AbortController();
    onTestFinished(() => abort.abort());
    const watcher = { down: () => undefined, up: () => undefined, notice: () => undefined };
    return { progress: await replay({ home, folders: foldersIn(home), settings, watcher, signal: abort.signal }), held };
  }

  test('outlive the process in a journal', async () => {
    const { progress, held } = await sentLater((run) => [
      run.logParam('before', 1),
      run.logParams(strings),
      run.logMetric('loss', 1),
      run.logParam('b', 5n),
      run.logParams({ 'optimizer.lr': 0.1, 'model.v1': { units: 64 } }),
    ]);
    expect([progress.settled, progress.buried]).toEqual([255, 0]);
    const dotted = { 'optimizer.lr': 0.1, 'model.v1': { units: 64 } };
    expect(configOf(held.params, held.tags)).toStrictEqual({ ...strings, before: 1, b: 5n, ...dotted });
  });

  test('are buried once when nobody is there to be told of their refusal', async () => {
    const { progress } = await sentLater(
      (run) => [run.logParam('a', '1'), run.logParam('b', 2n), run.logParam('c', 3)],
      (run) => {
        run.deleted = true;
      },
    );
    // Its end is the fourth.
    expect(progress.buried).toBe(4);
  });

  test('outlive their worker', async () => {
    const stored = new Stored();
    const tracker = stored.tracker({ retry: { minTimeout: 100, maxTimeout: 100, randomize: false } });
    const run = tracker.startRun();
    await run.logParam('first', '1');
    const lock = stored.lock();
    run.logParams(strings);
    run.logParams({ 'optimizer.lr': 0.1 });
    const receipt = run.logParam('a', [1n]);
    await until('a try that failed', () => tracker.stats().retries > 0);
    await killWorker(tracker);
    lock.release();
    await receipt;
    expect(await run.end()).toMatchObject({ accepted: 253, landed: 253, failed: 0 });
    const rows = (table: string): Map<string, string> =>
      new Map(stored.rows(`SELECT key, value FROM ${table}`).map(({ key, value }) => [String(key), String(value)]));
    expect(configOf(rows('params'), rows('tags'))).toStrictEqual({
      ...strings,
      first: '1',
      'optimizer.lr': 0.1,
      a: [1n],
    });
  });
});
