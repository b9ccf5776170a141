/** What is logged while a store takes nothing: it is in the journal, and reaches the store once and in order, whoever dies. */
import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createTracker, type Tracker } from '../../src/index.js';
import { foldersIn, journalHome } from '../../src/journal/home.js';
import { parseStoreUri } from '../../src/store/uri.js';
import { newFolder } from '../journal/folder.js';
import { Served } from '../server/served.js';
import { Stored } from './stored.js';
import { until } from './waiting.js';
import { killWorker } from './worker-threads.js';

function journals(dir: string, uri: string): string[] {
  return foldersIn(journalHome(dir, parseStoreUri(uri, dir, {})));
}

const RETRY = { minTimeout: 5, maxTimeout: 20 };

function rows(served: Served, id: string): string[] {
  return served.run(id).journal.filter((row) => !/^tag (?:mlflow|headrace)\./.test(row));
}

/** A second program: it takes over what is in the folder. */
function nextTracker(served: Served, dir: string): Tracker {
  return served.tracker({ journal: { dir }, retry: RETRY });
}

describe('a server that is away', () => {
  test('gets everything from the next tracker: runs, children, ends, and nothing twice', async () => {
    const dir = newFolder();
    const served = await Served.start();
    await served.fake.goDown();
    const first = createTracker({ uri: served.fake.url, journal: { dir }, workers: 2, retry: RETRY });
    const parent = first.startRun({ name: 'parent' });
    const children = [1, 2, 3].map((i) => first.startRun({ name: `child ${i}`, parentRunId: parent.id }));
    for (let i = 0; i < 300; i++) for (const run of children) run.setTag('at', String(i));
    parent.logParam('lr', 0.5);
    const [ended] = children;
    void ended?.end('FAILED', { throwOnFailure: false, timeoutMs: 1 }).catch(() => undefined);
    await parent.logParam('last', 1).durable();
    await first.close({ timeoutMs: 300, throwOnFailure: false });
    const left = journals(dir, served.fake.url);
    expect(left).not.toEqual([]);
    await served.fake.comeBack();
    nextTracker(served, dir).startRun();
    await until('all to be sent', () => !left.some((folder) => existsSync(folder)));
    const byName = new Map([...served.fake.state.runs.values()].map((run) => [run.name, run]));
    expect([...byName.keys()].filter((name) => name.startsWith('child')).sort()).toEqual(['child 1', 'child 2', 'child 3']);
    const made = byName.get('parent');
    for (const i of [1, 2, 3]) {
      const child = byName.get(`child ${i}`);
      expect(child?.tags.get('mlflow.parentRunId')).toBe(made?.id);
      expect(child?.journal.filter((row) => row.startsWith('tag at='))).toEqual(
        Array.from({ length: 300 }, (_, at) => `tag at=${at}`),
      );
    }
    expect(
      [...byName.values()]
        .filter(({ name }) => /parent|child/.test(name))
        .map(({ name, status }) => `${name} ${status}`)
        .sort(),
    ).toEqual(['child 1 FAILED', 'child 2 FINISHED', 'child 3 FINISHED', 'parent FINISHED']);
    expect(made?.params.size).toBe(2);
  });

  test('and does a dead process’s last request late: what was logged after it stands', async () => {
    const dir = newFolder();
    const served = await Served.start();
    const first = createTracker({ uri: served.fake.url, journal: { dir }, retry: RETRY });
    const run = first.startRun();
    await run.flush();
    const late = served.fake.fault({ path: 'runs/log-batch' }, { hang: 'before applying' });
    run.setTag('phase', 'one');
    await until('the request', () => late.fired === 1);
    await run.setTag('phase', 'two').durable();
    await first.close({ timeoutMs: 100, throwOnFailure: false });
    const left = journals(dir, served.fake.url);
    expect(left).toHaveLength(1);
    served.fake.afterApplying({ path: 'runs/log-batch', body: '"two"' }, () => late.release());
    nextTracker(served, dir).startRun();
    await until('all to be sent', () => !left.some((folder) => existsSync(folder)));
    const id = await run.storeId;
    expect(rows(served, id).filter((row) => row === 'tag phase=one')).toHaveLength(2);
    expect(served.tags(id)).toMatchObject({ phase: 'two' });
  });

  test('and a worker that dies meanwhile, twice: what is durable is not lost, and order is kept', async () => {
    const dir = newFolder();
    const served = await Served.start();
    const tracker = served.tracker({ journal: { dir }, retry: RETRY });
    const run = tracker.startRun();
    await run.logParam('first', 1);
    await served.fake.goDown();
    let at = 0;
    for (const count of [200, 300]) {
      for (let i = 0; i < count; i++) run.setTag('at', String(at++));
      await run.setTag('at', String(at++)).durable();
      await killWorker(tracker);
    }
    const last = run.setTag('at', String(at++));
    await served.fake.comeBack();
    await last;
    const id = await run.storeId;
    expect(rows(served, id).filter((row) => row.startsWith('tag at='))).toEqual(
      Array.from({ length: at }, (_, i) => `tag at=${i}`),
    );
    await run.end();
    expect(served.run(id).status).toBe('FINISHED');
  });

  test('and a run that only began when its worker died: its id in the store is known all the same', async () => {
    const dir = newFolder();
    const served = await Served.start();
    const tracker = served.tracker({ journal: { dir }, retry: RETRY });
    await tracker.startRun().logParam('boot', 1);
    await served.fake.goDown();
    const run = tracker.startRun();
    const id = run.storeId;
    await until('it to be tried', () => tracker.stats().retries > 0);
    await killWorker(tracker);
    await served.fake.comeBack();
    expect(served.run(await id).status).toBe('RUNNING');
  });
});

