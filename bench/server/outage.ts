import { type Answer, atMost, type Row, type Scale } from '../question.js';
import { median, overRounds } from '../statistics.js';
import type { OutageCost } from './outage-cost.js';
import { inProcess } from './process.js';
import { Relay } from './relay.js';
import { ratios, row } from './row.js';
import type { FreshServer, ServerQuestion } from './server.js';

export const question: ServerQuestion = {
  title: "what logMetric costs its caller while the server answers and while it doesn't (bursts that the buffers hold)",
  ask,
};

async function ask({ url, folder, stored }: FreshServer, scale: Scale): Promise<Answer> {
  const outages = scale.of(4, 1);
  const calls = scale.of(10_000, 2000);
  const relay = await Relay.to(url);
  let found: OutageCost;
  try {
    found = await inProcess('outageCost', { url: relay.url, outages, calls }, folder, (wish) =>
      wish === 'up' ? relay.open() : relay.close(),
    );
    stored.expectCount('metrics', [found.runId], found.rows);
  } finally {
    await relay.close();
  }
  const ns = (costs: OutageCost['up']): number[] => costs.map((cost) => cost.ns);
  const times = ratios(ns(found.down), ns(found.up));
  const cost = (what: string, costs: OutageCost['up']): Row =>
    row(what, 'ns', ns(costs), {
      clock: 'loop',
      tail: overRounds(costs.map(({ tail }) => tail)),
      note: `${median(costs.map(({ burstNs }) => burstNs)).toFixed(0)} ns by whole bursts`,
    });
  return {
    sizes: { outages, 'calls a burst': calls },
    rows: [
      cost('logMetric, server up', found.up),
      cost('logMetric, server down', found.down),
      row('server down beside up', 'times', times, {
        clock: 'loop',
        target: atMost(median(times), 1.1, '≤ 1.1'),
        note: 'down: connections reset and nobody listens at the address; all landed after each outage',
      }),
    ],
  };
}
