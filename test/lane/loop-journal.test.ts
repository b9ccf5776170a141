/** A lane's loop with a journal in front of a store of the test's own: what was taken is given back, and nothing waits for ever. */
import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { LaneLoop } from '../../src/lane/loop.js';
import { StopRequest } from '../../src/lane/signals.js';
import { StoreBusyError } from '../../src/store/store.js';
import { newFolder } from '../journal/folder.js';
import { until } from '../tracker/waiting.js';
import { Caller, narrow } from './lane-parts.js';
import { RecordingStore } from './recording-store.js';

const place: { store: RecordingStore } = vi.hoisted(() => ({ store: undefined as never })); // each test's own
vi.mock('../../src/store/open.js', () => ({ openStore: () => place.store }));

afterEach(() => void vi.restoreAllMocks());

function loopOf(caller: Caller, store: RecordingStore): { ended: Promise<void> } {
  place.store = store;
  const [bell, control] = [new MessageChannel(), new MessageChannel()];
  const { memory, settings } = caller;
  const loop = new LaneLoop({ memory, settings, openRuns: [], bell: bell.port2, control: control.port2 });
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
