/** Every way in which SQLite can refuse, provoked for real: what the error says, and that the store goes on when the cause is gone. */
import { chmodSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BatchRefusedError, StoreUnavailableError } from '../../src/errors.js';
import type { Connection, Driver } from '../../src/store/sqlite/driver.js';
import { type Item, type Pulse, StoreBusyError } from '../../src/store/store.js';
import { failure, newId, newRun, persist } from './calls.js';
import { runChild } from './child.js';
import { driver, newFolder, Place } from './place.js';

const param = (key: string, value = '1'): Item => ({ kind: 'param', key, value });

/** The library itself, and the store's own connection for what only that one can be told. */
function tapped(): { driver: Driver; connection: () => Connection } {
  let last: Connection | undefined;
  return {
    driver: {
      name: driver.name,
      open(path) {
        last = driver.open(path);
        return last;
      },
    },
    connection() {
      if (last === undefined) throw new Error('not opened');
      return last;
    },
  };
}

describe('a store that can’t be opened', () => {
  test.each<[string, (place: Place) => string, RegExp]>([
    ['folder missing', (place) => join(place.folder, 'none', 'a.db'), /the folder .*none does not exist; create it/],
    [
      'a file where the folder should be',
      (place) => {
        writeFileSync(place.path, 'x');
        return join(place.path, 'a.db');
      },
      /is not a folder/,
    ],
    ['a folder', (place) => place.folder, /is a folder; name a file in it/],
    [
      'not a database',
      (place) => {
        writeFileSync(place.path, 'accuracy,loss\n'.repeat(200));
        return place.path;
      },
      /is not a SQLite database; name another file.*SQLITE_NOTADB/,
    ],
  ])('%s: the error says what is wrong, where, and what to do', async (_case, prepare, said) => {
    const place = new Place();
    const path = prepare(place);
    const error = await failure(place.store({ path, display: 'the store' }).open());
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error).toMatchObject({ store: 'the store', message: expect.stringMatching(said) });
    expect(error).toMatchObject({ message: expect.stringContaining(path.slice(0, path.lastIndexOf('/'))) });
  });

  test('a store opens once the folder is there', async () => {
    const place = new Place();
    const folder = join(place.folder, 'later');
    const store = place.store({ path: join(folder, 'a.db') });
    await failure(store.open());
    mkdirSync(folder);
    await store.open();
    await store.createRun(newRun());
  });

  test('what is asked of a store that is not open, or closed, is an error and no crash', async () => {
    const place = new Place();
    const calls = (store: ReturnType<Place['store']>): (() => Promise<unknown>)[] => [
      () => store.land({ runId: newId(), items: [param('a')] }),
      () => store.createRun(newRun()),
      () => store.endRun({ runId: newId(), status: 'FINISHED', endTime: 1 }),
    ];
    const fresh = place.store();
    for (const call of calls(fresh)) expect(await failure(call())).toBeInstanceOf(StoreUnavailableError);
    await fresh.close();
    const closed = await place.opened();
    await closed.close();
    await closed.close();
    for (const call of calls(closed)) expect(await failure(call())).toBeInstanceOf(StoreUnavailableError);
  });

  test.each<[string, (place: Place) => void]>([
    ['a read-only file', (place) => chmodSync(place.path, 0o444)],
    ['a read-only folder', (place) => chmodSync(place.folder, 0o555)],
    ['an unreadable file', (place) => chmodSync(place.path, 0o000)],
    ['a folder that is closed to the user', (place) => chmodSync(place.folder, 0o700)],
  ])('%s: the error says that permissions are missing', async (kind, restrict) => {
    const place = new Place();
    await (await place.opened()).close();
    // Everybody may, so that only what is restricted afterwards holds a user back who owns nothing of it.
    chmodSync(place.folder, 0o777);
    chmodSync(place.path, 0o666);
    restrict(place);
    if (process.getuid?.() !== 0 && kind === 'a folder that is closed to the user') chmodSync(place.folder, 0o000);
    const end = await runChild('no-rights', [place.path]).end;
    chmodSync(place.folder, 0o777);
    chmodSync(place.path, 0o666);
    expect([end.code, end.stderr]).toEqual([0, '']);
    expect(JSON.parse(end.stdout)).toMatchObject({
      code: 'HEADRACE_STORE_UNAVAILABLE',
      message: expect.stringMatching(/the store: .*(can't be (written|read)).*(permissions|writable)/),
    });
  });
});

describe('a full disk', () => {
  test('nothing of the transaction stays, what landed before does, and it goes on when there is room', async () => {
    const place = new Place();
    const tap = tapped();
    const store = await place.opened({ driver: tap.driver });
    const run = newRun();
    await store.createRun(run);
    expect(await store.land({ runId: run.id, items: [param('before')] })).toEqual([undefined]);
    const pages = Number(tap.connection().prepare('PRAGMA page_count').get({}, [])?.page_count);
    tap.connection().exec(`PRAGMA max_page_count = ${pages + 10}`);
    const items = Array.from({ length: 300 }, (_, i) => param(`k${i}`, 'x'.repeat(6000)));
    const [small, large] = await Promise.all([
      failure(store.land({ runId: run.id, items: [param('small')] })),
      failure(store.land({ runId: run.id, items })),
    ]);
    // Somebody frees space: it is no refusal, and comes again.
    expect(large).toBeInstanceOf(StoreBusyError);
    expect(small).toBe(large);
    expect(large).toMatchObject({ message: expect.stringMatching(/full.*free space.*SQLITE_FULL/) });
    expect(place.rows('SELECT key FROM params')).toEqual([{ key: 'before' }]);
    expect(await store.land({ runId: run.id, items: [param('small')] })).toEqual([undefined]);
    tap.connection().exec('PRAGMA max_page_count = 1000000');
    expect((await store.land({ runId: run.id, items })).every((outcome) => outcome === undefined)).toBe(true);
    expect(place.rows('SELECT count(*) AS n FROM params')).toEqual([{ n: 302 }]);
    expect(place.problems()).toEqual([]);
  });

  test('a new file that does not fit is made when there is room', async () => {
    const place = new Place();
    const small: Driver = {
      name: driver.name,
      open(path) {
        const connection = driver.open(path);
        connection.exec('PRAGMA max_page_count = 12');
        return connection;
      },
    };
    const error = await failure(place.store({ driver: small }).open());
    expect(error).toBeInstanceOf(StoreBusyError);
    expect(error).toMatchObject({ message: expect.stringMatching(/free space.*SQLITE_FULL/) });
    await (await place.opened()).createRun(newRun());
  });

  test('a limit of the process on file sizes: what was reported as landed is there, the file is sound, and it goes on without the limit', async () => {
    const place = new Place();
    const id = newId();
    // 1 MiB: the limit strikes in the middle of writing the WAL.
    const { code, stdout, stderr } = await runChild('full', [place.path, id], 'ulimit -f 1024').end;
    expect([code, stderr]).toEqual([0, '']);
    const { landed, ...error } = JSON.parse(stdout) as { landed: number; name: string; message: string };
    expect(error).toMatchObject({ name: 'StoreBusyError', message: expect.stringMatching(/SQLITE_(IOERR|FULL)/) });
    expect(landed).toBeGreaterThan(0);
    expect(place.rows('SELECT count(*) AS n FROM params')).toEqual([{ n: landed * 100 }]);
    expect(place.problems()).toEqual([]);
    const store = await place.opened();
    expect(await store.land({ runId: id, items: [param('after')] })).toEqual([undefined]);
  });
});

describe('a lock of another connection', () => {
  const waitOf = (connection: Connection): unknown => connection.prepare('PRAGMA busy_timeout').get({}, [])?.timeout;

  test('blocks the thread for long before anybody is told, or is hardly waited for once that was done', async () => {
    const place = new Place();
    const tap = tapped();
    const store = await place.opened({ driver: tap.driver });
    const run = newRun();
    const waits: unknown[] = [];
    const calls: (() => Promise<unknown>)[] = [
      () => store.createRun(run),
      () => store.land({ runId: run.id, items: [param('a')] }),
      () => store.endRun({ runId: run.id, status: 'FINISHED', endTime: 1 }),
    ];
    for (const call of calls) {
      const other = place.raw();
      other.exec('BEGIN IMMEDIATE');
      for (let i = 0; i < 2; i++) {
        waits.push(waitOf(tap.connection()));
        expect(await failure(call())).toBeInstanceOf(StoreBusyError);
      }
      other.exec('ROLLBACK');
      await call();
    }
    expect(waits).toEqual(calls.flatMap(() => [3, 100]));
  });

  test('is waited for in the same way while the file is opened', async () => {
    const place = new Place();
    await (await place.opened()).close();
    const waits: unknown[] = [];
    const noting: Driver = {
      name: driver.name,
      open(path) {
        const connection = driver.open(path);
        const close = (): void => {
          waits.push(waitOf(connection));
          connection.close();
        };
        return { exec: connection.exec, prepare: connection.prepare, close };
      },
    };
    const store = place.store({ driver: noting });
    const other = place.raw();
    other.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    for (let i = 0; i < 2; i++) expect(await failure(store.open())).toBeInstanceOf(StoreBusyError);
    other.close();
    await store.open();
    await store.createRun(newRun());
    await store.close();
    expect(waits).toEqual([3, 100, 3]);
  });
});

describe('a file that breaks while it is open', () => {
  test('a table dropped by somebody: busy at first, as MLflow may be migrating, then the error names it', async () => {
    const place = new Place();
    const store = await place.opened();
    const run = newRun();
    await store.createRun(run);
    place.exec('DROP TABLE params');
    const land = (): Promise<unknown> => store.land({ runId: run.id, items: [param('a')] });
    expect(await failure(land())).toBeInstanceOf(StoreBusyError);
    const error = await failure(persist(land));
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error).toMatchObject({ message: expect.stringContaining('no such table: params') });
    // A batch that needs no such table is not held up by it.
    expect(await store.land({ runId: run.id, items: [{ kind: 'tag', key: 't', value: '1' }] })).toEqual([undefined]);
  });

  test('pages overwritten: the error says that the file is damaged', async () => {
    const place = new Place();
    const first = await place.opened();
    const run = newRun();
    await first.createRun(run);
    const items = Array.from({ length: 3000 }, (_, i) => param(`k${i}`, 'x'.repeat(100)));
    await first.land({ runId: run.id, items });
    await first.close();
    const size = readFileSync(place.path).length;
    const store = await place.opened();
    const file = openSync(place.path, 'r+');
    for (let page = 4096 * 60; page < size; page += 4096) writeSync(file, Buffer.alloc(512, 0xff), 0, 512, page);
    const error = await failure(store.land({ runId: run.id, items: items.map(({ key }) => param(`${key}.more`)) }));
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error).toMatchObject({ message: expect.stringMatching(/damaged; restore it.*SQLITE_CORRUPT/) });
  });
});

