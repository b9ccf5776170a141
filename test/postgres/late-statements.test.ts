/** A statement whose connection broke may still be done, after its successors: really kept back, and really done late. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Item, Store } from '../../src/store/store.js';
import { newRun, persist } from '../store/calls.js';
import { uriOf } from './cluster.js';
import { HoldingRelay } from './holding-relay.js';
import type { MlflowDatabase } from './mlflow-database.js';
import { openedAt } from './place.js';
import { freshDatabase } from './shared-server.js';

let database: MlflowDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(() => database?.drop());

const tag = (key: string, value: string): Item => ({ kind: 'tag', key, value });
const param = (key: string, value: string): Item => ({ kind: 'param', key, value });

async function relayed(): Promise<{ relay: HoldingRelay; uri: string; store: Store }> {
  const relay = await HoldingRelay.start(database.server.port);
  const uri = `${uriOf({ ...database.server, port: relay.port }, database.name)}?sslmode=disable`;
  return { relay, uri, store: await openedAt(uri) };
}

async function storedRun(runId: string): Promise<{ name: string; status: string; tags: Record<string, string> }> {
  const [run] = await database.rows<{ name: string; status: string }>('SELECT name, status FROM runs WHERE run_uuid = $1', runId);
  const tags = await database.rows<{ key: string; value: string }>('SELECT key, value FROM tags WHERE run_uuid = $1', runId);
  return { name: '', status: '', ...run, tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])) };
}

/** The call's first try is kept back; its second is done. */
async function lostOnce<T>(relay: HoldingRelay, call: () => Promise<T>): Promise<T> {
  relay.holdNext();
  const { value, busy } = await persist(call);
  expect([busy, relay.held]).toEqual([1, 1]);
  return value;
}

test.each<[string, (value: string) => Item]>([
  ['a tag', (value) => tag('phase', value)],
  ['a name', (value) => tag('mlflow.runName', value)],
])('%s that is done late overwrites a later one', async (_what, set) => {
  const { relay, store } = await relayed();
  const run = newRun();
  await store.createRun(run);
  await store.land({ runId: run.id, items: [set('zero')] });
  const early = [set('one'), param('p', '1')];
  expect(await lostOnce(relay, () => store.land({ runId: run.id, items: early }))).toEqual([undefined, undefined]);
  await store.land({ runId: run.id, items: [set('two')] });
  await relay.release();
  const { name, tags } = await storedRun(run.id);
  expect(set('').key === 'phase' ? tags['phase'] : [name, tags['mlflow.runName']]).toEqual(
    set('').key === 'phase' ? 'two' : ['two', 'two'],
  );
});

test('a tag that a dead process sent and that is done late overwrites what its successor wrote', async () => {
  const { relay, uri, store } = await relayed();
  const run = newRun();
  await store.createRun(run);
  relay.holdNext();
  await expect(store.land({ runId: run.id, items: [tag('phase', 'one')] })).rejects.toThrow('broke off');
  const successor = await openedAt(uri);
  await successor.land({ runId: run.id, items: [tag('phase', 'one')], triedBefore: true });
  await successor.land({ runId: run.id, items: [tag('phase', 'two')] });
  await relay.release();
  expect((await storedRun(run.id)).tags).toMatchObject({ phase: 'two' });
});

test('the end of a run that is done late ends it again after it was resumed', async () => {
  const { relay, store } = await relayed();
  const run = newRun();
  await store.createRun(run);
  await lostOnce(relay, () => store.endRun({ runId: run.id, status: 'FINISHED', endTime: 1 }));
  await store.createRun(newRun({ id: run.id, resume: true }));
  await relay.release();
  expect((await storedRun(run.id)).status).toBe('RUNNING');
});

test('the start of a run that is done late makes it twice, or sets back its name', async () => {
  const { relay, store } = await relayed();
  const run = newRun({ tags: [['phase', 'zero']] });
  await lostOnce(relay, () => store.createRun(run));
  await store.land({ runId: run.id, items: [tag('phase', 'one'), tag('mlflow.runName', 'mine')] });
  await relay.release();
  expect(await storedRun(run.id)).toMatchObject({ name: 'mine', tags: { phase: 'one', 'mlflow.runName': 'mine' } });
});

test('somebody else’s change of the run between two tags keeps the second from landing', async () => {
  const { store } = await relayed();
  const run = newRun();
  await store.createRun(run);
  for (const value of ['one', 'two']) {
    await database.rows('UPDATE runs SET name = $1 WHERE run_uuid = $2', `renamed ${value}`, run.id);
    expect(await store.land({ runId: run.id, items: [tag('phase', value)] })).toEqual([undefined]);
  }
  expect((await storedRun(run.id)).tags).toMatchObject({ phase: 'two' });
});

test('what holds the run’s row while a tag is under way lets it write over a newer one', async () => {
  const { store } = await relayed();
  const other = await openedAt(database.uri);
  const run = newRun();
  await store.createRun(run);
  // The first waits for the row; meanwhile its version changes.
  const { Client } = await import('pg');
  const holder = new Client({ ...database.server, host: '127.0.0.1', database: database.name });
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query("UPDATE runs SET name = 'held' WHERE run_uuid = $1", [run.id]);
  const waiting = store.land({ runId: run.id, items: [tag('phase', 'one')] });
  await expect
    .poll(() => database.rows("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"))
    .toHaveLength(1);
  await holder.query('COMMIT');
  await holder.end();
  expect(await waiting).toEqual([undefined]);
  await other.land({ runId: run.id, items: [tag('phase', 'two')] });
  expect(await storedRun(run.id)).toMatchObject({ name: 'held', tags: { phase: 'two' } });
});
