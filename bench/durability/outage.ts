import { type Answer, atMost, type Row } from '../question.js';
import { inProcess } from '../server/process.js';
import { row } from '../server/row.js';
import { inFolder } from './folder.js';
import type { OutageRecords } from './outage-records.js';
import type { DurabilityQuestion } from './question.js';
import { Sink } from './sink.js';

const MEBI = 2 ** 20;
const WARM = 50_000;

export const question: DurabilityQuestion = {
  title: 'a loop that logs as fast as it can while the server is down, and the server back (one that answers at once and counts)',
  async ask(scale): Promise<Answer> {
    const calls = scale.of(10_000_000, 1_000_000);
    const found = await Sink.serve((sink) =>
      inFolder(async (folder) => {
        const outage = await inProcess('outageRecords', { url: sink.url, warm: WARM, calls }, folder, (wish) => sink.go(wish));
        const { metrics, steps } = await sink.counts(outage.runId);
        if (metrics !== WARM + calls || steps !== metrics) {
          throw new Error(`${WARM + calls} records were logged, but the server was sent ${metrics}, ${steps} of them different`);
        }
        return outage;
      }),
    );
    return { sizes: { calls, 'ring bytes': found.ringBytes }, rows: rowsOf(calls, found) };
  },
};

function rowsOf(calls: number, found: OutageRecords): Row[] {
  const { before, mostDown, mostAfter, ringBytes, journalBytes, callSeconds, durableSeconds, landSeconds } = found;
  const most = Math.max(mostDown, mostAfter);
  const mebi = (bytes: number): string => (bytes / MEBI).toFixed(0);
  const count = calls.toLocaleString('en-US');
  return [
    row(`${count} calls, server down: until the last is in the journal`, 'rows/s', [calls / durableSeconds], {
      note: `the loop itself ran for ${callSeconds.toFixed(1)} of the ${durableSeconds.toFixed(1)} s; the journal took ${mebi(journalBytes)} MiB`,
    }),
    row('server back: until it has taken the last', 'rows/s', [calls / landSeconds], {
      note: `${landSeconds.toFixed(1)} s, each sent once; of one run one request is under way at a time`,
    }),
    row('resident memory above that before the outage', 'MiB', [(most - before) / MEBI], {
      target: atMost(most - before, ringBytes + 64 * MEBI, `≤ ring + 64 = ${mebi(ringBytes + 64 * MEBI)}`),
      note: `${mebi(before)} MiB before, at most ${mebi(mostDown)} while the server was down and ${mebi(mostAfter)} until it had everything`,
    }),
  ];
}
