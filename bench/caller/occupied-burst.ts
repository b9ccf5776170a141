import { Costs, type LoopCost, timeSlices } from './burst.js';

/** Makes the calls `from` to `to` of those that were prepared. */
export type Calls = (from: number, to: number) => void;

export interface OccupiedBurst {
  /** A multiple of a slice. */
  readonly calls: number;
  /** Before them and not timed: the worker is at work in the burst, and not only from its next look at the ring on. */
  readonly leadCalls: number;
  readonly prepare: (calls: number) => Calls | Promise<Calls>;
  /** Waits until the worker has done what it will do with them. */
  readonly settle: () => Promise<unknown>;
}

const LEAD_MS = 2;

/** Two bursts: one for what a call costs, one of single calls for their tail. */
export async function timeOccupied({ calls, leadCalls, prepare, settle }: OccupiedBurst): Promise<LoopCost> {
  const costs = new Costs();
  const burst = async (time: (loop: Calls) => void): Promise<void> => {
    const loop = await prepare(leadCalls + calls);
    loop(0, leadCalls);
    const begun = performance.now() + LEAD_MS;
    while (performance.now() < begun);
    time((from, to) => loop(leadCalls + from, leadCalls + to));
    await settle();
  };
  await burst((loop) => costs.addSlices(timeSlices(calls, loop)));
  const times = new Float64Array(calls);
  await burst((loop) => {
    for (let i = 0; i < calls; i++) {
      const startedAt = performance.now();
      loop(i, i + 1);
      times[i] = performance.now() - startedAt;
    }
  });
  costs.addCalls(times);
  return costs.cost;
}
