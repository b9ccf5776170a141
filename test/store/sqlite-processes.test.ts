import { expect, test } from 'vitest';
import { newId, newRun, persist } from './calls.js';
import { runChild } from './child.js';
import { Place } from './place.js';

interface Written {
  readonly name: string;
  readonly won: readonly string[];
  readonly lost: readonly (readonly [key: string, stored: string])[];
}

const KEYS = 1000;

test.each([2, 4])(
  '%i processes make the same file and write the same run at once: one winner per key, nothing lost',
  async (processes) => {
    const place = new Place();
    const runId = newId();
    const names = Array.from({ length: processes }, (_, i) => `${i}`);
    const children = names.map((name) => runChild('write', [place.path, runId, name, `${KEYS}`]));
    await Promise.all(children.map((child) => child.printed('ready')));
    await Promise.all(children.map((child) => child.tell('go')));
    const ends = await Promise.all(children.map((child) => child.end));
    expect(ends.map(({ code, stderr }) => [code, stderr])).toEqual(names.map(() => [0, '']));
    const results = ends.map(({ stdout }): Written => JSON.parse(stdout.slice('ready\n'.length)));

    const winner = new Map(results.flatMap(({ name, won }) => won.map((key) => [key, name] as const)));
    expect([winner.size, results.reduce((sum, { won }) => sum + won.length, 0)]).toEqual([KEYS, KEYS]);
    for (const { lost } of results) for (const [key, stored] of lost) expect(stored).toBe(winner.get(key));
    expect(results.map(({ won, lost }) => won.length + lost.length)).toEqual(names.map(() => KEYS));

    const stored = place.rows("SELECT key, value FROM params WHERE run_uuid = ? AND key LIKE 'shared.%'", runId);
    expect(new Map(stored.map(({ key, value }) => [key, value]))).toEqual(winner);
    expect(place.rows("SELECT count(*) AS n FROM params WHERE value = 'mine'")).toEqual([{ n: processes * KEYS }]);
    expect(place.rows('SELECT count(*) AS n FROM metrics')).toEqual([{ n: processes * KEYS }]);
    expect(place.rows('SELECT step, timestamp, value FROM latest_metrics')).toEqual([
      { step: KEYS - 1, timestamp: processes - 1, value: KEYS - 1 },
    ]);
    expect(place.rows('SELECT count(*) AS n FROM runs')).toEqual([{ n: 1 + processes }]);
    expect(place.rows('SELECT name FROM experiments ORDER BY name')).toEqual(
      ['Default', 'contended', ...names.map((name) => `of ${name}`)].map((name) => ({ name })),
    );
    expect(place.problems()).toEqual([]);
  },
  60_000,
);

test.each([1, 2, 3])(
  'a process killed while it makes the file (moment %i) leaves one that the next process completes',
  async (moment) => {
    const place = new Place();
    expect(await runChild('create', [place.path, `${moment}`]).end).toMatchObject({ signal: 'SIGKILL', stdout: '' });
    const store = await place.opened();
    await store.createRun(newRun());
    expect(place.rows('SELECT count(*) AS n FROM sqlite_master WHERE type = ?', 'table')).toEqual([{ n: 20 }]);
    expect(place.problems()).toEqual([]);
  },
);

test('making a file has the three moments that the test above kills at, and no more', async () => {
  const place = new Place();
  expect(await runChild('create', [place.path, '4']).end).toMatchObject({ code: 0, stdout: 'survived\n' });
});

test('a lock that another process holds for 2 s: everything is busy in short slices and lands afterwards', async () => {
  const place = new Place();
  const store = await place.opened();
  const run = newRun();
  await store.createRun(run);
  const child = runChild('hold-lock', [place.path, 'BEGIN IMMEDIATE']);
  await child.printed('locked');
  const release = new Promise((resolve) => setTimeout(resolve, 2000)).then(() => child.tell('go'));
  let longest = 0;
  const timed = async <T>(call: () => Promise<T>): Promise<T> => {
    const from = performance.now();
    try {
      return await call();
    } finally {
      longest = Math.max(longest, performance.now() - from);
    }
  };
  const landed = await persist(() =>
    timed(() => store.land({ runId: run.id, items: [{ kind: 'param', key: 'a', value: '1' }] })),
  );
  await release;
  expect(landed.value).toEqual([undefined]);
  // 2 s in slices of 100 ms and pauses of 10 ms; a single long wait would be 1.
  expect(landed.busy).toBeGreaterThan(5);
  expect(longest).toBeLessThan(1500);
  expect(place.rows('SELECT value FROM params')).toEqual([{ value: '1' }]);
});

test('a file that is locked while it is opened is opened when the lock is gone', async () => {
  const place = new Place();
  place.exec('CREATE TABLE t (x)');
  place.exec('DROP TABLE t');
  const child = runChild('hold-lock', [place.path, 'BEGIN EXCLUSIVE']);
  await child.printed('locked');
  const release = new Promise((resolve) => setTimeout(resolve, 500)).then(() => child.tell('go'));
  const store = place.store();
  const { busy } = await persist(() => store.open());
  await release;
  expect(busy).toBeGreaterThan(0);
  await store.createRun(newRun());
});
