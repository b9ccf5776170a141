import { createTracker } from '../src/index.js';
import { expectRows, URI } from './database.js';
import { type Answer, ask, atLeast, atMost, type Question } from './question.js';
import { median, range } from './statistics.js';

interface Flooded {
  readonly callerSeconds: number;
  readonly seconds: number;
  readonly rows: number;
  /** Resident bytes: when everything had been used once, and the most seen from then on. */
  readonly rssBefore: number;
  readonly rssMost: number;
}

const KEYS = ['train.loss', 'train.accuracy', 'train.images_per_second', 'optimizer.lr'];
const CALLS_A_LOOK = 100_000;
const WARM_CALLS = 50_000;
const MEBI = 2 ** 20;

const scenarios = {
  /** One turn of the event loop, as fast as `onFull: 'block'` lets it. */
  async flood({ calls }: { calls: number }): Promise<Flooded> {
    const tracker = createTracker({ uri: URI, onFull: 'block' });
    const run = tracker.startRun();
    let step = 0;
    for (; step < WARM_CALLS; step++) run.logMetric(KEYS[step & 3] as string, Math.random(), step); // four keys
    await tracker.flush();
    const rssBefore = process.memoryUsage.rss();
    let rssMost = rssBefore;
    const start = performance.now();
    for (const last = step + calls; step < last; step++) {
      run.logMetric(KEYS[step & 3] as string, Math.random(), step); // as above
      if (step % CALLS_A_LOOK === 0) rssMost = Math.max(rssMost, process.memoryUsage.rss());
    }
    const called = performance.now();
    await tracker.flush({ timeoutMs: 60_000 });
    const end = performance.now();
    rssMost = Math.max(rssMost, process.memoryUsage.rss());
    expectRows('metrics', calls + WARM_CALLS);
    await tracker.close();
    return { callerSeconds: (called - start) / 1000, seconds: (end - start) / 1000, rows: calls, rssBefore, rssMost };
  },
};

export const question: Question = ask({
  title: "a loop that logs as fast as it can (onFull: 'block')",
  scenarios,
  async ask(measure, scale): Promise<Answer> {
    const calls = scale.of(10_000_000, 300_000);
    const short = scale.of(1_000_000, 100_000);
    const shorts: Flooded[] = [];
    for (let round = 0; round < scale.of(3, 1); round++) shorts.push(await measure('flood', { calls: short }));
    const long = await measure('flood', { calls });
    const rate = ({ rows, seconds }: Flooded): number => rows / seconds;
    const grown = (long.rssMost - long.rssBefore) / MEBI;
    const shortCalls = short.toLocaleString('en-US');
    const one = { clock: 'whole', rounds: 1 } as const;
    return {
      sizes: { calls, 'short form': short, rounds: shorts.length },
      rows: [
        {
          what: `${shortCalls} calls, all in the file`,
          unit: 'rows/s',
          clock: 'whole',
          median: median(shorts.map(rate)),
          range: range(shorts.map(rate)),
          rounds: shorts.length,
        },
        {
          what: `${calls.toLocaleString('en-US')} calls, all in the file`,
          unit: 'rows/s',
          median: rate(long),
          range: [rate(long), rate(long)],
          ...one,
          target: atLeast(rate(long) / median(shorts.map(rate)), 0.8, `≥ 0.8 × ${shortCalls}`),
          note: `the loop itself ran for ${long.callerSeconds.toFixed(1)} of the ${long.seconds.toFixed(1)} s until the last row was committed`,
        },
        {
          what: 'resident memory grew by',
          unit: 'MiB',
          median: grown,
          range: [grown, grown],
          ...one,
          target: atMost(grown, 64, '≤ 64'),
          note: `from ${(long.rssBefore / MEBI).toFixed(0)} MiB after the first ${WARM_CALLS.toLocaleString('en-US')} calls, ring included, to ${(long.rssMost / MEBI).toFixed(0)} MiB at most`,
        },
      ],
    };
  },
});
