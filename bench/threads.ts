import { availableParallelism } from 'node:os';
import { logFromThreads } from './caller/threads.js';
import { type Answer, ask, atMost, type Question, type Row } from './question.js';
import { median, range } from './statistics.js';

const scenarios = { logFromThreads };

/** Half of a 4 MiB ring, less the calls that put the worker to work. */
const CALLS = 50_000;

export const question: Question = ask({
  title: 'what a call costs a thread that is attached to a tracker, when it is the only one and when others log as well',
  scenarios,
  async ask(measure, scale): Promise<Answer> {
    const rounds = scale.of(5, 1);
    const producers = Math.min(4, availableParallelism());
    const size = { calls: CALLS, bursts: scale.of(6, 2), warmup: scale.of(2, 1) };
    const alone: number[] = [];
    const together: number[] = [];
    for (let round = 0; round < rounds; round++) {
      alone.push(median(await measure('logFromThreads', { ...size, producers: 1 })));
      together.push(median(await measure('logFromThreads', { ...size, producers })));
    }
    const times = together.map((ns, i) => ns / (alone[i] as number)); // one for each round
    return {
      sizes: { rounds, 'calls a burst': CALLS, 'bursts a round': size.bursts, producers, cores: availableParallelism() },
      rows: [
        row('logMetric, known key, one thread attached', 'ns', alone),
        row(`the same, ${producers} threads attached, each into a run of its own`, 'ns', together),
        {
          ...row(`${producers} threads beside one`, 'times', times),
          target: atMost(median(times), 1.3, '≤ 1.3'),
          note: 'the worker that drains them is a thread more than there are cores',
        },
      ],
    };
  },
});

function row(what: string, unit: string, values: readonly number[]): Row {
  return { what, unit, clock: 'loop', median: median(values), range: range(values), rounds: values.length };
}
