import { describe, expect, test } from 'vitest';
import {
  attachTracker,
  ClosedError,
  createTracker,
  OptionError,
  type Tracker,
  type TrackerHandle,
  WorkerDiedError,
} from '../../src/index.js';
import { Served } from '../server/served.js';
import { Stored } from '../tracker/stored.js';
import { failureOf, until, untilInPlace } from '../tracker/waiting.js';
import { threadsOf } from '../tracker/worker-threads.js';
import { LoggingThread, useThreads } from './logging-thread.js';

useThreads();

interface Internals {
  readonly lanes: readonly { readonly threads: { readonly threads: ReadonlyMap<string, unknown> } | undefined }[];
}

/** What no user can reach: the threads that the tracker still knows. */
function known(tracker: Tracker): number {
  const [lane] = (tracker as unknown as Internals).lanes;
  return lane?.threads?.threads.size ?? 0;
}

/** Every one up to the last, once. */
function expectAll(stored: Stored, key: string, published: number): void {
  const rows = stored.rows('SELECT step FROM metrics WHERE key = ? ORDER BY step', key).map(({ step }) => Number(step));
  expect(rows.length).toBeGreaterThanOrEqual(published);
  expect(rows).toEqual(Array.from({ length: rows.length }, (_, i) => i));
}

describe('a thread that is terminated', () => {
  test('at whatever moment loses nothing that it had logged, and its runs are KILLED', { timeout: 120_000 }, async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const shared = tracker.startRun();
    const handle = tracker.handle();
    const published = new Map<string, number>();
    const one = async (i: number): Promise<void> => {
      const isShared = i % 2 === 0;
      const thread = new LoggingThread({
        handle,
        ...(isShared ? { runId: shared.id } : {}),
        key: `k${i}`,
        records: 1_000_000,
        way: 'hangs',
      });
      const from = Math.random() * 3000;
      await until('it to log', () => thread.published > from);
      const before = thread.published;
      await thread.worker.terminate();
      published.set(`k${i}`, before);
    };
    for (let i = 0; i < 40; i += 4) await Promise.all(Array.from({ length: 4 }, (_, j) => one(i + j)));
    await until('all to be let go', () => known(tracker) === 0);
    for (const [key, count] of published) expectAll(stored, key, count);
    const statuses = stored.rows('SELECT status, count(*) AS n FROM runs WHERE run_uuid <> ? GROUP BY status', shared.id);
    expect(statuses).toEqual([{ status: 'KILLED', n: 20 }]);
    expect(stored.run(shared.id)?.status).toBe('RUNNING');
    await tracker.close();
    expect(stored.run(shared.id)?.status).toBe('FINISHED');
  });

  test('leaves no memory behind: hundreds come and go', { timeout: 300_000 }, async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const handle = tracker.handle();
    const some = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i += 8) {
        const threads = Array.from({ length: 8 }, () => new LoggingThread({ handle, key: 'k', records: 10, way: 'hangs' }));
        for (const thread of threads) {
          await until('it to log', () => thread.published === 10);
          await thread.worker.terminate();
        }
      }
      await until('all to be let go', () => known(tracker) === 0);
    };
    await some(80);
    const before = process.memoryUsage().rss;
    await some(240);
    const grown = process.memoryUsage().rss - before;
    expect(stored.rows('SELECT status, count(*) AS n FROM runs GROUP BY status')).toEqual([{ status: 'KILLED', n: 320 }]);
    expect(stored.count('metrics')).toBe(3200);
    // One ring of each would be 960 MiB; what is not collected yet at this moment is some 100.
    expect(grown / 2 ** 20).toBeLessThan(400);
  });
});

describe('a thread that ends by itself', () => {
  test.each([
    ['leaves', 'FINISHED'],
    ['exits', 'FINISHED'],
    ['throws', 'FAILED'],
    ['closes', 'FINISHED'],
  ] as const)('and %s has all of it landed, and its run %s', async (way, status) => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const thread = new LoggingThread({ handle: tracker.handle(), key: 'k', records: 3000, way });
    await thread.ended;
    await until('it to be let go', () => known(tracker) === 0);
    expectAll(stored, 'k', 3000);
    expect(stored.rows('SELECT status FROM runs')).toEqual([{ status }]);
  });
});

