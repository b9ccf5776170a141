import { createTracker } from '../src/index.js';
import { expectRows, URI } from './database.js';
import { type Answer, ask, atLeast, atMost, type Question } from './question.js';
import { median, range } from './statistics.js';

interface Flooded {
  readonly callerSeconds: number;
  readonly seconds: number;
  readonly rows: number;
  /** Most resident bytes seen in the first and in the second half of the loop. */
  readonly rssFirst: number;
  readonly rssSecond: number;
}

const KEYS = ['train.loss', 'train.accuracy', 'train.images_per_second', 'optimizer.lr'];
const CALLS_A_LOOK = 20_000;
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
    let rssFirst = 0;
    let rssSecond = 0;
    const start = performance.now();
    const half = step + calls / 2;
    for (const last = step + calls; step < last; step++) {
      run.logMetric(KEYS[step & 3] as string, Math.random(), step); // as above
      if (step % CALLS_A_LOOK !== 0) continue;
      const rss = process.memoryUsage.rss();
      if (step < half) rssFirst = Math.max(rssFirst, rss);
      else rssSecond = Math.max(rssSecond, rss);
    }
    const called = performance.now();
    await tracker.flush({ timeoutMs: 60_000 });
    const end = performance.now();
    expectRows('metrics', calls + WARM_CALLS);
    await tracker.close();
    return { callerSeconds: (called - start) / 1000, seconds: (end - start) / 1000, rows: calls, rssFirst, rssSecond };
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
    const most = Math.max(long.rssFirst, long.rssSecond) / MEBI;
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
          what: 'resident memory at most',
          unit: 'MiB',
          median: most,
          range: [most, most],
          ...one,
          target: atMost(long.rssSecond / long.rssFirst, 1.1, 'bounded'),
          note: `${(long.rssFirst / MEBI).toFixed(0)} MiB in the first half of the loop, ${(long.rssSecond / MEBI).toFixed(0)} MiB in the second; bounded: at most 1.1 times`,
        },
      ],
    };
  },
});
