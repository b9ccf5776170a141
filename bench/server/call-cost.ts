import { createTracker, type Run } from '../../src/index.js';
import { freshNumbers, timeSlices } from '../caller/burst.js';
import { median } from '../statistics.js';
import { keysOf, PATIENCE_MS } from './rows.js';

export interface ParamCalls {
  readonly url: string;
  readonly bursts: number;
  /** Runs and params of each are few enough for a burst to stay below half of the ring. */
  readonly runs: number;
  readonly keys: number;
}

/** Nanoseconds a call. */
export interface BurstCosts {
  /** One figure for each burst as a whole. */
  readonly bursts: readonly number[];
  /** Median of the bursts' slices: without the moments in which the core was taken away. */
  readonly slices: number;
}

export interface ParamCost {
  /** Keys that no call has had before, as those of a program's first run. */
  readonly fresh: BurstCosts;
  /** The same keys again in every run. */
  readonly known: BurstCosts;
  readonly runIds: readonly string[];
}

/** The first bursts compile the code. */
const WARM = 2;

/** What `logParam(key, number)` costs its caller; every burst lands before the next one. */
export async function scenario({ url, bursts, runs, keys }: ParamCalls): Promise<ParamCost> {
  const tracker = createTracker({ uri: url });
  const fresh: Float64Array[] = [];
  const known: Float64Array[] = [];
  const runIds: string[] = [];
  const knownKeys = keysOf({ kind: 'params', runs, keys, steps: 1 });
  const burst = async (keyOf: (i: number) => string): Promise<Float64Array> => {
    const started = Array.from({ length: runs }, () => tracker.startRun());
    runIds.push(...(await Promise.all(started.map((run) => run.storeId))));
    const names = Array.from({ length: runs * keys }, (_, i) => keyOf(i));
    const values = freshNumbers(names.length);
    const times = timeSlices(names.length, (from, to) => {
      for (let i = from; i < to; i++) {
        const run = started[Math.floor(i / keys)] as Run; // below its length
        run.logParam(names[i] as string, values[i] as number); // as above
      }
    });
    await Promise.all(started.map((run) => run.end('FINISHED', { timeoutMs: PATIENCE_MS })));
    return times.map((ms) => (ms * 1e6 * times.length) / names.length);
  };
  for (let b = 0; b < WARM + bursts; b++) {
    fresh.push(await burst((i) => `layer_${b}.option_${i}`));
    known.push(await burst((i) => knownKeys[i % keys] as string)); // as above
  }
  await tracker.close({ timeoutMs: PATIENCE_MS });
  return { fresh: costsOf(fresh.slice(WARM)), known: costsOf(known.slice(WARM)), runIds };
}

function costsOf(bursts: readonly Float64Array[]): BurstCosts {
  return {
    bursts: bursts.map((slices) => slices.reduce((sum, ns) => sum + ns, 0) / slices.length),
    slices: median(bursts.flatMap((slices) => [...slices])),
  };
}