describe('the pool worker', () => {
  test('is killed while three threads log: nothing is lost or doubled', { timeout: 120_000 }, async () => {
    const stored = new Stored();
    // Locked out, it sleeps between two tries: killed within a call of the database, it would take the process along.
    const tracker = stored.tracker({ retry: { minTimeout: 200, maxTimeout: 200, randomize: false } });
    const run = tracker.startRun();
    await run.flush();
    const handle = tracker.handle();
    const threads = ['a', 'b', 'c'].map(
      (key, i) => new LoggingThread({ handle, ...(i < 2 ? { runId: run.id } : {}), key, records: 20_000, way: 'closes' }),
    );
    await until('them to log', () => threads.every(({ published }) => published > 100));
    for (let times = 0; times < 3; times++) {
      const lock = stored.lock();
      const retries = tracker.stats().retries;
      await until('a try that failed', () => tracker.stats().retries > retries, 3000).catch(() => undefined);
      const thread = threadsOf(tracker)?.threads[0];
      await thread?.terminate();
      lock.release();
      await until(
        'another worker',
        () => threadsOf(tracker)?.threads.some(({ threadId }) => threadId !== thread?.threadId) ?? false,
      );
      // Three deaths without progress would be the end.
      await run.logMetric('own', times, times);
    }
    for (const { said } of threads) expect((await said).report).toMatchObject({ accepted: 20_000, landed: 20_000, failed: 0 });
    await tracker.close();
    for (const key of ['a', 'b', 'c']) expectAll(stored, key, 20_000);
    expect(stored.rows('SELECT status, count(*) AS n FROM runs GROUP BY status')).toEqual([{ status: 'FINISHED', n: 2 }]);
  });

  test.for(['lives', 'lives in one turn'] as const)(
    'dies three times without progress: a thread that %s hears of it instead of waiting for ever',
    { timeout: 60_000 },
    async (way) => {
      const stored = new Stored();
      const tracker = stored.tracker({ retry: { minTimeout: 200, maxTimeout: 200, randomize: false } });
      const run = tracker.startRun();
      await run.flush();
      const thread = new LoggingThread({ handle: tracker.handle(), runId: run.id, key: 'a', records: 0, way });
      await until('it to log', () => thread.published > 0);
      const lock = stored.lock();
      const receipt = run.logParam('k', 1);
      for (let death = 1; death <= 5 && receipt.state !== 'failed'; death++) {
        const retries = tracker.stats().retries;
        await until('a try that failed', () => tracker.stats().retries > retries || receipt.state === 'failed');
        await threadsOf(tracker)?.threads[0]?.terminate();
        await new Promise((resolve) => setImmediate(resolve));
      }
      await failureOf(WorkerDiedError, receipt);
      lock.release();
      expect((await thread.said).code).toBe(way === 'lives' ? 'HEADRACE_WORKER_DIED' : 'failed');
      await tracker.close({ throwOnFailure: false });
    },
  );
});

describe('the pool worker of a server’s tracker', () => {
  test('is killed again and again, while threads log and are terminated: nothing is lost or doubled', {
    timeout: 120_000,
  }, async () => {
    const served = await Served.start();
    const tracker = served.tracker();
    const run = tracker.startRun();
    await run.flush();
    const handle = tracker.handle();
    const threads = ['a', 'b', 'c', 'd'].map(
      (key, i) =>
        new LoggingThread({
          handle,
          ...(i % 2 === 0 ? { runId: run.id } : {}),
          key,
          records: i < 2 ? 30_000 : 1_000_000,
          way: i < 2 ? 'closes' : 'hangs',
        }),
    );
    await until('them to log', () => threads.every(({ published }) => published > 100));
    const before: number[] = [];
    for (let times = 0; times < 4; times++) {
      const thread = threadsOf(tracker)?.threads[0];
      await thread?.terminate();
      // Its runs are known to nobody but the worker that has just died.
      if (times >= 2) {
        before.push(threads[times]?.published ?? 0);
        await threads[times]?.worker.terminate();
      }
      await until(
        'another worker',
        () => threadsOf(tracker)?.threads.some(({ threadId }) => threadId !== thread?.threadId) ?? false,
      );
      await run.logMetric('own', times, times);
    }
    for (const { said } of threads.slice(0, 2))
      expect((await said).report).toMatchObject({ accepted: 30_000, landed: 30_000, failed: 0 });
    await until('the others to be let go', () => known(tracker) === 0);
    await tracker.close();
    const runs = served.fake.state.activeRuns();
    expect(runs.map(({ status }) => status).toSorted()).toEqual(['FINISHED', 'FINISHED', 'KILLED']);
    const steps = (key: string): number[] =>
      runs
        .flatMap(({ metrics }) => [...metrics.values()].filter((metric) => metric.key === key).map(({ step }) => Number(step)))
        .toSorted((x, y) => x - y);
    for (const [i, key] of ['a', 'b', 'c', 'd'].entries()) {
      const found = steps(key);
      expect(found.length).toBeGreaterThanOrEqual(i < 2 ? 30_000 : (before[i - 2] ?? 0));
      expect(found).toEqual(Array.from({ length: found.length }, (_, step) => step));
    }
  });
});

test('threads log and have their receipts while the thread that has the tracker never turns', { timeout: 60_000 }, async () => {
  const stored = new Stored();
  const tracker = stored.tracker();
  const handle = tracker.handle();
  const threads = ['a', 'b'].map((key) => new LoggingThread({ handle, key, records: 0, way: 'lives' }));
  await until('the threads to start', () => threads.every(({ published }) => published > 0));
  // A receipt was awaited for each but the last.
  const seen = threads.map(({ published }) => published);
  untilInPlace('a hundred receipts', () => threads.every(({ published }, i) => published > (seen[i] ?? 0) + 100), 20_000);
});

