/** A lane's loop with a journal in front of a store of the test's own: what was taken is given back, and nothing waits for ever. */
import { existsSync } from 'node:fs';
import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { recover } from '../../src/journal/recovery.js';
import { LaneLoop } from '../../src/lane/loop.js';
import { Signal, StopRequest } from '../../src/lane/signals.js';
import { StoreBusyError } from '../../src/store/store.js';
import { newFolder } from '../journal/folder.js';
import { until } from '../tracker/waiting.js';
import { Caller, narrow } from './lane-parts.js';
import { LeftJournal } from './left-journals.js';
import { RecordingStore } from './recording-store.js';

const place: { store: RecordingStore } = vi.hoisted(() => ({ store: undefined as never })); // each test's own
vi.mock('../../src/store/open.js', () => ({ openStore: () => place.store }));

afterEach(() => void vi.restoreAllMocks());

function loopOf(caller: Caller, store: RecordingStore): { ended: Promise<void> } {
  place.store = store;
  const [bell, control] = [new MessageChannel(), new MessageChannel()];
  const { memory, settings } = caller;
  const loop = new LaneLoop({ memory, settings, attached: [], openRuns: [], bell: bell.port2, control: control.port2 });
  const ended = loop.run();
  onTestFinished(async () => {
    caller.stop(StopRequest.GiveUp);
    await ended;
    for (const { port1, port2 } of [bell, control]) {
      port1.close();
      port2.close();
    }
  });
  return { ended };
}

/** What it logs is not sent before `store` lets it. */
function leave(home: string, id: string, batches: number): string {
  const journal = new LeftJournal(home);
  const run = journal.run(id);
  for (let i = 0; i < batches; i++) journal.tags(run, 2 + i * 100, 101 + i * 100);
  return journal.leave();
}

function tags(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => `at=${from + i}`);
}

describe('a file that is locked for a while', () => {
  test('gets all of a run that is behind, and the ring its bytes back, when it takes calls again', async () => {
    narrow(500);
    const dir = newFolder();
    const store = new RecordingStore(false);
    const caller = new Caller({ dir, uri: `sqlite:///${dir}/mlflow.db` });
    store.trouble = new StoreBusyError('database is locked');
    loopOf(caller, store);
    caller.start(1);
    await until('the lock to be met', () => caller.table.journaled(1) === 1);
    for (let seq = 2; seq <= 40; seq++) caller.tag(1, seq);
    await until('the journal to have it', () => caller.table.journaled(1) === 40);
    store.isHeld = true;
    store.trouble = undefined;
    await until('the next try', () => store.waiting === 1);
    store.letGo();
    await until('the first batch', () => caller.table.settled(1) === 1 && store.waiting === 1);
    // No call is turned away any more, and the run is still behind.
    for (let seq = 41; seq <= 60; seq++) caller.tag(1, seq);
    await until('the journal to have them', () => caller.table.journaled(1) === 60);
    store.letAllGo();
    await until('all to land', () => caller.table.settled(1) === 60);
    expect(store.of('run-1').filter((text) => text.startsWith('at='))).toEqual(tags(2, 60));
    expect(caller.used).toBe(0);
  });
});

describe('what a dead process left', () => {
  test('of a run that is resumed while the worker starts goes before what is logged now', async () => {
    const store = new RecordingStore();
    store.isHeld = true;
    const caller = new Caller();
    leave(caller.journal.home, 'run-1', 3);
    caller.start(1, { resume: true });
    caller.tag(1, 2, 'now', '1');
    loopOf(caller, store);
    const trickle = setInterval(() => store.letGo(), 1);
    onTestFinished(() => clearInterval(trickle));
    await until('all to land', () => caller.table.settled(1) === 2);
    expect(store.of('run-1')).toEqual(['made', ...tags(2, 301), 'KILLED', 'resumed', 'now=1']);
  });

  test('of a parent gives its child the id that the store gave it', async () => {
    const store = new RecordingStore();
    store.idOf = (id) => `${id} in the store`;
    const caller = new Caller();
    leave(caller.journal.home, 'parent', 1);
    caller.start(1, { parentRunId: 'parent' });
    loopOf(caller, store);
    await until('the child to be made', () => caller.table.settled(1) === 1);
    const [, child] = store.made;
    expect(Object.fromEntries(child?.tags ?? [])['mlflow.parentRunId']).toBe('parent in the store');
  });

  test('is left again at the end, but for what was logged now and comes behind it', async () => {
    const store = new RecordingStore();
    store.isHeld = true;
    const caller = new Caller();
    const [other, same] = [leave(caller.journal.home, 'other', 20), leave(caller.journal.home, 'run-1', 20)];
    caller.start(1, { resume: true });
    caller.tag(1, 2, 'now', '1');
    caller.end(1, 3);
    const { ended } = loopOf(caller, store);
    await until('both to be begun', () => store.waiting === 2);
    caller.stop(StopRequest.Finish);
    const trickle = setInterval(() => store.letGo(), 1);
    onTestFinished(() => clearInterval(trickle));
    await ended;
    expect(store.of('run-1')).toEqual(['made', ...tags(2, 2001), 'KILLED', 'resumed', 'now=1', 'FINISHED']);
    expect(store.of('other').length).toBeLessThan(500);
    expect([existsSync(other), existsSync(same)]).toEqual([true, false]);
    expect(recover(other).runs.get(1)?.backlog?.records).toBe(2000 - store.of('other').slice(1).length);
  });

  test('goes before a run that is resumed and ended before its worker has begun', async () => {
    const store = new RecordingStore();
    const caller = new Caller();
    const [same, other] = [leave(caller.journal.home, 'run-1', 3), leave(caller.journal.home, 'other', 200)];
    caller.start(1, { resume: true });
    caller.tag(1, 2, 'now', '1');
    caller.end(1, 3);
    caller.stop(StopRequest.Finish);
    await loopOf(caller, store).ended;
    expect(store.of('run-1')).toEqual(['made', ...tags(2, 301), 'KILLED', 'resumed', 'now=1', 'FINISHED']);
    expect([existsSync(same), existsSync(other)]).toEqual([false, true]);
  });

  test('is not looked at by a worker that is to end, unless a run is resumed', async () => {
    const store = new RecordingStore();
    const caller = new Caller();
    leave(caller.journal.home, 'other', 1);
    caller.start(1);
    caller.end(1, 2);
    caller.stop(StopRequest.Finish);
    await loopOf(caller, store).ended;
    expect(store.all).toEqual(['run-1 made', 'run-1 FINISHED']);
  });

  test('keeps nobody waiting at the end while the store is away', async () => {
    const store = new RecordingStore();
    store.trouble = new StoreBusyError('connect ECONNREFUSED');
    const caller = new Caller();
    const folder = leave(caller.journal.home, 'other', 2);
    const { ended } = loopOf(caller, store);
    await until('a try', () => caller.signal(Signal.Retries) > 0);
    caller.stop(StopRequest.Finish);
    const startedAt = performance.now();
    await ended;
    expect(performance.now() - startedAt).toBeLessThan(2000);
    expect(recover(folder).runs.get(1)?.backlog?.records).toBe(200);
  });
});
