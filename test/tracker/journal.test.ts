/** What a caller is told while only the journal has what was logged. */
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { FlushTimeoutError, JournalWriteError, type Report, StoreUnavailableError, type Tracker } from '../../src/index.js';
import { Served } from '../server/served.js';
import { useWarnings } from '../server/warnings.js';
import { newFolder, Stored } from './stored.js';
import { failureOf, until } from './waiting.js';

useWarnings();

const { said } = vi.hoisted(() => ({ said: [] as string[] }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  return {
    ...fs,
    writeSync: (...args: Parameters<typeof fs.writeSync>) => {
      if (args[0] !== 2) return fs.writeSync(...args);
      said.push(String(args[1]));
      return 0;
    },
  };
});

const QUICK = { retry: { minTimeout: 20, maxTimeout: 100 } };

/** Lines that speak of this journal, or of one in this folder. */
function linesOf(folder: string | undefined): string[] {
  return said.filter((line) => folder !== undefined && line.includes(folder));
}

async function resolves(promise: Promise<Report>, withinMs: number): Promise<Report> {
  const since = performance.now();
  const report = await promise;
  expect(performance.now() - since).toBeLessThan(withinMs);
  return report;
}

describe('while the server is away', () => {
  test('durable() resolves, the receipt waits, and stats tell them apart', async () => {
    const served = await Served.start();
    const tracker = served.tracker(QUICK);
    const run = tracker.startRun();
    await run.logParam('before', 1);
    await served.fake.goDown();
    const receipts = [run.logParam('k', 1), run.logMetrics({ a: 1, b: 2 }), run.logMetric('m', 1)];
    await Promise.all(receipts.map((receipt) => receipt.durable()));
    expect(receipts.map(({ state }) => state)).toEqual(['durable', 'durable', 'durable']);
    expect(tracker.stats()).toMatchObject({ accepted: 5, durable: 5, landed: 1, failed: 0 });
    await served.fake.comeBack();
    await Promise.all(receipts);
    expect(receipts.map(({ state }) => state)).toEqual(['landed', 'landed', 'landed']);
    expect(tracker.stats()).toMatchObject({ accepted: 5, durable: 5, landed: 5, failed: 0 });
  });

  test('what is refused before the journal fails durable() too, and is not told again', async () => {
    const served = await Served.start();
    const run = served.tracker(QUICK).startRun();
    await run.flush();
    await served.fake.goDown();
    await failureOf(Error, run.logParam('a$', 1).durable());
    await run.logParam('b', 1).durable();
    expect((await run.flush({ timeoutMs: 50 })).failures).toEqual([]);
  });

  test('flush and end that run out of time resolve, say where everything is, once, and it lands behind', async () => {
    const served = await Served.start();
    const tracker = served.tracker(QUICK);
    const [run, other] = [tracker.startRun(), tracker.startRun()];
    await tracker.flush();
    await served.fake.goDown();
    for (let i = 0; i < 10; i++) run.logMetric('loss', i, i);
    const other1 = other.logParam('k', 1);
    const report = await resolves(run.flush({ timeoutMs: 300 }), 2000);
    expect(report).toMatchObject({ accepted: 10, landed: 0, failed: 0, pending: 10, durable: 10 });
    expect(existsSync(report.journal ?? '')).toBe(true);
    expect(await tracker.flush({ timeoutMs: 50 })).toMatchObject({ pending: 11, durable: 11, journal: report.journal });
    expect(await run.end('FAILED', { timeoutMs: 50 })).toMatchObject({ pending: 10, durable: 10, journal: report.journal });
    expect(linesOf(report.journal)).toEqual([
      expect.stringMatching(
        `^headrace: 10 of 10 records had not landed in ${served.fake.url} within 300 ms; they are in the journal .*npx headrace sync`,
      ),
    ]);
    await served.fake.comeBack();
    await other1;
    await until('the end to land', () => served.fake.state.activeRuns().some(({ status }) => status === 'FAILED'));
    await until('it to be known here', () => tracker.stats().landed === 11);
    expect(served.run(await run.storeId).journal.filter((line) => line.startsWith('metric')).length).toBe(10);
    expect(await tracker.flush()).toMatchObject({ pending: 0, durable: 0, journal: undefined });
  });

  test('a report names the folder of all journals when several hold what is pending', async () => {
    const served = await Served.start();
    const tracker = served.tracker({ ...QUICK, workers: 2 });
    const runs = [tracker.startRun(), tracker.startRun()];
    await tracker.flush();
    await served.fake.goDown();
    for (const run of runs) run.logParam('k', 1);
    const [first, second] = await Promise.all(runs.map((run) => run.flush({ timeoutMs: 100 })));
    const { journal } = await tracker.flush({ timeoutMs: 100 });
    expect([dirname(first?.journal ?? ''), dirname(second?.journal ?? '')]).toEqual([journal, journal]);
    expect(first?.journal).not.toBe(second?.journal);
  });

  test('flush and close with a journal that can’t be written reject: nobody has what is pending; and it lands behind', async () => {
    const served = await Served.start();
    const file = join(newFolder(), 'a file');
    writeFileSync(file, '');
    const tracker = served.tracker({ ...QUICK, journal: { dir: join(file, 'journals') } });
    const troubles: Error[] = [];
    tracker.on('error', (error) => troubles.push(error));
    const run = tracker.startRun();
    await run.flush();
    await served.fake.goDown();
    const receipt = run.logParam('k', 1);
    expect(await failureOf(FlushTimeoutError, tracker.flush({ timeoutMs: 200 }))).toMatchObject({
      report: { pending: 1, durable: 0, journal: undefined },
    });
    expect(troubles).toEqual([expect.any(JournalWriteError)]);
    await failureOf(FlushTimeoutError, tracker.close({ timeoutMs: 200 }));
    expect(receipt.state).toBe('accepted');
    await served.fake.comeBack();
    await receipt;
    await until('the end of the run', () => served.fake.state.activeRuns().some(({ status }) => status === 'FINISHED'));
  });

  test('close that runs out of time resolves, lets the workers go, and the next tracker sends what it left', async () => {
    const served = await Served.start();
    const tracker = served.tracker(QUICK);
    const run = tracker.startRun();
    await run.flush();
    await served.fake.goDown();
    const receipt = run.logParam('k', 1);
    const pending = receipt.then(() => undefined);
    const told = failureOf(StoreUnavailableError, pending);
    const report = await resolves(tracker.close({ timeoutMs: 300 }), 300 + 1500);
    expect(report).toMatchObject({ accepted: 1, landed: 0, pending: 1, durable: 1 });
    expect(linesOf(report.journal)).toEqual([expect.stringMatching(/1 of 1 records and the end of 1 run had not landed/)]);
    // Nobody will ever settle it here, and a promise that hangs would end the program with exit code 13.
    expect((await told).message).toContain(report.journal);
    await failureOf(StoreUnavailableError, receipt);
    expect(receipt.state).toBe('durable');
    await receipt.durable();
    // Asked of what is closed, they answer at once.
    for (const again of [() => run.flush(), () => run.end(), () => tracker.flush(), () => tracker.close()])
      expect(await resolves(again(), 500)).toMatchObject({ pending: 1, durable: 1 });
    const requests = served.fake.seen.length;
    await served.fake.comeBack();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(served.fake.seen.length).toBe(requests);
    const next = served.tracker(QUICK);
    await until('the end to land', () => served.fake.state.activeRuns().some(({ status }) => status === 'FINISHED'));
    expect(served.fake.state.runs.size).toBe(1);
    const [id] = served.fake.state.runs.keys();
    expect(served.params(id ?? '')).toEqual({ k: '1' });
    await next.close();
  });

  test('a run that was never made is kept whole, and close is as bounded', async () => {
    const served = await Served.start();
    await served.fake.goDown();
    const tracker = served.tracker(QUICK);
    const run = tracker.startRun();
    const storeId = failureOf(StoreUnavailableError, run.storeId);
    expect(await run.flush({ timeoutMs: 300 })).toMatchObject({ pending: 0, durable: 0, journal: expect.any(String) });
    const report = await resolves(tracker.close({ timeoutMs: 100 }), 1500);
    expect(linesOf(report.journal)).toEqual([
      expect.stringMatching(/the start of a run had not landed .*; it is in the journal/),
    ]);
    await storeId;
  });

  test('without a journal all of it is as it was: FlushTimeoutError, and the work goes on behind', async () => {
    const served = await Served.start();
    const tracker = served.tracker({ ...QUICK, durability: 'memory' });
    const run = tracker.startRun();
    await run.flush();
    await served.fake.goDown();
    const receipt = run.logParam('k', 1);
    const error = await failureOf(FlushTimeoutError, tracker.close({ timeoutMs: 200 }));
    expect(error.report).toMatchObject({ pending: 1, durable: 0, journal: undefined });
    expect(receipt.state).toBe('accepted');
    await served.fake.comeBack();
    await receipt;
  });
});