describe('offline', () => {
  test('a worker that dies takes nothing from the sync', async () => {
    const dir = newFolder();
    const served = await Served.start();
    vi.stubEnv('HEADRACE_OFFLINE', '1');
    onTestFinished(() => void vi.unstubAllEnvs());
    const first = createTracker({ uri: served.fake.url, journal: { dir } });
    const [ended, open] = [first.startRun({ name: 'ended' }), first.startRun({ name: 'open' })];
    for (let i = 0; i < 50; i++) ended.logParam(`p${i}`, i);
    await ended.end();
    for (let i = 0; i < 50; i++) open.logParam(`p${i}`, i);
    await open.logParam('more', 1);
    await killWorker(first);
    await open.logParam('after', 1);
    await first.close();
    expect(served.fake.seen).toEqual([]);
    vi.unstubAllEnvs();
    const left = journals(dir, served.fake.url);
    expect(left).toHaveLength(1);
    await nextTracker(served, dir).startRun({ name: 'next' }).setTag('k', 'v');
    await until('all to be sent', () => !left.some((folder) => existsSync(folder)));
    const found = [...served.fake.state.runs.values()]
      .map(({ name, status, params }) => `${name} ${status} ${params.size}`)
      .sort();
    expect(found).toEqual(['ended FINISHED 50', 'next RUNNING 0', 'open FINISHED 52']);
  });
});

describe('a file that is locked', () => {
  test('for longer than its tracker lives gets all of it from the next one', async () => {
    const stored = new Stored();
    const dir = newFolder();
    const first = createTracker({ uri: stored.uri, journal: { dir }, retry: { maxRetryTime: 60_000 } });
    const run = first.startRun();
    await run.logParam('landed', 1);
    const lock = stored.lock();
    for (let i = 0; i < 500; i++) run.setTag('at', String(i));
    await run.logParam('kept', 1).durable();
    await first.close({ timeoutMs: 300, throwOnFailure: false });
    expect(journals(dir, stored.uri)).toHaveLength(1);
    lock.release();
    const next = stored.tracker({ journal: { dir } });
    await next.startRun().logParam('next', 1);
    await until('all to be sent', () => journals(dir, stored.uri).length === 0);
    expect([stored.params(run.id), stored.tags(run.id).at]).toEqual([{ landed: '1', kept: '1' }, '499']);
    expect(stored.run(run.id)?.status).toBe('FINISHED');
    expect(readdirSync(journalHome(dir, parseStoreUri(stored.uri, dir, {})))).toEqual(['store.json']);
  });
});
