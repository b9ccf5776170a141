/** What killed processes left is sent: all of it, in order, once, and what can't be sent stays. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { InvalidKeyError, ParamConflictError } from '../../src/errors.js';
import { OwnerLock } from '../../src/journal/owner-lock.js';
import { type DeadLetter, deadLettersPath } from '../../src/lane/dead-letters.js';
import type { LeftoverProgress } from '../../src/lane/leftovers.js';
import { replay } from '../../src/lane/replay.js';
import { resolveOptions, type TrackerOptions } from '../../src/options.js';
import { StoreBusyError } from '../../src/store/store.js';
import { newFolder } from '../journal/folder.js';
import { until } from '../tracker/waiting.js';
import { narrow } from './lane-parts.js';
import { LeftJournal } from './left-journals.js';
import { RecordingStore } from './recording-store.js';

const place: { store: RecordingStore } = vi.hoisted(() => ({ store: undefined as never })); // each test's own
vi.mock('../../src/store/open.js', () => ({ openStore: () => place.store }));

beforeEach(() => {
  place.store = new RecordingStore();
  return () => void vi.restoreAllMocks();
});

interface Replaying {
  readonly notices: string[];
  readonly done: Promise<Readonly<LeftoverProgress>>;
  abort(): void;
}

function start(home: string, retry: TrackerOptions['retry'] = {}): Replaying {
  const abort = new AbortController();
  const notices: string[] = [];
  const watcher = { down: () => undefined, up: () => undefined, notice: (text: string) => notices.push(text) };
  const folders = readdirSync(home, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(home, name))
    .sort();
  const settings = resolveOptions({ uri: 'http://127.0.0.1:9', retry: { minTimeout: 1, maxTimeout: 2, ...retry } }, {}, home);
  const done = replay({ home, folders, settings, watcher, signal: abort.signal });
  onTestFinished(() => abort.abort());
  return { notices, done, abort: () => abort.abort() };
}

function lettersOf(home: string): DeadLetter[] {
  const path = deadLettersPath(home);
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as DeadLetter); // its own lines
}

function tags(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => `at=${from + i}`);
}

/** As `tags` wants them: 100 in each batch. */
function leaveBatches(journal: LeftJournal, id: string, count: number): void {
  const run = journal.run(id);
  for (let i = 0; i < count; i++) journal.tags(run, 2 + i * 100, 101 + i * 100);
  journal.leave();
}

describe('what is left is sent', () => {
  test('of more journals than are open at once, each run once, and no folder stays', async () => {
    const home = newFolder();
    const ids = Array.from({ length: 40 }, (_, i) => `run ${i}`);
    for (const id of ids) {
      const journal = new LeftJournal(home);
      journal.tags(journal.run(id), 2, 4).leave();
    }
    const progress = await start(home).done;
    expect(ids.map((id) => place.store.of(id))).toEqual(ids.map(() => ['made', ...tags(2, 4), 'KILLED']));
    expect(progress).toEqual({ journals: 40, runs: 40, records: 120, settled: 120, live: 0, buried: 0 });
    expect(readdirSync(home)).toEqual([]);
  });

  test('and a run that has ended is not killed, nor is its end counted as a record', async () => {
    const home = newFolder();
    const journal = new LeftJournal(home);
    const run = journal.run('a');
    journal.tags(run, 2, 9).end(run, 10).leave();
    const progress = await start(home).done;
    expect(place.store.of('a')).toEqual(['made', ...tags(2, 9), 'FINISHED']);
    expect([progress.records, progress.settled]).toEqual([8, 8]);
  });

  test('not when all of it has landed: then only the folder goes', async () => {
    const home = newFolder();
    const journal = new LeftJournal(home);
    const run = journal.run('a');
    journal.tags(run, 2, 9).end(run, 10).landed(run, 10).leave();
    const progress = await start(home).done;
    expect([place.store.all, progress.journals, readdirSync(home)]).toEqual([[], 0, []]);
  });

  test('from behind what has landed', async () => {
    const home = newFolder();
    const journal = new LeftJournal(home);
    const run = journal.run('a');
    journal.tags(run, 2, 9).tags(run, 10, 20).storeId(run, 'id').landed(run, 12).leave();
    const progress = await start(home).done;
    expect(place.store.all).toEqual([...tags(13, 20), 'KILLED'].map((text) => `id ${text}`));
    expect(progress.settled).toBe(8);
  });

  test('not of a journal whose owner lives', async () => {
    const home = newFolder();
    const journal = new LeftJournal(home);
    const folder = journal.tags(journal.run('a'), 2, 9).leave();
    const lock = OwnerLock.acquire(folder, { holder: 'lane 0' });
    expect((await start(home).done).live).toBe(1);
    expect(place.store.all).toEqual([]);
    lock?.release();
    expect((await start(home).done).settled).toBe(8);
  });

  test('more than memory holds, of several runs, each in its order', async () => {
    narrow(1000);
    const home = newFolder();
    const journal = new LeftJournal(home);
    const runs = ['a', 'b', 'c'].map((id) => journal.run(id));
    for (let seq = 2; seq < 500; seq += 5) for (const run of runs) journal.tags(run, seq, seq + 4);
    journal.leave();
    await start(home).done;
    for (const id of ['a', 'b', 'c']) expect(place.store.of(id)).toEqual(['made', ...tags(2, 501), 'KILLED']);
  });

  test('with a run in two journals: the later one waits for the end of the first', async () => {
    const home = newFolder();
    const first = new LeftJournal(home);
    const second = new LeftJournal(home);
    leaveBatches(first, 'a', 5);
    const resumed = second.run('a', { resume: true });
    second.tags(resumed, 1000, 1004).end(resumed, 1005).leave();
    place.store.isHeld = true;
    const trickle = setInterval(() => place.store.letGo(), 1);
    await start(home).done;
    clearInterval(trickle);
    expect(place.store.of('a')).toEqual(['made', ...tags(2, 501), 'KILLED', 'resumed', ...tags(1000, 1004), 'FINISHED']);
  });

  test('with a child in an earlier journal than its parent: it gets the id that the store gave the parent', async () => {
    place.store.idOf = (id) => `${id} in the store`;
    const home = newFolder();
    const children = new LeftJournal(home);
    const parents = new LeftJournal(home);
    children.run('child', { parentRunId: 'parent' });
    children.leave();
    parents.run('parent');
    parents.leave();
    await start(home).done;
    expect(place.store.made.map(({ id, tags: made }) => [id, Object.fromEntries(made)['mlflow.parentRunId']])).toEqual([
      ['parent', undefined],
      ['child', 'parent in the store'],
    ]);
  });
});

