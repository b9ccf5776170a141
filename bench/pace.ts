/** Calls at a steady rate from a synchronous loop: what a training loop is to the logger, the event loop never turning. */

export interface Paced {
  readonly calls: number;
  readonly perSecond: number;
}

/**
 * Makes `call` at its time and returns how long each took, in nanoseconds, the clock's own cost included. `prepare`
 * comes before the wait and outside the clock. After a stall the calls that are late follow at once, as they would
 * in a program.
 */
export function paceCalls(
  { calls, perSecond }: Paced,
  prepare: (call: number) => void,
  call: (call: number) => void,
): Float32Array {
  const times = new Float32Array(calls);
  const interval = 1000 / perSecond;
  const start = performance.now();
  for (let i = 0; i < calls; i++) {
    prepare(i);
    const due = start + i * interval;
    let now = performance.now();
    while (now < due) now = performance.now();
    call(i);
    times[i] = (performance.now() - now) * 1e6;
  }
  return times;
}

/** The same with groups of calls behind each other; returns nanoseconds a call, one figure for each group. */
export function paceGroups({ calls, perSecond }: Paced, size: number, group: (from: number, to: number) => void): Float64Array {
  const costs = new Float64Array(calls / size);
  const interval = (1000 * size) / perSecond;
  const start = performance.now();
  for (let i = 0; i < costs.length; i++) {
    const due = start + i * interval;
    let now = performance.now();
    while (now < due) now = performance.now();
    group(i * size, (i + 1) * size);
    costs[i] = ((performance.now() - now) * 1e6) / size;
  }
  return costs;
}