describe('while another connection holds the file', () => {
  test('close that runs out of time resolves, and the next tracker lands what it left', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const run = tracker.startRun();
    await run.flush();
    const lock = stored.lock();
    const receipt = run.logParam('k', 1);
    await receipt.durable();
    expect(receipt.state).toBe('durable');
    const report = await resolves(tracker.close({ timeoutMs: 300 }), 300 + 1500);
    expect(report).toMatchObject({ accepted: 1, landed: 0, pending: 1, durable: 1 });
    expect(linesOf(report.journal).length).toBe(1);
    lock.release();
    expect(stored.run(run.id)?.status).toBe('RUNNING');
    const next = stored.tracker();
    await until('the end to land', () => stored.run(run.id)?.status === 'FINISHED');
    expect(stored.params(run.id)).toEqual({ k: '1' });
    await next.close();
  });
});

describe('offline', () => {
  function offline(dir: string, workers = 1): Tracker {
    return stubbed(() => new Stored().tracker({ journal: { dir }, workers }));
  }

  function stubbed<T>(make: () => T): T {
    vi.stubEnv('HEADRACE_OFFLINE', '1');
    try {
      return make();
    } finally {
      vi.unstubAllEnvs();
    }
  }

  test('everything lands in the journal, storeId is ours, and close says once how to send it', async () => {
    const dir = newFolder();
    const tracker = offline(dir);
    const run = tracker.startRun();
    await run.logParam('k', 1);
    expect(await run.storeId).toBe(run.id);
    expect(await run.end()).toMatchObject({ accepted: 1, landed: 1, pending: 0, journal: undefined });
    await tracker.close();
    await tracker.close();
    expect(linesOf(dir)).toEqual([
      expect.stringMatching(/^headrace: 1 record of 1 run in the journal .*; to send them: npx headrace sync \S+\n$/),
    ]);
  });

  test('a tracker without a run says nothing', async () => {
    const dir = newFolder();
    await offline(dir).close();
    expect(linesOf(dir)).toEqual([]);
  });

  test('a child goes to its parent’s lane and a resumed run to its own, also after they ended', async () => {
    const tracker = offline(newFolder(), 4);
    const parent = tracker.startRun();
    await parent.logParam('k', 1);
    const [lane] = lanesOf(tracker, [parent.id]);
    const children = [1, 2, 3].map(() => tracker.startRun({ parentRunId: parent.id }).id);
    expect(lanesOf(tracker, children)).toEqual([lane, lane, lane]);
    await parent.end();
    const late = tracker.startRun({ parentRunId: parent.id }).id;
    const resumed = tracker.startRun({ runId: parent.id }).id;
    expect([resumed, ...lanesOf(tracker, [late, resumed])]).toEqual([parent.id, lane, lane]);
  });
});

interface Internals {
  readonly runs: ReadonlySet<{ readonly id: string; readonly lane: unknown }>;
}

/** What no user can see: the lane that each run is in. */
function lanesOf(tracker: Tracker, ids: readonly string[]): unknown[] {
  const runs = [...(tracker as unknown as Internals).runs];
  return ids.map((id) => runs.find((run) => run.id === id)?.lane);
}
