/** What a logging call costs its caller, the worker draining into the default store. */
import { Bench } from 'tinybench';
import { createTracker, type Run, type Tracker } from '../../src/index.js';
import type { LaneRun } from '../../src/run.js';
import { expectRows, URI } from '../database.js';
import { BareRing, writeBare } from './bare-ring.js';
import { type Bursts, type CallCost, Costs, costOfCalls, freshNumbers, type LoopCost, timeSlices } from './burst.js';

/** Said and not found out: tinybench would call once more to see. */
const SYNCHRONOUS = { async: false };

export interface HeadraceCost extends LoopCost {
  /** The yardstick in the same process, burst by burst in turn: into the same ring, drained by the same worker. */
  readonly bareNs: number;
  /** The same into a ring whose worker only counts: it looks at the tail more often, which the writer feels. */
  readonly bareCountedNs: number;
}

const LEAD_CALLS = 10_000;
const LEAD_MS = 2;

/** A tracker, the yardsticks, and the rows that must be in the file at the end. */
class Setup {
  readonly tracker: Tracker = createTracker({ uri: URI });
  private readonly yardstick = new BareRing();
  private readonly bareRun: Run = this.tracker.startRun();
  private readonly bareCounted = new Costs();
  private readonly bareInLane = new Costs();
  metrics = 0;
  params = 0;

  /**
   * The worker is at work in the burst that follows, and not only from its next look at the ring on: it has records to
   * land for some 30 ms, and time to begin. A core beside one that works is slower than one beside an idle one.
   */
  occupyWorker(): void {
    for (let i = 0; i < LEAD_CALLS; i++) this.logBareMetric();
    const begun = performance.now() + LEAD_MS;
    while (performance.now() < begun);
  }

  async measureBare(calls: number, counted: boolean): Promise<void> {
    const values = freshNumbers(calls);
    const times = this.yardstick.write(values);
    await this.yardstick.drained();
    if (counted) this.bareCounted.addSlices(times);
    this.occupyWorker();
    const timesInLane = this.writeBareIntoLane(values);
    await this.tracker.flush();
    if (counted) this.bareInLane.addSlices(timesInLane);
  }

  /** Counts the rows and lets the workers go. */
  async finish(): Promise<void> {
    await this.tracker.flush();
    if (this.params > 0) expectRows('params', this.params);
    expectRows('metrics', this.metrics);
    await this.tracker.close();
    await this.yardstick.close();
  }

  async finishWithBare(cost: LoopCost): Promise<HeadraceCost> {
    await this.finish();
    return { ...cost, bareNs: this.bareInLane.ns, bareCountedNs: this.bareCounted.ns };
  }

  /** Two calls make the key a known one. */
  private logBareMetric(): void {
    this.bareRun.logMetric('bare', Math.random(), ++this.metrics);
  }

  private writeBareIntoLane(values: Float64Array): Float64Array {
    // What `startRun` returns while headrace is enabled; its lane and ledger are no part of the public surface.
    const { lane, ledger } = this.bareRun as LaneRun;
    const key = lane.keys.id('bare');
    const firstSeq = ledger.issued + 1;
    const times = writeBare(lane.ring, ledger.slot, key, firstSeq, values);
    ledger.issued += values.length;
    this.metrics += values.length;
    return times;
  }
}

export async function logMetric({ calls, bursts, warmup }: Bursts): Promise<HeadraceCost> {
  const setup = new Setup();
  const costs = new Costs();
  const run = setup.tracker.startRun();
  let step = 0;
  const key = 'train.loss';
  for (let burst = -warmup; burst < bursts; burst++) {
    await setup.measureBare(calls, burst >= 0);
    setup.occupyWorker();
    const values = freshNumbers(calls);
    const slices = timeSlices(calls, (from, to) => {
      for (let i = from; i < to; i++) run.logMetric(key, values[i] as number, step++); // below its length
    });
    await setup.tracker.flush();
    setup.occupyWorker();
    const times = new Float64Array(calls);
    for (let i = 0; i < calls; i++) {
      const startedAt = performance.now();
      run.logMetric(key, values[i] as number, step++);
      times[i] = performance.now() - startedAt;
    }
    await setup.tracker.flush();
    setup.metrics += calls * 2;
    if (burst < 0) continue;
    costs.addSlices(slices);
    costs.addCalls(times);
  }
  return setup.finishWithBare(costs.cost);
}

export interface ParamBursts extends Bursts {
  readonly keys: number;
}

