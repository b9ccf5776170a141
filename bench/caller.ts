import type { CallCost, LoopCost } from './caller/burst.js';
import { type HeadraceCost, logMetric, logNumber, logObject, logText } from './caller/headrace.js';
import { clockAlone, pinoTransport, postMessage, sqliteInsert } from './caller/peers.js';
import { type Answer, ask, atLeast, atMost, type Question, type Row, type Target } from './question.js';
import { median, overRounds, range } from './statistics.js';

const scenarios = { clockAlone, logMetric, logNumber, logText, logObject, postMessage, pinoTransport, sqliteInsert };

/** 32-byte records in half of a 4 MiB ring, less the 10,000 before each burst that put the worker to work. */
const METRIC_CALLS = 55_000;
/** Known keys land all over the index, 10 times slower than the others. */
const NUMBER_CALLS = 40_000;
/** About 60 bytes each in the ring while they are written. */
const TEXT_CALLS = 30_000;
const KEYS = 50;
const OBJECT_CALLS = 400;
/** As many lines as fit in half of the 4 MiB that pino keeps for its transport. */
const PINO_CALLS = 20_000;
const PEER_CALLS = 10_000;

export const question: Question = ask({
  title:
    'what a call costs the caller, worker draining, beside other ways (bursts of at most half the ring, all landed in between)',
  scenarios,
  async ask(measure, scale): Promise<Answer> {
    const rounds = scale.of(3, 1);
    const bursts = scale.of(4, 2);
    const warmup = scale.of(2, 1);
    const size = (calls: number): { calls: number; bursts: number; warmup: number } => ({ calls, bursts, warmup });
    const found = {
      clock: [] as LoopCost[],
      metric: [] as HeadraceCost[],
      number: [] as HeadraceCost[],
      text: [] as HeadraceCost[],
    };
    const others = { object: [] as CallCost[], message: [] as LoopCost[], pino: [] as LoopCost[], insert: [] as CallCost[] };
    for (let round = 0; round < rounds; round++) {
      found.clock.push(await measure('clockAlone', size(PEER_CALLS)));
      found.metric.push(await measure('logMetric', size(METRIC_CALLS)));
      others.message.push(await measure('postMessage', size(METRIC_CALLS)));
      found.number.push(await measure('logNumber', { ...size(NUMBER_CALLS), keys: KEYS }));
      others.pino.push(await measure('pinoTransport', size(PINO_CALLS)));
      found.text.push(await measure('logText', size(TEXT_CALLS)));
      others.object.push(await measure('logObject', { ...size(OBJECT_CALLS), keys: KEYS }));
      others.insert.push(await measure('sqliteInsert', size(PEER_CALLS)));
    }
    return { sizes: sizes(rounds, bursts), rows: rows({ ...found, ...others }) };
  },
});

type Found = Readonly<Record<'object' | 'insert', readonly CallCost[]>> &
  Readonly<Record<'clock' | 'message' | 'pino', readonly LoopCost[]>> &
  Readonly<Record<'metric' | 'number' | 'text', readonly HeadraceCost[]>>;

function rows(found: Found): Row[] {
  const all = [...found.metric, ...found.number, ...found.text];
  const perKey = found.object.map((cost) => cost.ns / KEYS);
  return [
    row(
      "bare 32-byte ring write, headrace's worker draining",
      'loop',
      all.map(({ bareNs }) => ({ ns: bareNs })),
    ),
    row(
      'the same, a worker that only counts',
      'loop',
      all.map(({ bareCountedNs }) => ({ ns: bareCountedNs })),
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
  costs: readonly (Pick<LoopCost, 'ns'> & Partial<LoopCost>)[],
  target?: Target,
): Row {
  const ns = costs.map((cost) => cost.ns);
  const bursts = costs.flatMap(({ burstNs }) => (burstNs === undefined ? [] : [burstNs]));
  const tails = costs.flatMap(({ tail }) => (tail === undefined ? [] : [tail]));
  return {
    what,
    unit: 'ns',
    clock,
    median: median(ns),
    range: range(ns),
    ...(tails.length === 0 ? {} : { tail: overRounds(tails) }),
    rounds: costs.length,
    ...(bursts.length === 0 ? {} : { note: `${median(bursts).toFixed(0)} ns by the cheapest whole burst of each round` }),
    ...(target === undefined ? {} : { target }),
  };
}

/** Of the two in one process, burst by burst in turn. */
function ratio(what: string, costs: readonly HeadraceCost[], limit: number): Row {
  const ratios = costs.map(({ ns, bareNs }) => ns / bareNs);
  const counted = costs.map(({ ns, bareCountedNs }) => ns / bareCountedNs);
  return {
    what,
    unit: 'times',
    clock: 'loop',
    median: median(ratios),
    range: range(ratios),
    rounds: costs.length,
    target: atMost(median(ratios), limit, `≤ ${limit}`),
    note: `${median(counted).toFixed(2)} times the one with a worker that only counts`,
  };
}

function cheaper(what: string, headrace: readonly LoopCost[], costs: readonly LoopCost[], limit: number): Row {
  // By whole bursts: what a queue costs now and then is part of its price. Neighbours in time are compared.
  const times = costs.map((cost, round) => cost.burstNs / (headrace[round] as LoopCost).burstNs);
  const slices = costs.map((cost, round) => cost.ns / (headrace[round] as LoopCost).ns); // one for each round
  return {
    what,
    unit: 'times',
    clock: 'loop',
    median: median(times),
    range: range(times),
    rounds: costs.length,
    target: atLeast(median(times), limit, `≥ ${limit}`),
    note: `by the cheapest whole burst of each; ${median(slices).toFixed(1)} times by the median of slices`,
  };
}

function sizes(rounds: number, bursts: number): Answer['sizes'] {
  return {
    'ring bytes': 4 * 1024 * 1024,
    rounds,
    'bursts a round': bursts,
    'calls a burst: logMetric and postMessage': METRIC_CALLS,
    'logParam(number)': NUMBER_CALLS,
    'logParam(text)': TEXT_CALLS,
    logParams: OBJECT_CALLS,
    pino: PINO_CALLS,
    'the others': PEER_CALLS,
  };
}
