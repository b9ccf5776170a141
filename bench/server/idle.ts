import { type Answer, atMost, type Scale } from '../question.js';
import { median, overRounds, tailOf } from '../statistics.js';
import { inProcess } from './process.js';
import { ratios, row } from './row.js';
import type { FreshServer, ServerQuestion } from './server.js';
import { rowsOf, type SingleTimes } from './single-param.js';

/** The worker looks for records for some 30 ms after the last one, then it sleeps. */
const GAP_MS = 120;

export const question: ServerQuestion = {
  title: 'a single param on an idle tracker: from the call until its receipt resolves, beside one raw POST',
  ask,
};

async function ask({ url, folder, stored }: FreshServer, scale: Scale): Promise<Answer> {
  const rounds = scale.of(3, 1);
  const samples = scale.of(50, 15);
  const found: SingleTimes[] = [];
  for (let round = 0; round < rounds; round++) {
    const times = await inProcess('singleParam', { url, samples, gapMs: GAP_MS }, folder);
    stored.expectCount('params', times.runIds, rowsOf({ samples }));
    found.push(times);
  }
  const headrace = found.map((times) => median(times.headrace));
  const posted = found.map((times) => median(times.posted));
  const times = ratios(headrace, posted);
  return {
    sizes: { rounds, 'samples a round': samples, 'ms between two': GAP_MS },
    rows: [
      row('logParam until its receipt resolves', 'ms', headrace, {
        clock: 'call',
        tail: overRounds(found.map((each) => tailOf(each.headrace))),
      }),
      row('raw POST on a kept-alive connection', 'ms', posted, {
        clock: 'call',
        tail: overRounds(found.map((each) => tailOf(each.posted))),
      }),
      row('logParam beside the raw POST', 'times', times, {
        clock: 'call',
        target: atMost(median(times), 1.2, '≤ 1.2'),
      }),
    ],
  };
}
