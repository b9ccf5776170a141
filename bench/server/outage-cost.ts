import { setTimeout as sleep } from 'node:timers/promises';
import { createTracker } from '../../src/index.js';
import { freshNumbers, type LoopCost } from '../caller/burst.js';
import { timeOccupied } from '../caller/occupied-burst.js';
import type { TellParent } from './parent.js';
import { PATIENCE_MS } from './rows.js';

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

const LEAD_CALLS = 1000;

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
  const burst = (settle: () => Promise<unknown>): Promise<LoopCost> =>
    timeOccupied({
      calls,
      leadCalls: LEAD_CALLS,
      prepare: (count) => {
        const values = freshNumbers(count);
        return (from, to) => {
          for (let i = from; i < to; i++) run.logMetric('train.loss', values[i] as number, step++); // below its length
        };
      },
      settle,
    });
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
