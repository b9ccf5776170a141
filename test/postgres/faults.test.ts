/** A real server that breaks while a program logs: all of it is there afterwards, once. */
import { chmodSync, chownSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { useChildren } from '../exit/child.js';
import { count } from '../faults/account.js';
import { CHILDREN } from '../faults/children.js';
import { Load } from '../faults/load.js';
import { smallDisk } from '../faults/small-disk.js';
import { newRun, persist } from '../store/calls.js';
import { until } from '../tracker/waiting.js';
import type { Cluster } from './cluster.js';
import { serverUser } from './executables.js';
import { MlflowDatabase } from './mlflow-database.js';
import { openedAt } from './place.js';
import { rowsNow } from './rows-now.js';
import { ownCluster } from './shared-server.js';

const PER_SECOND = 3000;
const RESTARTS = 3;
const CUTS = 60;
const LOCK_MS = 20_000;
const DEADLOCKS = 3;

/** Who waits for a lock. */
const WAITING = 'SELECT pid FROM pg_locks WHERE NOT granted';

useChildren(CHILDREN);

let cluster: Cluster;
let database: MlflowDatabase;
const table: string[] = [];

beforeAll(async () => {
  cluster = await ownCluster();
});
beforeEach(async () => {
  database = await MlflowDatabase.make(cluster.address);
});
afterAll(async () => {
  process.stdout.write(`${table.join('\n')}\n`);
  await cluster?.remove();
});

interface Scene {
  readonly fault: string;
  /** Brings the fault and mends it. Returns how often it was seen to fire. */
  readonly play: (program: Load) => Promise<number>;
}

/** What is logged while the database takes nothing is durable within a second all the same. */
function expectDurable({ account }: Load): void {
  expect(account.begun - count(account.durable)).toBeLessThan(PER_SECOND);
}

async function connected(): Promise<Client> {
  const client = new Client({ ...database.server, host: '127.0.0.1', database: database.name });
  await client.connect();
  return client;
}

async function restarts(program: Load, how: 'fast' | 'immediate'): Promise<number> {
  const before = program.account.outages;
  for (let i = 0; i < RESTARTS; i++) {
    await program.reaches('landed');
    await cluster.stop(how);
    await until('the server to be missed', () => program.account.outages > before + i, 20_000);
    expectDurable(program);
    await cluster.start();
  }
  return program.account.outages - before;
}

const SCENES: readonly Scene[] = [
  { fault: 'server stopped at once and restarted', play: (program) => restarts(program, 'immediate') },
  { fault: 'server shut down and restarted', play: (program) => restarts(program, 'fast') },
  {
    fault: 'connections cut',
    async play(program) {
      let cut = 0;
      while (cut < CUTS) {
        const sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'headrace'";
        cut += (await database.rows(sql)).length;
        await sleep(20);
      }
      await program.reaches('landed');
      return cut;
    },
  },
  {
    fault: 'lock held on the tables',
    async play(program) {
      const holder = await connected();
      await holder.query('BEGIN');
      await holder.query('LOCK TABLE runs, params, metrics, latest_metrics, tags IN ACCESS EXCLUSIVE MODE');
      await sleep(LOCK_MS);
      expectDurable(program);
      const { length } = await database.rows(WAITING);
      await holder.query('COMMIT');
      await holder.end();
      return length;
    },
  },
  {
    fault: 'disk full',
    async play(program) {
      const disk = smallDisk(24 * 2 ** 20);
      const { uid = process.getuid?.() ?? 0, gid = process.getgid?.() ?? 0 } = await serverUser();
      chownSync(disk.folder, uid, gid);
      // The server has to come by it.
      chmodSync(dirname(disk.folder), 0o711);
      const before = program.account.outages;
      await database.rows(`CREATE TABLESPACE small LOCATION '${disk.folder}'`);
      await database.rows('ALTER TABLE metrics SET TABLESPACE small');
      // Fails for want of room, and keeps what it has taken.
      await database.rows('CREATE TABLE filler (text text) TABLESPACE small');
      const filling = database.rows('INSERT INTO filler SELECT md5(i::text) FROM generate_series(1, 1000000) AS i');
      await expect(filling).rejects.toMatchObject({ code: '53100' });
      await until('the disk to be full', () => program.account.outages > before, 60_000);
      await sleep(1000);
      expectDurable(program);
      await database.rows('DROP TABLE filler');
      const fired = program.account.outages - before;
      await program.reaches('landed');
      await database.rows('ALTER TABLE metrics SET TABLESPACE pg_default');
      await database.rows('DROP TABLESPACE small');
      return fired;
    },
  },
];

test.for(SCENES)('$fault: records are lost or doubled', async ({ fault, play }) => {
  const program = new Load({
    runs: 4,
    group: 50,
    perSecond: PER_SECOND,
    followsLast: true,
    options: { uri: database.uri, experiment: 'faults', retry: { minTimeout: 50, maxTimeout: 500 } },
  });
  await program.reaches('landed');
  const fired = await play(program);
  const { account, verdict } = await program.judged((sql, ...values) => rowsNow(database, sql, ...values.map(String)));
  const { landed, lost, doubled, wrong, findings } = verdict;
  table.push(
    `${fault}: fired ${fired}, logged ${account.begun}, landed ${landed}, lost ${lost}, doubled ${doubled}, wrong ${wrong}`,
  );
  expect({ lost, doubled, wrong, findings }).toEqual({ lost: 0, doubled: 0, wrong: 0, findings: [] });
  expect(landed).toBe(account.begun);
  expect(fired).toBeGreaterThan(0);
});

async function deadlocks(): Promise<number> {
  // The counters of a session that has just ended may still be on their way.
  const [row] = await database.rows<{ deadlocks: string }>(
    'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
  );
  return Number(row?.deadlocks);
}

test('two writers that log the same keys in other orders end in deadlocks, or lose a record', async () => {
  const run = newRun();
  const [one, two] = [await openedAt(database.uri), await openedAt(database.uri)];
  await one.createRun(run);
  const keys = Array.from({ length: 300 }, (_, i) => `k${i}`);
  for (let round = 0; round < 30; round++) {
    const items = keys.flatMap((key) => [
      { kind: 'param' as const, key: `${key}.${round}`, value: 'v' },
      { kind: 'metric' as const, key, value: round, step: round, timestamp: round },
      { kind: 'tag' as const, key, value: String(round) },
    ]);
    const batches = [one.land({ runId: run.id, items }), two.land({ runId: run.id, items: items.toReversed() })];
    for (const outcomes of await Promise.all(batches)) expect(outcomes.every((outcome) => outcome === undefined)).toBe(true);
  }
  await expect
    .poll(() => database.rows('SELECT count(*)::int AS count FROM params WHERE run_uuid = $1', run.id))
    .toEqual([{ count: 9000 }]);
  await sleep(1500);
  expect(await deadlocks()).toBe(0);
});

test('a deadlock with somebody who locks in another order loses or doubles a record', async () => {
  const run = newRun();
  const store = await openedAt(database.uri);
  await store.createRun(run);
  const metric = (key: string, step: number) => ({ kind: 'metric' as const, key, value: step, step, timestamp: step });
  await store.land({ runId: run.id, items: [metric('a', 0), metric('b', 0)] });
  const foreign = await connected();
  const touch = 'UPDATE latest_metrics SET value = value WHERE run_uuid = $1 AND key = $2';
  let refused = 0;
  for (let step = 1; refused < DEADLOCKS; step++) {
    await foreign.query('BEGIN');
    await foreign.query("SET LOCAL deadlock_timeout = '10s'");
    await foreign.query(touch, [run.id, 'b']);
    const landed = persist(() => store.land({ runId: run.id, items: [metric('a', step), metric('b', step)] }));
    await expect.poll(() => database.rows(WAITING)).not.toEqual([]);
    // Its own patience is longer, so the store is the one that is refused.
    await foreign.query(touch, [run.id, 'a']);
    await foreign.query('COMMIT');
    refused += (await landed).busy;
    expect(step).toBeLessThan(20);
  }
  await foreign.end();
  table.push(`deadlock with another writer: fired ${refused}`);
  const stored = await database.rows<{ rows: number; last: number }>(
    'SELECT (SELECT count(*)::int FROM metrics WHERE run_uuid = $1) AS rows, max(step)::int AS last FROM latest_metrics WHERE run_uuid = $1',
    run.id,
  );
  expect(stored).toEqual([{ rows: 2 * (Number(stored[0]?.last) + 1), last: stored[0]?.last }]);
});
