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
  /** Median of the slices' times divided by their calls, or of single calls that are long enough to be timed alone. */
  readonly ns: number;
  readonly tail: Tail;
}

export interface LoopCost extends CallCost {
  /**
   * Of the cheapest whole burst: with what a queue takes now and then, and the least of what other processes took.
   */
  readonly burstNs: number;
}

/**
 * Long enough that two readings of the clock don't count, short enough that a thread which lost its core for
 * milliseconds (there are more threads than cores) spoils one slice and not the burst.
 */
const SLICE_CALLS = 1000;

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
  private readonly bursts: number[] = [];
  private readonly calls: number[] = [];

  /** What `timeSlices` returned. */
  addSlices(times: Float64Array): void {
    for (const ms of times) this.slices.push((ms * 1e6) / SLICE_CALLS);
    this.bursts.push((times.reduce((sum, ms) => sum + ms, 0) * 1e6) / (times.length * SLICE_CALLS));
  }

  /** Milliseconds of single calls. */
  addCalls(times: Float64Array): void {
    for (const ms of times) this.calls.push(ms * 1e6);
  }

  get ns(): number {
    return median(this.slices);
  }

  get cost(): LoopCost {
    return { ns: this.ns, burstNs: Math.min(...this.bursts), tail: tailOf(this.calls) };
  }
}

/** Of single calls; milliseconds. */
export function costOfCalls(times: readonly number[]): CallCost {
  const ns = Float64Array.from(times, (ms) => ms * 1e6);
  return { ns: median(ns), tail: tailOf(ns) };
}

export function freshNumbers(count: number): Float64Array {
  return Float64Array.from({ length: count }, () => Math.random() * 10);
}
