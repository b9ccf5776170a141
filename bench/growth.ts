import { createTracker } from '../src/index.js';
import { expectRows, URI } from './database.js';
import { type Paced, paceGroups } from './pace.js';
import { type Answer, ask, atMost, type Question } from './question.js';
import { median, range } from './statistics.js';

/** Calls timed together: a clock around each would cost more than the call. */
const GROUP = 100;
/** Three times this is more than the ring holds: its pages have all been touched, as after the first moments of any program. */
const WARM_CALLS = 50_000;
const FIRST_SIZE = 1000;

const scenarios = {
  /** Nanoseconds a call, median of the groups: of the first 1,000 calls, of those up to 10,000, and so on. */
  async decades(load: Paced): Promise<number[]> {
    const tracker = createTracker({ uri: URI });
    let run = tracker.startRun();
    const group = (from: number, to: number): void => {
      for (let i = from; i < to; i++) run.logMetric('train.loss', i * 1.0001, i);
    };
    // More than one run before the one that counts: else the loop is compiled for a run that never changes.
    for (let warmup = 0; warmup < 3; warmup++) {
      paceGroups({ ...load, calls: WARM_CALLS }, GROUP, group);
      run = tracker.startRun();
      await tracker.flush();
    }
    const costs = paceGroups(load, GROUP, group);
    await tracker.flush({ timeoutMs: 120_000 });
    expectRows('metrics', 3 * WARM_CALLS + load.calls);
    await tracker.close();
    const medians: number[] = [];
    for (let from = 0, to = FIRST_SIZE; to <= load.calls; from = to, to *= 10)
      medians.push(median(costs.subarray(from / GROUP, to / GROUP)));
    return medians;
  },
};

export const question: Question = ask({
  title: 'logMetric, calls at a steady rate: does the cost grow with their number?',
  scenarios,
  async ask(measure, scale): Promise<Answer> {
    const perSecond = 250_000;
    const short = scale.of(1_000_000, 100_000);
    const rounds = 2;
    const found: number[][] = [];
    for (let round = 0; round < rounds; round++) found.push(await measure('decades', { perSecond, calls: short }));
    if (scale.name === 'full') found.push(await measure('decades', { perSecond, calls: 10_000_000 }));
    const longest = Math.max(...found.map((decades) => decades.length));
    const decades = Array.from({ length: longest }, (_, decade) => found.flatMap((each) => each[decade] ?? []));
    const medians = decades.map((values) => median(values));
    const spread = Math.max(...medians) / Math.min(...medians);
    return {
      sizes: { 'calls a second': perSecond, 'calls a group': GROUP, rounds, 'calls a round': short },
      rows: [
        ...decades.map((values, decade) => ({
          what: `calls up to ${(FIRST_SIZE * 10 ** decade).toLocaleString('en-US')}`,
          unit: 'ns',
          clock: 'loop' as const,
          median: median(values),
          range: range(values),
          rounds: values.length,
        })),
        {
          what: 'dearest beside cheapest',
          unit: 'times',
          clock: 'loop' as const,
          median: spread,
          range: [spread, spread] as const,
          rounds: found.length,
          target: atMost(spread, 1.2, '≤ 1.2'),
        },
      ],
    };
  },
});