describe('a row that the database refuses', () => {
  const REFUSE = (table: string, when: string): string =>
    `CREATE TRIGGER no_${table} BEFORE INSERT ON ${table} WHEN ${when} BEGIN SELECT RAISE(ABORT, 'not that one'); END`;

  test('is refused alone, wherever it stands: all others of its batch and of the transaction land', async () => {
    const place = new Place();
    const store = await place.opened();
    const [run, other] = [newRun(), newRun()];
    for (const each of [run, other]) await store.createRun(each);
    place.exec(
      `${REFUSE('params', "new.key LIKE 'bad%'")}; ${REFUSE('metrics', 'new.value = 13')}; ${REFUSE('tags', "new.value = 'bad'")}`,
    );
    const items: Item[] = Array.from({ length: 400 }, (_, i) =>
      i % 4 === 0
        ? param(i === 200 || i === 396 ? `bad${i}` : `k${i}`)
        : i % 4 === 1
          ? { kind: 'metric', key: 'm', value: i === 13 ? 13 : i, step: i, timestamp: 0 }
          : { kind: 'tag', key: `t${i}`, value: i === 2 || i === 3 ? 'bad' : 'good' },
    );
    const [landed, others] = await Promise.all([
      store.land({ runId: run.id, items }),
      store.land({ runId: other.id, items: [param('k')] }),
    ]);
    const refused = landed.flatMap((outcome, i) => (outcome === undefined ? [] : [i]));
    expect(refused).toEqual([2, 3, 13, 200, 396]);
    for (const i of refused) {
      expect(landed[i]).toBeInstanceOf(BatchRefusedError);
      expect(landed[i]).toMatchObject({ runId: run.id, errorCode: 'SQLITE_CONSTRAINT', reason: 'not that one' });
    }
    expect(others).toEqual([undefined]);
    expect(place.rows('SELECT count(*) AS n FROM params WHERE run_uuid = ?', run.id)).toEqual([{ n: 98 }]);
    expect(place.rows('SELECT count(*) AS n FROM metrics')).toEqual([{ n: 99 }]);
    expect(place.rows("SELECT count(*) AS n FROM tags WHERE value = 'good'")).toEqual([{ n: 198 }]);
    expect(place.rows('SELECT value FROM latest_metrics')).toEqual([{ value: 397 }]);
    expect(place.problems()).toEqual([]);
  });

  test('a value that can’t be bound is refused alone', async () => {
    const place = new Place();
    const store = await place.opened();
    const run = newRun();
    await store.createRun(run);
    // What a fault elsewhere in headrace could hand over.
    const broken = [
      { kind: 'param', key: 'b', value: Symbol('v') },
      { kind: 'param', key: 'b', value: null },
      { kind: 'metric', key: 'b', value: 1, timestamp: null, step: 1 },
    ] as unknown as Item[];
    const landed = await store.land({ runId: run.id, items: [param('a'), ...broken, param('c')] });
    const refused = 'HEADRACE_BATCH_REFUSED';
    expect(landed.map((outcome) => outcome?.code)).toEqual([undefined, refused, refused, refused, undefined]);
    expect(place.rows('SELECT key FROM params ORDER BY key')).toEqual([{ key: 'a' }, { key: 'c' }]);
  });

  test('half of it is not written: a metric whose latest value is refused is not in the history', async () => {
    const place = new Place();
    const store = await place.opened();
    const run = newRun();
    await store.createRun(run);
    place.exec(REFUSE('latest_metrics', "new.key = 'bad'"));
    const metric = (key: string): Item => ({ kind: 'metric', key, value: 1, step: 0, timestamp: 0 });
    const landed = await store.land({ runId: run.id, items: [metric('good'), metric('bad')] });
    expect(landed.map((outcome) => outcome?.code)).toEqual([undefined, 'HEADRACE_BATCH_REFUSED']);
    expect(place.rows('SELECT key FROM metrics')).toEqual([{ key: 'good' }]);
  });

  test('of a run that is made: the run is refused, the store goes on', async () => {
    const place = new Place();
    const store = await place.opened();
    place.exec(REFUSE('runs', "new.user_id = 'bad'"));
    expect(await failure(store.createRun(newRun({ userId: 'bad' })))).toBeInstanceOf(BatchRefusedError);
    await store.createRun(newRun());
  });
});