/** Params don't change, so the known keys are logged into many runs, each started before the clock is. */
export async function logNumber({ calls, bursts, warmup, keys }: ParamBursts): Promise<HeadraceCost> {
  const setup = new Setup();
  const costs = new Costs();
  const names = paramNames(keys);
  for (let burst = -warmup; burst < bursts; burst++) {
    await setup.measureBare(calls, burst >= 0);
    const runs = await newRuns(setup.tracker, (calls / keys) * 2);
    const values = freshNumbers(calls);
    setup.occupyWorker();
    const slices = timeSlices(calls, (from, to) => {
      let i = from;
      for (let r = from / keys; r < to / keys; r++) {
        const run = runs[r] as Run; // below its length
        for (let k = 0; k < names.length; k++) run.logParam(names[k] as string, values[i++] as number); // as above
      }
    });
    await setup.tracker.flush();
    setup.occupyWorker();
    const times = new Float64Array(calls);
    for (let i = 0; i < calls; i++) {
      const run = runs[runs.length / 2 + Math.floor(i / keys)] as Run; // as above
      const name = names[i % keys] as string; // as above
      const value = values[i] as number; // as above
      const startedAt = performance.now();
      run.logParam(name, value);
      times[i] = performance.now() - startedAt;
    }
    await Promise.all(runs.map((run) => run.end()));
    setup.params += calls * 2;
    if (burst < 0) continue;
    costs.addSlices(slices);
    costs.addCalls(times);
  }
  return setup.finishWithBare(costs.cost);
}

/** No key comes twice. Keys and values are made as programs make them, by template, before the clock is started. */
export async function logText({ calls, bursts, warmup }: Bursts): Promise<HeadraceCost> {
  const setup = new Setup();
  const costs = new Costs();
  const run = setup.tracker.startRun();
  let made = 0;
  const freshKeys = (): string[] => Array.from({ length: calls }, () => `layer.${(1e6 + made++).toString(36)}`);
  const freshTexts = (): string[] => Array.from({ length: calls }, () => `relu-${Math.floor(Math.random() * 1000)}`);
  for (let burst = -warmup; burst < bursts; burst++) {
    await setup.measureBare(calls, burst >= 0);
    const keys = freshKeys();
    const texts = freshTexts();
    setup.occupyWorker();
    const slices = timeSlices(calls, (from, to) => {
      for (let i = from; i < to; i++) run.logParam(keys[i] as string, texts[i] as string); // below their length
    });
    await setup.tracker.flush();
    const otherKeys = freshKeys();
    const times = new Float64Array(calls);
    setup.occupyWorker();
    for (let i = 0; i < calls; i++) {
      const key = otherKeys[i] as string; // below its length
      const text = texts[i] as string; // as above
      const startedAt = performance.now();
      run.logParam(key, text);
      times[i] = performance.now() - startedAt;
    }
    await setup.tracker.flush();
    setup.params += calls * 2;
    if (burst < 0) continue;
    costs.addSlices(slices);
    costs.addCalls(times);
  }
  return setup.finishWithBare(costs.cost);
}

/** `calls` objects of `keys` leaves, nine numbers to a text, each into a run of its own. */
export async function logObject({ calls, bursts, warmup, keys }: ParamBursts): Promise<CallCost> {
  const setup = new Setup();
  const samples: number[] = [];
  const names = paramNames(keys);
  for (let burst = -warmup; burst < bursts; burst++) {
    const runs = await newRuns(setup.tracker, calls);
    const objects = runs.map(() =>
      Object.fromEntries(
        names.map((name, i) => [name, i % 10 === 9 ? `relu-${Math.floor(Math.random() * 1000)}` : Math.random()]),
      ),
    );
    setup.occupyWorker();
    let i = 0;
    const bench = new Bench({
      iterations: calls,
      time: 0,
      warmup: false,
      retainSamples: true,
      subtractTimerOverhead: true,
      throws: true,
    });
    bench.add(
      'logParams',
      () => {
        (runs[i] as Run).logParams(objects[i] as object); // as many of both as iterations
        i++;
      },
      SYNCHRONOUS,
    );
    const [task] = bench.runSync();
    await Promise.all(runs.map((run) => run.end()));
    setup.params += calls * keys;
    if (burst >= 0 && task?.result.state === 'completed') samples.push(...(task.result.latency.samples ?? []));
  }
  await setup.finish();
  return costOfCalls(samples);
}

function paramNames(count: number): string[] {
  const parts = ['optimizer', 'model', 'data', 'training', 'schedule'];
  return Array.from({ length: count }, (_, i) => `${parts[i % parts.length]}.option_${i}`);
}

async function newRuns(tracker: Tracker, count: number): Promise<Run[]> {
  const runs = Array.from({ length: count }, () => tracker.startRun());
  await tracker.flush();
  return runs;
}
