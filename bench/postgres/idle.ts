import { type Answer, atMost, type Scale } from '../question.js';
import { inProcess } from '../server/process.js';
import { ratios, row } from '../server/row.js';
import { median, overRounds, tailOf } from '../statistics.js';
import type { Postgres, PostgresQuestion } from './databases.js';
import type { SingleTimes } from './single-insert.js';

/** The worker looks for records for some 30 ms after the last one, then it sleeps. */
const GAP_MS = 120;

export const question: PostgresQuestion = {
  title: 'a single param on an idle tracker: from the call until its receipt resolves, beside one raw INSERT',
  ask,
};

async function ask({ withDatabase, folder }: Postgres, scale: Scale): Promise<Answer> {
  const rounds = scale.of(3, 1);
  const samples = scale.of(60, 15);
  const found: SingleTimes[] = [];
  await withDatabase(async ({ uri }) => {
    for (let round = 0; round < rounds; round++)
      found.push(await inProcess('singleInsert', { url: uri, samples, gapMs: GAP_MS }, folder));
  });
  const headrace = found.map((times) => median(times.headrace));
  const inserted = found.map((times) => median(times.inserted));
  const times = ratios(headrace, inserted);
  return {
    sizes: { rounds, 'samples a round': samples, 'ms between two': GAP_MS },
    rows: [
      row('logParam until its receipt resolves', 'ms', headrace, {
        clock: 'call',
        tail: overRounds(found.map((each) => tailOf(each.headrace))),
      }),
      row('raw INSERT, prepared', 'ms', inserted, {
        clock: 'call',
        tail: overRounds(found.map((each) => tailOf(each.inserted))),
      }),
      row('logParam beside the raw INSERT', 'times', times, {
        clock: 'call',
        target: atMost(median(times), 1.2, '≤ 1.2'),
      }),
    ],
  };
}