test('a thread that starts while the tracker’s own never turns is served', { timeout: 60_000 }, async () => {
  const stored = new Stored();
  const tracker = stored.tracker();
  const thread = new LoggingThread({ handle: tracker.handle(), key: 'k', records: 0, way: 'lives' });
  untilInPlace('fifty receipts', () => thread.published > 50, 20_000);
});

describe('close of the tracker while threads log', () => {
  test.each(['lives', 'lives in one turn'] as const)(
    'lands what was logged, and refuses what comes later (%s)',
    { timeout: 60_000 },
    async (way) => {
      const stored = new Stored();
      const tracker = stored.tracker();
      const run = tracker.startRun();
      const handle = tracker.handle();
      const threads = ['a', 'b'].map(
        (key, i) => new LoggingThread({ handle, ...(i === 0 ? { runId: run.id } : {}), key, records: 0, way }),
      );
      await until('them to log', () => threads.every(({ published }) => published > 200));
      const published = threads.map((thread) => thread.published);
      await tracker.close();
      for (const [i, { said }] of threads.entries()) {
        const { code, receipts } = await said;
        expect(code).toBe(way === 'lives' ? 'HEADRACE_CLOSED' : 'failed');
        expectAll(stored, i === 0 ? 'a' : 'b', way === 'lives' ? (receipts ?? 0) : (published[i] ?? 0));
      }
      expect(stored.rows('SELECT status, count(*) AS n FROM runs GROUP BY status')).toEqual([{ status: 'FINISHED', n: 2 }]);
    },
  );
});

describe('a handle', () => {
  test('of a closed tracker is refused, and a closed tracker gives none', async () => {
    const tracker = new Stored().tracker();
    const handle = tracker.handle();
    await tracker.close();
    expect(() => attachTracker(handle)).toThrow(ClosedError);
    expect(() => attachTracker(handle)).toThrow(/handle has been closed/);
    expect(() => tracker.handle()).toThrow(OptionError);
  });

  test.each([
    ['undefined', undefined, /got undefined; expected what tracker\.handle\(\) returned/],
    ['text', 'handle', /got "handle"/],
    ['an object', {}, /got another object/],
    ['of another version', { headrace: '0.0.1', tracker: undefined }, /0\.0\.1.*load the same version/],
  ])('that is %s is refused', (_what, given, message) => {
    // What a program without types may give.
    const attach = (): Tracker => attachTracker(given as unknown as TrackerHandle);
    expect(attach).toThrow(OptionError);
    expect(attach).toThrow(message);
  });

  test('that is a tracker, or has been through JSON, is refused', () => {
    const tracker = new Stored().tracker();
    expect(() => attachTracker(tracker as unknown as TrackerHandle)).toThrow(/got a tracker.*can't leave its thread/);
    const copy: TrackerHandle = JSON.parse(JSON.stringify(tracker.handle()));
    expect(() => attachTracker(copy)).toThrow(/without its shared memory/);
  });

  test('holds no address and no credentials of the store', () => {
    const tracker = createTracker({ uri: 'http://someone:secret-word@127.0.0.1:9/', durability: 'memory' });
    expect(JSON.stringify(tracker.handle())).not.toContain('secret-word');
    return tracker.close();
  });

  test('works in the thread of its tracker, too', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const run = tracker.startRun();
    const attached = attachTracker(structuredClone(tracker.handle()));
    const same = attached.startRun({ runId: run.id, tags: { by: 'the other' } });
    expect(await same.storeId).toBe(run.id);
    await same.logParam('k', 1);
    await failureOf(Error, run.logParam('k', 2));
    await attached.close();
    await tracker.close();
    expect([stored.params(run.id), stored.tags(run.id)]).toEqual([{ k: '1' }, { by: 'the other' }]);
    await failureOf(ClosedError, same.logParam('later', 1));
  });

  test('of a disabled tracker makes a disabled one', async () => {
    const tracker = createTracker({ enabled: false });
    const attached = attachTracker(structuredClone(tracker.handle()));
    const run = attached.startRun();
    await run.logParam('k', 1);
    expect((await attached.close()).accepted).toBe(0);
  });

  test('of one that is offline keeps what threads log in its journal', async () => {
    const stored = new Stored();
    const tracker = stored.tracker({ uri: 'offline' });
    const run = tracker.startRun();
    const threads = ['a', 'b'].map(
      (key) => new LoggingThread({ handle: tracker.handle(), runId: run.id, key, records: 1000, conflict: 'k', way: 'closes' }),
    );
    const said = await Promise.all(threads.map((thread) => thread.said));
    expect(said.map(({ report }) => (report?.landed ?? 0) + (report?.failed ?? 0))).toEqual([1001, 1001]);
    await tracker.close();
    const journal = stored.tracker({ journal: { dir: stored.journals } });
    await journal.close();
  });
});
