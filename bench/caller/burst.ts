import { median, type Tail, tailOf } from '../statistics.js';

/** How one process measures: bursts of `calls`, each landed before the next one, `warmup` of them not counted. */
export interface Bursts {
  /** A multiple of `SLICE_CALLS`. */
  readonly calls: number;
  readonly bursts: number;
  readonly warmup: number;
}

/** What one process found. */
export interface CallCost {
  /** Median of the slices' times, divided by their calls. */
  readonly ns: number;
  /** Of whole bursts: with what the collector takes, and whoever else runs on the machine. */
  readonly meanNs: number;
  readonly tail: Tail;
}

/**
 * Long enough that two readings of the clock don't count, short enough that a thread which lost its core for
 * milliseconds (there are more threads than cores) spoils one slice and not the burst.
 */
export const SLICE_CALLS = 1000;

/** Milliseconds of each slice. */
export function timeSlices(calls: number, loop: (from: number, to: number) => void): Float64Array {
  const times = new Float64Array(calls / SLICE_CALLS);
  for (let slice = 0; slice < times.length; slice++) {
    const from = slice * SLICE_CALLS;
    const startedAt = performance.now();
    loop(from, from + SLICE_CALLS);
    times[slice] = performance.now() - startedAt;
  }
  return times;
}

/** Figures of one kind of burst. */
export class Costs {
  private readonly slices: number[] = [];
  private readonly calls: number[] = [];

  /** What `timeSlices` returned. */
  addSlices(times: Float64Array): void {
    for (const ms of times) this.slices.push((ms * 1e6) / SLICE_CALLS);
  }

  /** Milliseconds of single calls. */
  addCalls(times: Float64Array): void {
    for (const ms of times) this.calls.push(ms * 1e6);
  }

  get ns(): number {
    return median(this.slices);
  }

  get cost(): CallCost {
    return { ns: this.ns, meanNs: this.slices.reduce((sum, ns) => sum + ns, 0) / this.slices.length, tail: tailOf(this.calls) };
  }
}

/** Of single calls that are long enough to be timed by themselves; milliseconds. */
export function costOfCalls(times: readonly number[]): CallCost {
  const ns = Float64Array.from(times, (ms) => ms * 1e6);
  return { ns: median(ns), meanNs: ns.reduce((sum, each) => sum + each, 0) / ns.length, tail: tailOf(ns) };
}

export function freshNumbers(count: number): Float64Array {
  return Float64Array.from({ length: count }, () => Math.random() * 10);
}
