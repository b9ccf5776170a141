import { type Answer, atMost, type Row } from '../question.js';
import { inProcess } from '../server/process.js';
import { ratios, row } from '../server/row.js';
import { median, overRounds } from '../statistics.js';
import { type CallerCost, type CallerCosts, WAYS, type Way } from './caller-cost.js';
import { inFolder } from './folder.js';
import type { DurabilityQuestion } from './question.js';
import { Sink } from './sink.js';

const CALLS: Readonly<Record<CallerCosts['kind'], string>> = { metrics: 'logMetric', params: 'logParam(number)' };

export const question: DurabilityQuestion = {
  title: 'what a call costs its caller with and without a journal, the server up (one that answers at once and only counts)',
  async ask(scale): Promise<Answer> {
    const rounds = scale.of(8, 2);
    const sizes = {
      metrics: { calls: scale.of(30_000, 10_000), leadCalls: 5000 },
      params: { calls: scale.of(20_000, 10_000), leadCalls: 5000 },
    };
    const rows: Row[] = [];
    for (const kind of ['metrics', 'params'] as const) {
      const cost = await Sink.serve((sink) =>
        inFolder(async (folder) => {
          const found = await inProcess('callerCost', { url: sink.url, kind, rounds, ...sizes[kind] }, folder);
          await expectAll(sink, kind, found);
          return found;
        }),
      );
      rows.push(...rowsOf(CALLS[kind], cost));
    }
    return {
      sizes: {
        rounds,
        'calls a burst: logMetric': sizes.metrics.calls,
        'logParam(number)': sizes.params.calls,
        'calls before each burst': sizes.metrics.leadCalls,
      },
      rows,
    };
  },
};

async function expectAll(sink: Sink, kind: CallerCosts['kind'], { runIds, records }: CallerCost): Promise<void> {
  let landed = 0;
  for (const id of runIds) landed += (await sink.counts(id))[kind];
  if (landed !== records) throw new Error(`${records} ${kind} were logged, but the server was sent ${landed}`);
}

function rowsOf(call: string, { costs }: CallerCost): Row[] {
  const ns = (way: Way): number[] => costs[way].map((cost) => cost.ns);
  const beside = (way: Way): number[] => ratios(ns(way), ns('memory'));
  const ratio = (way: 'os' | 'fsync'): Row => {
    const times = beside(way);
    return row(`${call}, '${way}' beside 'memory'`, 'times', times, {
      clock: 'loop',
      target: atMost(median(times), 1.1, '≤ 1.1'),
    });
  };
  return [
    ...WAYS.map((way) =>
      row(`${call}, durability '${way}'`, 'ns', ns(way), {
        clock: 'loop',
        tail: overRounds(costs[way].map(({ tail }) => tail)),
        note: `${median(costs[way].map(({ burstNs }) => burstNs)).toFixed(0)} ns by whole bursts`,
      }),
    ),
    ratio('os'),
    ratio('fsync'),
    row(`${call}, 'memory' beside itself`, 'times', beside('memory again'), {
      clock: 'loop',
      note: 'what two trackers of one kind differ by in the same process',
    }),
  ];
}