describe('transactions', () => {
  test('what is asked for in one turn is one commit, and more than 20,000 rows are several', async () => {
    const place = new Place();
    const tap = tapped();
    const store = await place.opened({ driver: tap.driver });
    const runs = Array.from({ length: 5 }, () => newRun());
    for (const run of runs) await store.createRun(run);
    const reader = place.raw();
    // Counts the commits of other connections.
    const version = (): number => Number(reader.prepare('PRAGMA data_version').get({}, [])?.data_version);
    const commits = async (rows: number): Promise<number> => {
      let seen = 0;
      let last = version();
      const land = runs.map(async (run, r) => {
        // Senders wake through promise chains of different lengths.
        for (let i = 0; i < r; i++) await Promise.resolve();
        await store.land({ runId: run.id, items: Array.from({ length: rows }, (_, i) => param(`${rows}.${i}`)) });
        const now = version();
        if (now !== last) seen++;
        last = now;
      });
      await Promise.all(land);
      return seen;
    };
    expect(await commits(1)).toBe(1);
    expect(await commits(10_000)).toBe(3);
    expect(place.rows('SELECT count(*) AS n FROM params')).toEqual([{ n: 5 * 10_001 }]);
  });

  test('the worker shows that it lives between statements, and says so before it may block', async () => {
    const calls: string[] = [];
    const pulse: Pulse = { beat: () => void calls.push('beat'), pause: () => void calls.push('pause') };
    const place = new Place();
    const store = await place.opened({ pulse });
    const run = newRun();
    await store.createRun(run);
    calls.length = 0;
    await store.land({ runId: run.id, items: Array.from({ length: 1000 }, (_, i) => param(`k${i}`)) });
    expect([calls[0], calls.at(-1)]).toEqual(['pause', 'beat']);
    // Before BEGIN and before COMMIT.
    expect(calls.filter((call) => call === 'pause')).toHaveLength(2);
    expect(calls.filter((call) => call === 'beat').length).toBeGreaterThan(15);
  });

  test.each([
    ['memory', 1],
    ['os', 1],
    ['fsync', 2],
  ] as const)('durability %s sets synchronous to %i; a WAL; no long wait for the first lock', async (durability, synchronous) => {
    const tap = tapped();
    await new Place().opened({ durability, driver: tap.driver });
    const pragma = (name: string): unknown => Object.values(tap.connection().prepare(`PRAGMA ${name}`).get({}, []) ?? {})[0];
    expect([pragma('synchronous'), pragma('journal_mode'), pragma('busy_timeout')]).toEqual([synchronous, 'wal', 3]);
  });

  test('after close the file stands alone, without a WAL beside it', async () => {
    const place = new Place();
    const store = await place.opened();
    const run = newRun();
    await store.createRun(run);
    await store.land({ runId: run.id, items: [param('a')] });
    await store.close();
    const copy = join(newFolder(), 'copy.db');
    writeFileSync(copy, readFileSync(place.path));
    const connection = driver.open(copy);
    expect(connection.prepare('SELECT key FROM params').all({}, [])).toHaveLength(1);
    connection.close();
  });

  test('close does not wait for a reader, and what it could not copy is not lost', async () => {
    const place = new Place();
    const store = await place.opened();
    const run = newRun();
    await store.createRun(run);
    const reader = place.raw();
    reader.exec('BEGIN');
    reader.prepare('SELECT * FROM runs').all({}, []);
    await store.land({ runId: run.id, items: [param('a')] });
    const from = performance.now();
    await store.close();
    expect(performance.now() - from).toBeLessThan(1000);
    reader.exec('COMMIT');
    expect(place.rows('SELECT key FROM params')).toEqual([{ key: 'a' }]);
  });
});
