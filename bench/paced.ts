import { createTracker, type Run, type Tracker } from '../src/index.js';
import { expectRows, URI } from './database.js';
import { type Paced, paceCalls } from './pace.js';
import { type Answer, ask, type Question, type Row } from './question.js';
import { median, quantile, range } from './statistics.js';

interface Latency {
  readonly median: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** Calls longer than a millisecond. */
  readonly long: number;
  /** How often the system took the core away while the loop ran. */
  readonly preempted: number;
  /** From the last call until all had landed. */
  readonly behindMs: number;
}

/** Params don't change: each run takes each key once. */
const KEYS = 1000;
const WARM_CALLS = 20_000;

const scenarios = {
  /** The same loop, and the same texts made in it, without headrace. */
  async nothing(load: Paced): Promise<Latency> {
    let text = '';
    let sum = 0;
    return await measured(
      load,
      (i) => {
        text = freshKey(i);
      },
      (i) => {
        sum += text.length + i;
      },
      async () => {
        if (Number.isNaN(sum)) throw new Error('the loop must not be optimized away');
      },
    );
  },

  async logMetric(load: Paced): Promise<Latency> {
    const { tracker, run } = await warm();
    return await measured(
      load,
      () => {},
      (i) => {
        run.logMetric('train.loss', i * 1.0001, i);
      },
      async () => {
        await tracker.flush({ timeoutMs: 120_000 });
        expectRows('metrics', WARM_CALLS + load.calls);
        await tracker.close();
      },
    );
  },

  async logNumber(load: Paced): Promise<Latency> {
    const { tracker } = await warm();
    const keys = Array.from({ length: KEYS }, (_, i) => `group_${i % 20}.option_${i}`);
    const runs = Array.from({ length: load.calls / KEYS + 2 }, () => tracker.startRun());
    // A key is known from its second use on.
    for (const run of runs.splice(-2)) for (const key of keys) run.logParam(key, 0);
    await tracker.flush({ timeoutMs: 120_000 });
    let run = runs[0] as Run; // a run for each thousand calls
    return await measured(
      load,
      (i) => {
        if (i % KEYS === 0) run = runs[i / KEYS] as Run; // as above
      },
      (i) => {
        run.logParam(keys[i % KEYS] as string, i * 1.0001); // below its length
      },
      async () => {
        await tracker.flush({ timeoutMs: 120_000 });
        expectRows('params', 2 * KEYS + load.calls);
        await tracker.close();
      },
    );
  },

  async logText(load: Paced): Promise<Latency> {
    const { tracker, run } = await warm();
    let key = '';
    let text = '';
    return await measured(
      load,
      (i) => {
        key = freshKey(i);
        text = `relu-${i % 977}`;
      },
      () => {
        run.logParam(key, text);
      },
      async () => {
        await tracker.flush({ timeoutMs: 120_000 });
        expectRows('params', load.calls);
        await tracker.close();
      },
    );
  },
};

export const question: Question = ask({
  title: 'calls at a steady rate, each timed, in one synchronous loop (excess: over the same loop without headrace)',
  scenarios,
  async ask(measure, scale): Promise<Answer> {
    const load: Paced = { perSecond: 100_000, calls: scale.of(2_000_000, 100_000) };
    const rounds = scale.of(2, 1);
    const names = Object.keys(scenarios) as (keyof typeof scenarios)[]; // its keys
    // A long run in one piece shows what piles up; a short one more tells luck from habit.
    const loads = Array.from({ length: rounds }, (_, round) => (round === 0 ? load : { ...load, calls: load.calls / 8 }));
    const found: Record<keyof typeof scenarios, Latency[]> = { nothing: [], logMetric: [], logNumber: [], logText: [] };
    for (const each of loads) for (const name of names) found[name].push(await measure(name, each));
    const label = {
      logMetric: 'logMetric, known key',
      logNumber: 'logParam(number), known key',
      logText: 'logParam(fresh key, short text)',
    };
    return {
      sizes: {
        'calls a second': load.perSecond,
        seconds: loads.map(({ calls }) => calls / load.perSecond).join(' and '),
        rounds,
      },
      rows: [
        latencyRow('the loop without headrace', found.nothing),
        ...(['logMetric', 'logNumber', 'logText'] as const).flatMap((name) => rowsOf(label[name], found[name], found.nothing)),
      ],
    };
  },
});

function rowsOf(what: string, latencies: readonly Latency[], nothing: readonly Latency[]): Row[] {
  // Each round beside its own loop without headrace.
  const excess = (of: 'p999' | 'max' | 'long'): number[] =>
    latencies.map((latency, round) => latency[of] - (nothing[round] as Latency)[of]);
  const p999 = excess('p999');
  const max = excess('max').map((ns) => ns / 1e6);
  const row = (name: string, unit: string, values: readonly number[]): Row => ({
    what: name,
    unit,
    clock: 'call',
    median: median(values),
    range: range(values),
    rounds: values.length,
  });
  return [
    latencyRow(what, latencies),
    { ...row(`${what}: p99.9, excess`, 'ns', p999), target: { text: '< 5,000', reached: Math.max(...p999) < 5000 } },
    { ...row(`${what}: longest call, excess`, 'ms', max), target: { text: '≤ 1', reached: Math.max(...max) <= 1 } },
  ];
}

function latencyRow(what: string, latencies: readonly Latency[]): Row {
  const medians = latencies.map((latency) => latency.median);
  const all = (of: keyof Latency): string => latencies.map((latency) => latency[of].toFixed(0)).join(' and ');
  return {
    what,
    unit: 'ns',
    clock: 'call',
    median: median(medians),
    range: range(medians),
    tail: {
      p99: median(latencies.map(({ p99 }) => p99)),
      p999: median(latencies.map(({ p999 }) => p999)),
      max: Math.max(...latencies.map(({ max }) => max)),
    },
    rounds: latencies.length,
    note: `${all('long')} calls above 1 ms, core taken away ${all('preempted')} times, all landed ${all('behindMs')} ms after the last call`,
  };
}

async function measured(
  load: Paced,
  prepare: (call: number) => void,
  call: (call: number) => void,
  land: () => Promise<void>,
): Promise<Latency> {
  const before = process.resourceUsage().involuntaryContextSwitches;
  // The first calls compile the loop; they are made and landed like all others.
  const times = paceCalls(load, prepare, call).subarray(WARM_CALLS);
  const preempted = process.resourceUsage().involuntaryContextSwitches - before;
  const last = performance.now();
  await land();
  const behindMs = performance.now() - last;
  return {
    median: median(times),
    p99: quantile(times, 0.99),
    p999: quantile(times, 0.999),
    max: quantile(times, 1),
    long: times.reduce((count, ns) => count + (ns > 1e6 ? 1 : 0), 0),
    preempted,
    behindMs,
  };
}

/** A worker that has started and code that is compiled: what a long loop has but for its first moments. */
async function warm(): Promise<{ tracker: Tracker; run: Run }> {
  const tracker = createTracker({ uri: URI });
  const run = tracker.startRun();
  for (let step = 0; step < WARM_CALLS; step++) run.logMetric('warm', step, step);
  await tracker.flush();
  return { tracker, run };
}

function freshKey(i: number): string {
  return `layer.${(60_000_000 + i).toString(36)}`;
}
