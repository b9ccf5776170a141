/** What a lane's journal promises to a worker that takes over, and while it can't be written. */
import fs, { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { JournalFullError } from '../../src/errors.js';
import { recover } from '../../src/journal/recovery.js';
import { newFolder } from '../journal/folder.js';
import { readAll } from '../journal/samples.js';
import { until } from '../tracker/waiting.js';
import { Caller, fillDisk, narrow, Worker } from './lane-parts.js';
import { RecordingStore } from './recording-store.js';

afterEach(() => void vi.restoreAllMocks());

async function untilIdle(worker: Worker): Promise<void> {
  await until('everything to land', () => {
    worker.keep();
    worker.fill();
    worker.send();
    return worker.isIdle;
  });
}

describe('a worker that takes over', () => {
  test('offline acknowledges nothing: all of it stays for the sync', async () => {
    const caller = new Caller({ uri: 'offline' });
    const first = new Worker(caller, new RecordingStore(false));
    caller.start(1);
    caller.start(2);
    for (let seq = 2; seq < 12; seq++) {
      caller.tag(1, seq);
      caller.tag(2, seq);
    }
    caller.end(2, 12);
    first.drain();
    expect(first.keep()).toBe(true);
    first.send();
    await until('both runs to land', () => caller.table.settled(1) === 11 && caller.table.settled(2) === 12);
    first.die();
    const second = new Worker(
      caller,
      new RecordingStore(false),
      caller.openRuns.filter(({ slot }) => slot === 1),
    );
    caller.tag(1, 12);
    second.drain();
    await untilIdle(second);
    second.close();
    const left = [...recover(caller.journal.folder).runs.values()].map(({ state, backlog }) => [
      state.opened?.id,
      backlog?.records,
      state.ended?.status,
    ]);
    expect(left).toEqual([
      ['run-1', 11, undefined],
      ['run-2', 10, 'FINISHED'],
    ]);
  });

  test('reads a record again of which only a part got into the journal', async () => {
    const path = join(newFolder(), 'config.json');
    const params = Object.fromEntries(Array.from({ length: 6000 }, (_, i) => [`p${i}`, i]));
    writeFileSync(path, JSON.stringify(params));
    const caller = new Caller();
    const first = new Worker(caller, new RecordingStore());
    caller.start(1);
    caller.tag(1, 2);
    caller.config(1, 3, path);
    const disk = fillDisk(70_000);
    first.drain();
    expect(first.keep()).toBe(false);
    first.die();
    disk.makeRoom();
    expect(recover(caller.journal.folder).runs.get(1)?.backlog?.frames).toBe(3);
    const store = new RecordingStore();
    const second = new Worker(caller, store, caller.openRuns);
    expect(caller.table.journaled(1)).toBe(2);
    second.drain();
    await untilIdle(second);
    expect(caller.table.settled(1)).toBe(3);
    // Twice for a part of them, which is once for a store.
    const landed = new Set(store.of('run-1').filter((text) => /^p\d/.test(text)));
    expect([...landed]).toEqual(Object.entries(params).map((pair) => pair.join('=')));
    second.close();
  });

  test('takes no run for another that got the number which it had when its records were not yet written', async () => {
    const caller = new Caller();
    const first = new Worker(caller, new RecordingStore());
    caller.start(3);
    first.drain();
    expect(first.keep()).toBe(true);
    const disk = fillDisk(0);
    caller.start(1);
    first.drain();
    expect(first.keep()).toBe(false);
    first.send();
    await until('the first run to be made', () => caller.table.settled(1) === 1);
    first.die();
    disk.makeRoom();
    const second = new Worker(caller, new RecordingStore(), caller.openRuns);
    caller.start(2);
    for (let seq = 2; seq < 10; seq++) caller.tag(2, seq);
    caller.end(2, 10);
    second.drain();
    expect(second.keep()).toBe(true);
    second.send();
    await until('the second run to end', () => caller.table.settled(2) === 10);
    second.die();
    const store = new RecordingStore();
    const third = new Worker(caller, store, caller.openRuns.slice(0, 2));
    caller.tag(1, 2);
    third.drain();
    await untilIdle(third);
    expect(store.of('run-1').slice(1)).toEqual(['at=2']);
    third.close();
  });
});

describe('a journal that can not be written', () => {
  test('gives no byte of the ring back for what is in memory alone', async () => {
    const dir = join(newFolder(), 'a file');
    writeFileSync(dir, '');
    const caller = new Caller({ dir });
    const store = new RecordingStore();
    const worker = new Worker(caller, store);
    caller.start(1);
    for (let seq = 2; seq < 50; seq++) caller.tag(1, seq);
    worker.drain();
    const { used } = caller;
    // Not tried again for a while, it is no more written than before.
    expect([worker.keep(), worker.keep()]).toEqual([false, false]);
    expect([caller.used, caller.table.journaled(1)]).toEqual([used, 0]);
    worker.send();
    await until('everything to land', () => worker.isIdle);
    expect([caller.used, caller.table.settled(1)]).toEqual([0, 49]);
    expect(worker.notices).toEqual(['HEADRACE_JOURNAL_WRITE']);
  });

  test('keeps no run waiting that has more than memory should hold', async () => {
    narrow(300);
    const dir = join(newFolder(), 'a file');
    writeFileSync(dir, '');
    const caller = new Caller({ dir });
    const store = new RecordingStore();
    const worker = new Worker(caller, store);
    caller.start(1);
    for (let seq = 2; seq < 50; seq++) caller.tag(1, seq);
    worker.drain();
    await untilIdle(worker);
    expect(caller.table.settled(1)).toBe(49);
  });

  test('is not waited for when what it should have has landed', async () => {
    const caller = new Caller();
    const worker = new Worker(caller, new RecordingStore());
    caller.start(1);
    worker.drain();
    expect(worker.keep()).toBe(true);
    const disk = fillDisk(0);
    for (let seq = 2; seq < 10; seq++) caller.tag(1, seq);
    worker.drain();
    expect(worker.keep()).toBe(false);
    worker.send();
    await until('all to land', () => caller.table.settled(1) === 9);
    await until('the journal to be done with', () => worker.keep());
    disk.makeRoom();
    expect(worker.notices).toEqual(['HEADRACE_JOURNAL_WRITE']);
  });

  test('offline, as its limit is reached, fails each record that has no room, and says so once', async () => {
    const caller = new Caller({ uri: 'offline', maxBytes: 70_000 });
    const worker = new Worker(caller, new RecordingStore(false));
    caller.start(1);
    let seq = 1;
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 20; i++) caller.tag(1, ++seq, 'at', `${seq}${'.'.repeat(100)}`);
      worker.drain();
      await until('all to be kept or refused', () => worker.keep());
    }
    expect(worker.notices).toEqual(['HEADRACE_JOURNAL_FULL']);
    caller.end(1, ++seq);
    worker.drain();
    await until('its end to be kept', () => worker.keep());
    await untilIdle(worker);
    expect([caller.table.settled(1), caller.used]).toEqual([seq, 0]);
    worker.close();
    const kept = readAll(caller.journal.folder).records.flatMap((record) => (record.kind === 'items' ? record.items : []));
    const refused = caller.listen().reduce((sum, { count }) => sum + count, 0);
    expect(kept.length).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
    expect(kept.length + refused).toBe(80);
    expect(caller.told[0]?.error).toBeInstanceOf(JournalFullError);
    expect(recover(caller.journal.folder).runs.get(1)?.state.ended?.status).toBe('FINISHED');
  });
});

