/** Journals sent to a server that fails in between: nothing is lost, nothing stands there twice. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { foldersIn } from '../../src/journal/home.js';
import type { LeftoverProgress } from '../../src/lane/leftovers.js';
import { replay } from '../../src/lane/replay.js';
import { resolveOptions } from '../../src/options.js';
import { newFolder } from '../journal/folder.js';
import { LeftJournal } from '../lane/left-journals.js';
import { until } from '../tracker/waiting.js';
import type { Deed } from './fake-mlflow.js';
import type { HeldRun } from './mlflow-state.js';
import { Served } from './served.js';

const RUNS = ['a'.repeat(32), 'b'.repeat(32)];

function leave(home: string): void {
  for (const id of RUNS) {
    const journal = new LeftJournal(home);
    const run = journal.run(id, { name: id });
    for (let i = 0; i < 5; i++) journal.tags(run, 2 + i * 100, 101 + i * 100);
    journal.leave();
  }
}

function start(served: Served, home: string): { done: Promise<Readonly<LeftoverProgress>>; abort: () => void } {
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const settings = resolveOptions({ uri: served.fake.url, retry: { minTimeout: 5, maxTimeout: 20 } }, {}, home);
  const watcher = { down: () => undefined, up: () => undefined, notice: () => undefined };
  const done = replay({ home, folders: foldersIn(home), settings, watcher, signal: abort.signal });
  return { done, abort: () => abort.abort() };
}

function sent(served: Served, id: string): HeldRun[] {
  return [...served.fake.state.runs.values()].filter(({ name }) => name === id);
}

function expectAll(served: Served): void {
  for (const id of RUNS) {
    const [run, ...more] = sent(served, id);
    expect(more).toEqual([]);
    expect(run?.status).toBe('KILLED');
    const values = run?.journal.filter((row) => row.startsWith('tag at=')) ?? [];
    // What is sent again is the same rows once more, from an earlier place on.
    expect([...new Set(values)]).toEqual(Array.from({ length: 500 }, (_, i) => `tag at=${i + 2}`));
    expect(run?.tags.get('at')).toBe('501');
  }
}

describe('a replay', () => {
  test.each<[string, string, Deed]>([
    ['the answer to a creation is lost', 'runs/create', { reset: 'after applying' }],
    ['a creation never gets there', 'runs/create', { reset: 'before applying' }],
    ['the answer to a batch is lost', 'runs/log-batch', { reset: 'after applying' }],
    ['the server is overloaded', 'runs/log-batch', { answer: { status: 503 } }],
    ['the answer to an end is lost', 'runs/update', { reset: 'after applying' }],
  ])('sends everything once when %s', async (_, path, deed) => {
    const home = newFolder();
    leave(home);
    const served = await Served.start();
    served.fake.fault({ path }, deed, 2);
    const progress = await start(served, home).done;
    expect([progress.settled, progress.buried, foldersIn(home)]).toEqual([1000, 0, []]);
    expectAll(served);
  });

  test.each(['runs/create', 'runs/log-batch', 'runs/update'])(
    'that is ended while %s hangs is over at once, and the next one sends the rest',
    async (path) => {
      const home = newFolder();
      leave(home);
      const served = await Served.start();
      const fault = served.fake.fault({ path }, { hang: 'after applying' }, 2);
      const first = start(served, home);
      await until('both to hang', () => fault.fired === 2);
      first.abort();
      const startedAt = performance.now();
      await first.done;
      expect(performance.now() - startedAt).toBeLessThan(2000);
      expect(foldersIn(home)).toHaveLength(2);
      await start(served, home).done;
      expectAll(served);
      expect(foldersIn(home)).toEqual([]);
    },
  );

  test('beside another one of the same process leaves it what that has taken', async () => {
    const home = newFolder();
    leave(home);
    const served = await Served.start();
    const both = await Promise.all([start(served, home).done, start(served, home).done]);
    expect(both.reduce((sum, { settled }) => sum + settled, 0)).toBe(1000);
    expectAll(served);
    expect(foldersIn(home)).toEqual([]);
  });
});