describe('what is refused for good', () => {
  test('is buried alone, also when the record has more', async () => {
    const home = newFolder();
    place.store.refuse = ({ key }) =>
      key === 'bad' ? new ParamConflictError({ runId: 'a', key, storedValue: '1', newValue: '2' }) : undefined;
    const journal = new LeftJournal(home);
    const run = journal.run('a');
    journal.items(
      run,
      2,
      2,
      ['good', 'bad', 'fine'].map((key) => ({ kind: 'param' as const, key, value: '2' })),
    );
    journal.tags(run, 3, 5).leave();
    const progress = await start(home).done;
    expect(place.store.of('a')).toEqual(['made', 'good=2', 'fine=2', ...tags(3, 5), 'KILLED']);
    expect(lettersOf(home)).toEqual([
      expect.objectContaining({ runId: 'a', item: { kind: 'param', key: 'bad', value: '2' }, code: 'HEADRACE_PARAM_CONFLICT' }),
    ]);
    expect([progress.buried, progress.settled, progress.records]).toEqual([1, 4, 4]);
  });

  test('keeps values that JSON has not', async () => {
    const home = newFolder();
    place.store.refuse = ({ key }) => new InvalidKeyError({ key, reason: 'it is not allowed' });
    const journal = new LeftJournal(home);
    const values = [Number.NaN, Number.POSITIVE_INFINITY, 0.5];
    journal.items(
      journal.run('a'),
      2,
      4,
      values.map((value) => ({ kind: 'metric', key: 'loss', value, timestamp: 1, step: 1 })),
    );
    journal.leave();
    await start(home).done;
    expect(lettersOf(home).map(({ item }) => item?.value)).toEqual(['NaN', 'Infinity', 0.5]);
  });
});

describe('what can not be sent now', () => {
  test.each([1000, 1_000_000])(
    'stays when a file is locked for too long, and is sent by the next (%s bytes held)',
    async (held) => {
      narrow(held);
      const home = newFolder();
      for (const id of ['a', 'b', 'c']) {
        const journal = new LeftJournal(home);
        leaveBatches(journal, id, 5);
        // Made already, or to be made.
        if (id !== 'c') journal.storeId(1, id).landed(1, 1);
      }
      place.store = new RecordingStore(false);
      place.store.trouble = new StoreBusyError('database is locked');
      const first = start(home, { maxRetryTime: 200 });
      expect((await first.done).settled).toBe(0);
      expect(first.notices.filter((text) => text.includes('stays there'))).toHaveLength(3);
      expect(lettersOf(home)).toEqual([]);
      place.store.trouble = undefined;
      expect((await start(home).done).settled).toBe(1500);
      for (const id of ['a', 'b']) expect(place.store.of(id)).toEqual([...tags(2, 501), 'KILLED']);
      expect(place.store.of('c')).toEqual(['made', ...tags(2, 501), 'KILLED']);
    },
  );

  test('stays when it is ended half-way, and what has landed by then is not sent again', async () => {
    const home = newFolder();
    for (const id of ['a', 'b']) leaveBatches(new LeftJournal(home), id, 8);
    place.store.isHeld = true;
    const first = start(home);
    for (let calls = 0; calls < 9; calls++) {
      await until('a call', () => place.store.waiting === 2);
      place.store.letGo();
    }
    first.abort();
    const { settled } = await first.done;
    expect(settled).toBeGreaterThan(100);
    expect(settled).toBeLessThan(1600);
    const second = await start(home).done;
    expect([second.records, second.settled]).toEqual([1600 - settled, 1600 - settled]);
    for (const id of ['a', 'b']) expect(place.store.of(id)).toEqual(['made', ...tags(2, 801), 'KILLED']);
    expect(readdirSync(home)).toEqual([]);
  });
});
