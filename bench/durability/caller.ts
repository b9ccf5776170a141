import { type Answer, atMost, type Row } from '../question.js';
import { inProcess } from '../server/process.js';
import { ratios, row } from '../server/row.js';
import { confidence, median, overRounds, trimmedMean } from '../statistics.js';
import { type CallerCost, type CallerCosts, WAYS, type Way } from './caller-cost.js';
import { inFolder } from './folder.js';
import type { DurabilityQuestion } from './question.js';
import { Sink } from './sink.js';

const CALLS = 10_000;
const LEAD_CALLS = 5000;

const NAMES: Readonly<Record<CallerCosts['kind'], string>> = { metrics: 'logMetric', params: 'logParam(number)' };

export const question: DurabilityQuestion = {
  title: 'what a call costs its caller with and without a journal, the server up (one that answers at once and only counts)',
  async ask(scale): Promise<Answer> {
    const rounds = scale.of(16, 3);
    const rows: Row[] = [];
    for (const kind of ['metrics', 'params'] as const) {
      const cost = await Sink.serve((sink) =>
        inFolder(async (folder) => {
          const found = await inProcess(
            'callerCost',
            { url: sink.url, kind, rounds, calls: CALLS, leadCalls: LEAD_CALLS },
            folder,
          );
          await expectAll(sink, kind, found);
          return found;
        }),
      );
      rows.push(...rowsOf(NAMES[kind], cost));
    }
    return {
      sizes: { rounds, 'calls a burst': CALLS, 'calls before each burst': LEAD_CALLS },
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
  const ratio = (what: string, way: Way, target: boolean): Row => {
    const times = ratios(ns(way), ns('memory'));
    const [low, high] = confidence(times);
    return row(`${call}, ${what}`, 'times', times, {
      clock: 'loop',
      note: `${trimmedMean(times).toFixed(2)} by the mean of the middle three fifths of rounds (95 %: ${low.toFixed(2)} to ${high.toFixed(2)})`,
      ...(target ? { target: atMost(median(times), 1.1, '≤ 1.1') } : {}),
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
    ratio("'os' beside 'memory'", 'os', true),
    ratio("'fsync' beside 'memory'", 'fsync', true),
    ratio("'memory' beside itself", 'memory again', false),
  ];
}