describe('the journal', () => {
  test('with durability fsync calls nothing durable before it is synced, and writes all of it again when that fails', async () => {
    const caller = new Caller({ durability: 'fsync' });
    const store = new RecordingStore();
    store.isHeld = true;
    const worker = new Worker(caller, store);
    caller.start(1);
    worker.drain();
    expect(worker.keep()).toBe(true);
    for (let seq = 2; seq < 10; seq++) caller.tag(1, seq);
    worker.drain();
    const { used } = caller;
    const sync = vi.spyOn(fs, 'fdatasyncSync').mockImplementation(() => {
      throw Object.assign(new Error('i/o error'), { code: 'EIO' });
    });
    expect(worker.keep()).toBe(false);
    expect([caller.table.journaled(1), caller.used]).toEqual([1, used]);
    sync.mockRestore();
    await until('the next try', () => worker.keep());
    expect([caller.table.journaled(1), caller.used]).toEqual([9, 0]);
    worker.die();
    const next = new RecordingStore();
    const second = new Worker(caller, next, caller.openRuns);
    await untilIdle(second);
    expect(next.of('run-1').slice(1)).toEqual(Array.from({ length: 8 }, (_, i) => `at=${i + 2}`));
    second.close();
  });

  test('knows at once what tags a run was made with, as a sync would make others', async () => {
    const caller = new Caller({ uri: 'offline' });
    const worker = new Worker(caller, new RecordingStore(false));
    caller.start(1);
    worker.drain();
    worker.keep();
    worker.send();
    await until('the run to be made', () => caller.table.settled(1) === 1);
    worker.keep();
    const request = JSON.parse(recover(caller.journal.folder).runs.get(1)?.state.opened?.request ?? '{}');
    expect(request).toMatchObject({ id: 'run-1', isTagged: true });
  });

  test('calls nothing durable that was refused before the caller can be told', async () => {
    const caller = new Caller();
    const worker = new Worker(caller, new RecordingStore());
    caller.start(1);
    let seq = 1;
    let isKept = true;
    while (isKept) {
      while (caller.tag(1, seq + 1, 'a\tb', '')) seq++;
      worker.drain();
      isKept = worker.keep();
    }
    // Nobody has listened so far, and this much has room.
    const durable = caller.table.journaled(1);
    expect(durable).toBeLessThan(seq);
    const told = caller.listen().length;
    expect(told).toBeGreaterThanOrEqual(durable - 1);
    await until('the rest to be told', () => worker.keep());
    expect(caller.table.journaled(1)).toBe(seq);
    expect(new Set(caller.listen().map((one) => one.seq)).size).toBe(seq - 1);
  });
});
