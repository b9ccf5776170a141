/** Reading a database file leaves it as it is, bears others that write it, and says what is wrong with it. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createTracker, openRuns, type Runs } from '../../../src/index.js';
import { newRun } from '../../store/calls.js';
import { newFolder, Place } from '../../store/place.js';
import { idsOf, opened } from './stores.js';

function ask(runs: Runs): Promise<readonly string[]> {
  return idsOf(runs.searchRuns());
}

test('a file that is missing is not made, whatever is asked', async () => {
  const folder = newFolder();
  const path = join(folder, 'mlflow.db');
  const runs = opened(`sqlite:///${path}`);
  for (const question of [ask(runs), runs.getRun('abcd'), runs.metricHistory('abcd', 'loss')]) {
    await expect(question).rejects.toMatchObject({
      code: 'HEADRACE_STORE_UNAVAILABLE',
      store: `sqlite:///${path}`,
      message: expect.stringContaining('does not exist; check the uri'),
    });
  }
  await runs.close();
  expect(readdirSync(folder)).toEqual([]);
});

test('a file that is not MLflow’s is named as what it is, and left as it is', async () => {
  const folder = newFolder();
  const text = join(folder, 'text.db');
  writeFileSync(text, 'no database '.repeat(100));
  mkdirSync(join(folder, 'folder.db'));
  writeFileSync(join(folder, 'empty.db'), '');
  const other = new Place();
  other.exec('CREATE TABLE customers (name TEXT)');
  const half = new Place();
  await (await half.opened()).close();
  half.exec('DROP TABLE latest_metrics');
  const cases = [
    [text, 'is not a SQLite database'],
    [join(folder, 'folder.db'), 'is a folder'],
    [join(folder, 'empty.db'), 'holds no tables'],
    [other.path, 'is the database of another program (tables: customers)'],
    [half.path, 'without table latest_metrics; bring it up to date with "mlflow db upgrade"'],
  ] as const;
  for (const [path, reason] of cases) {
    const before = path.endsWith('folder.db') ? undefined : readFileSync(path);
    await expect(ask(opened(`sqlite:///${path}`))).rejects.toMatchObject({
      code: 'HEADRACE_STORE_UNAVAILABLE',
      message: expect.stringContaining(reason),
    });
    if (before !== undefined) expect(readFileSync(path).equals(before)).toBe(true);
  }
});

test('a file that nobody else has open is not changed by a byte, also not by what is put beside it', async () => {
  const place = new Place();
  const store = await place.opened();
  await store.createRun(newRun({ id: 'a'.repeat(32) }));
  await store.close();
  const copy = join(newFolder(), 'copy.db');
  copyFileSync(place.path, copy);
  const before = readFileSync(copy);
  const runs = opened(`sqlite:///${copy}`);
  expect(await ask(runs)).toEqual(['a'.repeat(32)]);
  await runs.close();
  expect(readFileSync(copy).equals(before)).toBe(true);
  // SQLite's own, for a file in WAL mode: its index, and a log without a row.
  expect(readFileSync(`${copy}-wal`)).toHaveLength(0);
  expect(readdirSync(join(copy, '..')).sort()).toEqual(['copy.db', 'copy.db-shm', 'copy.db-wal']);
});

test('runs are read while a tracker logs them, and each is read whole', async () => {
  const folder = newFolder();
  const uri = `sqlite:///${join(folder, 'mlflow.db')}`;
  const tracker = createTracker({ uri, journal: { dir: join(folder, 'journals') } });
  await tracker.startRun().end();
  const runs = opened(uri);
  let seen = 0;
  for (let round = 0; round < 20; round++) {
    const run = tracker.startRun({ name: `round ${round}` });
    run.logParams(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`p${i}`, i])));
    const reading = ask(runs);
    await run.end();
    const during = (await reading).length;
    expect(during).toBeGreaterThanOrEqual(seen);
    seen = during;
    const found = await runs.getRun(run.id);
    expect([found.params.size, found.status]).toEqual([50, 'FINISHED']);
  }
  expect((await ask(runs)).length).toBe(21);
  await tracker.close();
});

test('a file that another program has locked is waited for, and then told', async () => {
  const place = new Place();
  await (await place.opened()).close();
  place.exec('PRAGMA journal_mode = DELETE');
  const lock = place.raw();
  lock.exec('BEGIN EXCLUSIVE');
  await expect(ask(opened(`sqlite:///${place.path}`, 200))).rejects.toMatchObject({
    code: 'HEADRACE_STORE_UNAVAILABLE',
    message: expect.stringContaining('is busy'),
  });
  const patient = ask(opened(`sqlite:///${place.path}`));
  setTimeout(() => lock.exec('ROLLBACK'), 200);
  expect(await patient).toEqual([]);
});

test('what is asked after close is refused, and a search in the middle ends', async () => {
  const place = new Place();
  const store = await place.opened();
  for (let i = 0; i < 3; i++) await store.createRun(newRun());
  const runs = openRuns(`sqlite:///${place.path}`);
  const search = runs.searchRuns({ limit: 3 })[Symbol.asyncIterator]();
  await search.next();
  await runs.close();
  await runs.close();
  await expect(ask(runs)).rejects.toMatchObject({
    code: 'HEADRACE_STORE_UNAVAILABLE',
    message: expect.stringContaining('closed'),
  });
});

test('a search that can’t be is refused at once, before anything is read', () => {
  const path = join(newFolder(), 'none.db');
  const runs = opened(`sqlite:///${path}`);
  expect(() => runs.searchRuns({ filter: 'params.' })).toThrow(expect.objectContaining({ code: 'HEADRACE_FILTER' }));
  expect(() => runs.searchRuns({ orderBy: ['start_time', 'metrics.a b'] })).toThrow(
    expect.objectContaining({ code: 'HEADRACE_FILTER' }),
  );
  for (const limit of [-1, 1.5, Number.NaN])
    expect(() => runs.searchRuns({ limit })).toThrow(expect.objectContaining({ option: 'limit' }));
  const wrong: object = { filtre: 'a' }; // from a program without types
  expect(() => runs.searchRuns(wrong)).toThrow(expect.objectContaining({ option: 'filtre' }));
  expect(existsSync(path)).toBe(false);
});

test('a uri that can’t be read from is refused at once, without its secrets', () => {
  for (const uri of ['mysql://ada:secret@host/db', './mlruns', 'offline', '']) {
    expect(() => openRuns(uri), uri).toThrow(expect.objectContaining({ code: 'HEADRACE_OPTION', option: 'uri' }));
  }
  expect(() => openRuns('mysql://ada:secret@host/db')).not.toThrow(/secret/);
  expect(() => openRuns('sqlite:///a.db', { patienceMs: -1 })).toThrow(expect.objectContaining({ option: 'patienceMs' }));
});
