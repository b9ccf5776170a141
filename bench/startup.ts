// Nothing of headrace is imported here by name: what a scenario times must not be loaded yet.
import { type Answer, ask, atMost, type Question, type Row, type Target } from './question.js';
import { median, range } from './statistics.js';

interface Started {
  readonly importMs: number;
  readonly startMs: number;
  readonly landedMs: number;
}

interface Remembered {
  /** Resident bytes: Node alone, with headrace idle after its first record, after the million. */
  readonly rssNode: number;
  readonly rssIdle: number;
  readonly rssAfter: number;
}

const MEBI = 2 ** 20;
/** Half of the default ring, landed before the next ones. */
const CALLS_A_BURST = 50_000;

const scenarios = {
  async start(): Promise<Started> {
    const begin = performance.now();
    const { createTracker } = await import('../src/index.js');
    const imported = performance.now();
    const tracker = createTracker({ uri: 'sqlite:///bench.db' });
    const run = tracker.startRun();
    const started = performance.now();
    await run.logMetric('loss', 1, 1);
    const landed = performance.now();
    const { expectRows } = await import('./database.js');
    expectRows('metrics', 1);
    await tracker.close();
    return { importMs: imported - begin, startMs: started - imported, landedMs: landed - imported };
  },

  async million({ records }: { records: number }): Promise<Remembered> {
    const rssNode = process.memoryUsage.rss();
    const { createTracker } = await import('../src/index.js');
    const tracker = createTracker({ uri: 'sqlite:///bench.db' });
    const run = tracker.startRun();
    await run.logMetric('loss', 1, -1);
    const rssIdle = process.memoryUsage.rss();
    for (let step = 0; step < records; ) {
      for (const end = Math.min(step + CALLS_A_BURST, records); step < end; step++) run.logMetric('loss', Math.random(), step);
      await run.flush();
    }
    const rssAfter = process.memoryUsage.rss();
    const { expectRows } = await import('./database.js');
    expectRows('metrics', records + 1);
    await tracker.close();
    return { rssNode, rssIdle, rssAfter };
  },
};

export const question: Question = ask({
  title: 'starting, and what stays in memory',
  scenarios,
  async ask(measure, scale): Promise<Answer> {
    const rounds = scale.of(15, 3);
    const memoryRounds = scale.of(9, 1);
    const records = scale.of(1_000_000, 100_000);
    const starts: Started[] = [];
    // The first process reads the files from the disk: that is the disk's time.
    await measure('start', undefined);
    for (let round = 0; round < rounds; round++) starts.push(await measure('start', undefined));
    const memory: Remembered[] = [];
    for (let round = 0; round < memoryRounds; round++) memory.push(await measure('million', { records }));
    const imports = starts.map(({ importMs }) => importMs);
    const mainThread = starts.map(({ startMs }) => startMs);
    const mebi = (bytes: (each: Remembered) => number): number[] => memory.map((each) => bytes(each) / MEBI);
    const million = records.toLocaleString('en-US');
    return {
      sizes: { rounds, 'rounds of memory': memoryRounds, records },
      rows: [
        row('importing headrace', 'ms', imports, atMost(median(imports), 60, '≤ 60')),
        row('createTracker and startRun, main thread', 'ms', mainThread, atMost(median(mainThread), 5, '≤ 5')),
        row(
          'from createTracker to the first landed record, new file',
          'ms',
          starts.map(({ landedMs }) => landedMs),
        ),
        row(
          'resident memory, Node alone',
          'MiB',
          mebi(({ rssNode }) => rssNode),
        ),
        row(
          'resident memory after the first record',
          'MiB',
          mebi(({ rssIdle }) => rssIdle),
        ),
        row(
          `resident memory after ${million} records`,
          'MiB',
          mebi(({ rssAfter }) => rssAfter),
        ),
        row(
          `grown by ${million} records`,
          'MiB',
          mebi(({ rssAfter, rssIdle }) => rssAfter - rssIdle),
        ),
      ],
    };
  },
});

function row(what: string, unit: string, values: readonly number[], target?: Target): Row {
  return {
    what,
    unit,
    clock: 'whole',
    median: median(values),
    range: range(values),
    rounds: values.length,
    ...(target === undefined ? {} : { target }),
  };
}
