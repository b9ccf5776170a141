import type { CallCost } from './caller/burst.js';
import { type HeadraceCost, logMetric, logNumber, logObject, logText } from './caller/headrace.js';
import { clockAlone, pinoTransport, postMessage, sqliteInsert } from './caller/peers.js';
import { type Answer, ask, atLeast, atMost, type Question, type Row, type Scale, type Target } from './question.js';
import { median, overRounds, range } from './statistics.js';

const scenarios = { clockAlone, logMetric, logNumber, logText, logObject, postMessage, pinoTransport, sqliteInsert };

/** 32-byte records in half of a 4 MiB ring. */
const METRIC_CALLS = 65_000;
/** Known keys land all over the index, 10 times slower than the others. */
const NUMBER_CALLS = 40_000;
/** About 60 bytes each in the ring while they are written. */
const TEXT_CALLS = 32_000;
const KEYS = 50;
const OBJECT_CALLS = 400;
const PEER_CALLS = 10_000;

export const question: Question = ask({
  title:
    'what a call costs the caller, worker draining, beside other ways (bursts of at most half the ring, all landed in between)',
  scenarios,
  async ask(measure, scale): Promise<Answer> {
    const rounds = scale.of(5, 1);
    const bursts = scale.of(8, 3);
    const warmup = scale.of(3, 2);
    const size = (calls: number): { calls: number; bursts: number; warmup: number } => ({ calls, bursts, warmup });
    const found = {
      clock: [] as CallCost[],
      metric: [] as HeadraceCost[],
      number: [] as HeadraceCost[],
      text: [] as HeadraceCost[],
    };
    const others = { object: [] as CallCost[], message: [] as CallCost[], pino: [] as CallCost[], insert: [] as CallCost[] };
    for (let round = 0; round < rounds; round++) {
      found.clock.push(await measure('clockAlone', size(PEER_CALLS)));
      found.metric.push(await measure('logMetric', size(METRIC_CALLS)));
      others.message.push(await measure('postMessage', size(PEER_CALLS)));
      found.number.push(await measure('logNumber', { ...size(NUMBER_CALLS), keys: KEYS }));
      others.pino.push(await measure('pinoTransport', size(PEER_CALLS)));
      found.text.push(await measure('logText', size(TEXT_CALLS)));
      others.object.push(await measure('logObject', { ...size(OBJECT_CALLS), keys: KEYS }));
      others.insert.push(await measure('sqliteInsert', size(PEER_CALLS)));
    }
    return { sizes: sizes(scale, rounds, bursts), rows: rows({ ...found, ...others }) };
  },
});

type Found = Readonly<Record<'clock' | 'object' | 'message' | 'pino' | 'insert', readonly CallCost[]>> &
  Readonly<Record<'metric' | 'number' | 'text', readonly HeadraceCost[]>>;

function rows(found: Found): Row[] {
  const all = [...found.metric, ...found.number, ...found.text];
  const perKey = found.object.map((cost) => cost.ns / KEYS);
  return [
    row(
      'bare 32-byte ring write, worker that only counts',
      'loop',
      all.map(({ bareNs }) => ({ ns: bareNs })),
    ),
    row(
      "the same into the lane, headrace's worker",
      'loop',
      all.map(({ bareLaneNs }) => ({ ns: bareLaneNs })),
    ),
    row('logMetric, known key', 'loop', found.metric),
    ratio('logMetric beside the bare write', found.metric, 2),
    row('logParam(number), known key', 'loop', found.number),
    ratio('logParam(number) beside the bare write', found.number, 3),
    row('logParam(fresh key, short text)', 'loop', found.text, atMost(median(found.text.map(({ ns }) => ns)), 300, '≤ 300 ns')),
    row(`logParams, object of ${KEYS} keys`, 'tinybench', found.object),
    row(
      'logParams, per key',
      'tinybench',
      perKey.map((ns) => ({ ns })),
    ),
    row('postMessage({k, v})', 'loop', found.message),
    cheaper('postMessage beside logMetric', found.metric, found.message, 15),
    row('pino with a worker transport, info({k, v})', 'loop', found.pino),
    cheaper('pino beside logMetric', found.metric, found.pino, 20),
    row('better-sqlite3 insert, WAL, NORMAL', 'tinybench', found.insert),
    row('the clock of p99, p99.9 and max alone', 'loop', found.clock),
  ];
}

function row(
  what: string,
  clock: Row['clock'],
  costs: readonly (Pick<CallCost, 'ns'> & Partial<CallCost>)[],
  target?: Target,
): Row {
  const ns = costs.map((cost) => cost.ns);
  const means = costs.flatMap(({ meanNs }) => (meanNs === undefined ? [] : [meanNs]));
  const tails = costs.flatMap(({ tail }) => (tail === undefined ? [] : [tail]));
  return {
    what,
    unit: 'ns',
    clock,
    median: median(ns),
    range: range(ns),
    ...(tails.length === 0 ? {} : { tail: overRounds(tails) }),
    rounds: costs.length,
    ...(means.length === 0
      ? {}
      : {
          note: `${median(means).toFixed(0)} ns by the mean of whole bursts, the collector's and other processes' time included`,
        }),
    ...(target === undefined ? {} : { target }),
  };
}

/** Of the two in one process, burst by burst in turn. */
function ratio(what: string, costs: readonly HeadraceCost[], limit: number): Row {
  const ratios = costs.map(({ ns, bareNs }) => ns / bareNs);
  const inLane = costs.map(({ ns, bareLaneNs }) => ns / bareLaneNs);
  return {
    what,
    unit: 'times',
    clock: 'loop',
    median: median(ratios),
    range: range(ratios),
    rounds: costs.length,
    target: atMost(median(ratios), limit, `≤ ${limit}`),
    note: `${median(inLane).toFixed(2)} times the bare write into the lane's own ring`,
  };
}

function cheaper(what: string, headrace: readonly CallCost[], costs: readonly CallCost[], limit: number): Row {
  // Neighbours in time are compared: the machine may be slower in another round.
  const times = costs.map((cost, round) => cost.ns / (headrace[round] as CallCost).ns);
  const means = costs.map((cost, round) => cost.meanNs / (headrace[round] as CallCost).meanNs); // as many of both
  return {
    what,
    unit: 'times',
    clock: 'loop',
    median: median(times),
    range: range(times),
    rounds: costs.length,
    target: atLeast(median(times), limit, `≥ ${limit}`),
    note: `${median(means).toFixed(1)} times by the means of whole bursts`,
  };
}

function sizes(scale: Scale, rounds: number, bursts: number): Answer['sizes'] {
  return {
    'ring bytes': 4 * 1024 * 1024,
    rounds,
    'bursts a round': bursts,
    'calls a burst: logMetric': METRIC_CALLS,
    'logParam(number)': NUMBER_CALLS,
    'logParam(text)': TEXT_CALLS,
    logParams: OBJECT_CALLS,
    'the others': PEER_CALLS,
    scale: scale.name,
  };
}
