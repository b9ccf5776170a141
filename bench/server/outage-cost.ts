import { setTimeout as sleep } from 'node:timers/promises';
import { createTracker } from '../../src/index.js';
import { Costs, freshNumbers, type LoopCost, timeSlices } from '../caller/burst.js';
import { PATIENCE_MS } from './rows.js';
import type { TellParent } from './scenario-process.js';

export interface Outages {
  readonly url: string;
  readonly outages: number;
  /** A multiple of a slice; what one outage gathers stays below half of the ring. */
  readonly calls: number;
}

export interface OutageCost {
  readonly up: readonly LoopCost[];
  readonly down: readonly LoopCost[];
  readonly runId: string;
  readonly rows: number;
}

/** Before each burst: the worker is at work in it, and not only from its next look at the ring on. */
const LEAD_CALLS = 1000;
const LEAD_MS = 2;

/** A refused connection is told at once. */
const NOTICE_MS = 30_000;

/** What `logMetric` costs its caller, by turns while the server answers and while nobody listens at its address. */
export async function scenario({ url, outages, calls }: Outages, tellParent: TellParent): Promise<OutageCost> {
  const tracker = createTracker({ uri: url });
  const run = tracker.startRun();
  const runId = await run.storeId;
  const up: LoopCost[] = [];
  const down: LoopCost[] = [];
  let step = 0;
  const lead = (): void => {
    for (let i = 0; i < LEAD_CALLS; i++) run.logMetric('train.loss', Math.random(), step++);
    const begun = performance.now() + LEAD_MS;
    while (performance.now() < begun);
  };
  const burst = async (settle: () => Promise<unknown>): Promise<LoopCost> => {
    const costs = new Costs();
    const values = freshNumbers(calls);
    lead();
    costs.addSlices(
      timeSlices(calls, (from, to) => {
        for (let i = from; i < to; i++) run.logMetric('train.loss', values[i] as number, step++); // below its length
      }),
    );
    await settle();
    const times = new Float64Array(calls);
    lead();
    for (let i = 0; i < calls; i++) {
      const startedAt = performance.now();
      run.logMetric('train.loss', values[i] as number, step++); // as above
      times[i] = performance.now() - startedAt;
    }
    await settle();
    costs.addCalls(times);
    return costs.cost;
  };
  const landed = (): Promise<unknown> => tracker.flush({ timeoutMs: PATIENCE_MS });
  // While nothing lands: the worker has taken what it will take.
  const taken = (): Promise<unknown> => sleep(200);
  for (let outage = -1; outage < outages; outage++) {
    const whileUp = await burst(landed);
    const noticed = new Promise<void>((resolve) => {
      const listener = (): void => {
        tracker.off('backend-down', listener);
        resolve();
      };
      tracker.on('backend-down', listener);
    });
    await tellParent('down');
    run.logMetric('train.loss', Math.random(), step++);
    await Promise.race([noticed, sleep(NOTICE_MS).then(() => Promise.reject(new Error('the outage was not noticed')))]);
    const before = tracker.stats().landed;
    const whileDown = await burst(taken);
    if (tracker.stats().landed !== before) throw new Error('records landed while the server was down');
    await tellParent('up');
    await landed();
    if (outage < 0) continue;
    up.push(whileUp);
    down.push(whileDown);
  }
  await tracker.close({ timeoutMs: PATIENCE_MS });
  return { up, down, runId, rows: step };
}
