import { type Answer, atLeast, type Row, type Scale } from '../question.js';
import { median, overRounds, tailOf } from '../statistics.js';
import type { ParamCost } from './call-cost.js';
import { inProcess, inPython } from './process.js';
import { ratios, row } from './row.js';
import { countOf, type Landed, type Rows } from './rows.js';
import type { FreshServer, ServerQuestion } from './server.js';

const SCRIPT = new URL('../../../bench/server/python/log_params.py', import.meta.url);

/** What log_params.py prints for each way. */
interface Logged {
  readonly calls: number;
  readonly rows: number;
  readonly seconds: number;
  readonly micros: readonly number[];
  /** Rows of each run at the end. */
  readonly runs: Readonly<Record<string, number>>;
}

type Way = 'sync' | 'async' | 'buffered' | 'batches';

const WAYS: Readonly<Record<Way, string>> = {
  sync: 'mlflow.log_param',
  async: 'mlflow.log_param(synchronous=False)',
  buffered: 'the same with MLFLOW_ASYNC_LOGGING_BUFFERING_SECONDS=1',
  batches: 'MlflowClient.log_batch of 100 params',
};

export const question: ServerQuestion = {
  title: "params by Python's client and by headrace: until all are in the store, and what a call costs its caller",
  ask,
};

async function ask({ url, folder, python, stored }: FreshServer, scale: Scale): Promise<Answer> {
  const rounds = scale.of(3, 1);
  // Few where each call takes a request of its own: seconds are enough.
  const calls = { sync: scale.of(200, 20), async: scale.of(400, 40), buffered: 400, batches: scale.of(40, 10) };
  const many: Rows = { kind: 'params', runs: scale.of(100, 20), keys: 100, steps: 1 };
  const alike: Rows = { kind: 'params', runs: 1, keys: calls.async, steps: 1 };
  const burst = { runs: scale.of(10, 4), keys: scale.of(300, 250), bursts: scale.of(4, 1) };
  const inPythonRounds: Record<Way, Logged>[] = [];
  const inMany: Landed[] = [];
  const inOne: Landed[] = [];
  const costs: ParamCost[] = [];
  const byHeadrace = async (rows: Rows): Promise<Landed> => {
    const landed = await inProcess('headraceRows', { url, rows }, folder);
    stored.expectCount('params', landed.runIds, rows.keys);
    return landed;
  };
  for (let round = 0; round < rounds; round++) {
    inMany.push(await byHeadrace(many));
    inOne.push(await byHeadrace(alike));
    // What the script makes.
    const logged = (await inPython(python, SCRIPT, { uri: url, ...calls }, folder)) as Record<Way, Logged>;
    for (const { runs } of Object.values(logged)) {
      for (const [id, rows] of Object.entries(runs)) stored.expectCount('params', [id], rows);
    }
    inPythonRounds.push(logged);
    const cost = await inProcess('callCost', { url, ...burst }, folder);
    stored.expectCount('params', cost.runIds, burst.keys);
    costs.push(cost);
  }
  const of = (way: Way): Logged[] => inPythonRounds.map((logged) => logged[way]);
  const rate = ({ rows, seconds }: { rows: number; seconds: number }): number => rows / seconds;
  const ratesOf = (landed: readonly Landed[], rows: Rows): number[] => landed.map(({ seconds }) => countOf(rows) / seconds);
  const asyncRates = of('async').map(rate);
  const manyTimes = ratios(ratesOf(inMany, many), asyncRates);
  const oneTimes = ratios(ratesOf(inOne, alike), asyncRates);
  const names = Object.keys(WAYS) as Way[]; // its keys
  const asyncNs = of('async').map(meanNs);
  const fresh = costs.map((cost) => median(cost.fresh.bursts));
  const known = costs.map((cost) => median(cost.known.bursts));
  const cheaper = ratios(asyncNs, fresh);
  const byMedians = ratios(
    of('async').map(medianNs),
    costs.map((cost) => cost.fresh.slices),
  );
  return {
    sizes: {
      rounds,
      'calls a round': names.map((way) => `${calls[way]} ${way}`).join(', '),
      headrace: `${many.runs} runs × ${many.keys} params, and one of ${alike.keys}`,
      'calls a burst': burst.runs * burst.keys,
    },
    rows: [
      row(`headrace, runs of ${many.keys} params`, 'rows/s', ratesOf(inMany, many)),
      row(`headrace, one run of ${alike.keys} params`, 'rows/s', ratesOf(inOne, alike)),
      ...names.map((way) => row(WAYS[way], 'rows/s', of(way).map(rate))),
      row("headrace beside Python's asynchronous calls, rows", 'times', manyTimes, {
        target: atLeast(median(manyTimes), 50, '≥ 50'),
        note: `runs of ${many.keys} params; ${median(oneTimes).toFixed(1)} times with the very rows of Python's loop, one run of ${alike.keys}, which are at least ${Math.ceil(alike.keys / 100)} requests behind each other`,
      }),
      row('headrace, logParam(number), fresh key', 'ns a call', fresh, { clock: 'loop' }),
      row('headrace, logParam(number), known key', 'ns a call', known, { clock: 'loop' }),
      ...names.map((way) => pythonCall(WAYS[way], of(way))),
      row("headrace beside Python's asynchronous call, caller's cost of a fresh key", 'times cheaper', cheaper, {
        clock: 'loop',
        target: atLeast(median(cheaper), 300, '≥ 300'),
        note: `whole loops divided by their calls; ${median(ratios(asyncNs, known)).toFixed(0)} times with a known key, and ${median(byMedians).toFixed(0)} times by medians, of Python's calls and of slices of headrace's`,
      }),
    ],
  };
}

function pythonCall(what: string, logged: readonly Logged[]): Row {
  const micros = logged.map(meanNs).map((ns) => ns / 1000);
  return row(what, 'µs a call', micros, { clock: 'call', tail: overRounds(logged.map((each) => tailOf(each.micros))) });
}

/** Of the loop as a whole, as headrace's is. */
function meanNs({ micros }: Logged): number {
  return (1000 * micros.reduce((sum, each) => sum + each, 0)) / micros.length;
}

function medianNs({ micros }: Logged): number {
  return 1000 * median(micros);
}
