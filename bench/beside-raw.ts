import type { Pairs } from './by-turns.js';
import { type Answer, atMost } from './question.js';
import { ratios, row } from './server/row.js';
import { median, overRounds, tailOf } from './statistics.js';

/** The worker looks for records for some 30 ms after the last one, then it sleeps; connections live for seconds. */
export const GAP_MS = 120;

/** `rawCall`: what headrace stands beside; `what`: its name in full. */
export function besideRaw(found: readonly Pairs[], samples: number, rawCall: string, what: string): Answer {
  const headrace = found.map((pairs) => median(pairs.headrace));
  const raw = found.map((pairs) => median(pairs.raw));
  const times = ratios(headrace, raw);
  return {
    sizes: { rounds: found.length, 'samples a round': samples, 'ms between two': GAP_MS },
    rows: [
      row('logParam until its receipt resolves', 'ms', headrace, {
        clock: 'call',
        tail: overRounds(found.map((pairs) => tailOf(pairs.headrace))),
      }),
      row(what, 'ms', raw, { clock: 'call', tail: overRounds(found.map((pairs) => tailOf(pairs.raw))) }),
      row(`logParam beside the ${rawCall}`, 'times', times, {
        clock: 'call',
        target: atMost(median(times), 1.2, '≤ 1.2'),
      }),
    ],
  };
}
