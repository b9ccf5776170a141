import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTracker, type Run, type Tracker } from '../../src/index.js';
import { freshNumbers, type LoopCost } from '../caller/burst.js';
import { type Calls, timeOccupied } from '../caller/occupied-burst.js';
import { keysOf, PATIENCE_MS } from '../server/rows.js';

/** `memory`: without a journal. The second one shows how much two of the same differ. */
export const WAYS = ['memory', 'os', 'fsync', 'memory again'] as const;

export type Way = (typeof WAYS)[number];

export interface CallerCosts {
  readonly url: string;
  readonly kind: 'metrics' | 'params';
  readonly rounds: number;
  /** With those before them less than half of the ring. */
  readonly calls: number;
  readonly leadCalls: number;
}

export interface CallerCost {
  /** One for each round. */
  readonly costs: Readonly<Record<Way, readonly LoopCost[]>>;
  readonly runIds: readonly string[];
  readonly records: number;
}

/** A worker that has nothing to do looks for records for some 30 ms before it sleeps. */
const REST_MS = 50;

const PARAMS_A_RUN = 1000;

/** What a call costs its caller with and without a journal, round by round and each way in turn. */
export async function scenario({ url, kind, rounds, calls, leadCalls }: CallerCosts): Promise<CallerCost> {
  const found: Record<Way, LoopCost[]> = { memory: [], os: [], fsync: [], 'memory again': [] };
  const runIds: string[] = [];
  const sides = WAYS.map((way) => {
    const durability = way === 'memory again' ? 'memory' : way;
    const tracker = createTracker({ uri: url, durability, journal: { dir: join(process.cwd(), way) } });
    return { way, tracker, prepare: kind === 'metrics' ? metricCalls(tracker, runIds) : paramCalls(tracker, runIds) };
  });
  for (let round = -1; round < rounds; round++) {
    for (const [i] of sides.entries()) {
      // No way has a neighbour of its own.
      const { way, tracker, prepare } = sides[(i + Math.max(0, round)) % sides.length] as (typeof sides)[number]; // within
      const settle = async (): Promise<void> => {
        await tracker.flush({ timeoutMs: PATIENCE_MS });
        await sleep(REST_MS);
      };
      const cost = await timeOccupied({ calls, leadCalls, prepare, settle });
      if (round >= 0) found[way].push(cost);
    }
  }
  for (const { tracker } of sides) await tracker.close({ timeoutMs: PATIENCE_MS });
  // Each round is two bursts.
  return { costs: found, runIds, records: (rounds + 1) * sides.length * 2 * (leadCalls + calls) };
}

type Prepare = (count: number) => Promise<Calls>;

function metricCalls(tracker: Tracker, runIds: string[]): Prepare {
  const run = tracker.startRun();
  let step = 0;
  return async (count) => {
    if (step === 0) runIds.push(await run.storeId);
    const values = freshNumbers(count);
    return (from, to) => {
      for (let i = from; i < to; i++) run.logMetric('train.loss', values[i] as number, step++); // below its length
    };
  };
}

/** The same keys in every run, as a param is logged once in one. */
function paramCalls(tracker: Tracker, runIds: string[]): Prepare {
  const keys = keysOf({ kind: 'params', runs: 1, keys: PARAMS_A_RUN, steps: 1 });
  let before: Run[] = [];
  return async (count) => {
    await Promise.all(before.map((run) => run.end()));
    const runs = Array.from({ length: count / PARAMS_A_RUN }, () => tracker.startRun());
    runIds.push(...(await Promise.all(runs.map((run) => run.storeId))));
    await tracker.flush();
    before = runs;
    const values = freshNumbers(count);
    return (from, to) => {
      for (let i = from; i < to; i++) {
        const run = runs[Math.floor(i / PARAMS_A_RUN)] as Run; // one for so many
        run.logParam(keys[i % PARAMS_A_RUN] as string, values[i] as number); // below their lengths
      }
    };
  };
}
