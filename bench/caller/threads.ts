/** What a logging call costs in threads that are attached to one tracker, all of them logging at the same time. */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { attachTracker, createTracker, type TrackerHandle } from '../../src/index.js';
import { expectRows, URI } from '../database.js';
import { type Bursts, Costs, freshNumbers, timeSlices } from './burst.js';

export interface ThreadBursts extends Bursts {
  readonly producers: number;
}

interface Job extends ThreadBursts {
  readonly headraceBench: 'threads';
  readonly handle: TrackerHandle;
  /** How many have come to the beginning of each burst. */
  readonly gates: SharedArrayBuffer;
}

const LEAD_CALLS = 5000;

/** Nanoseconds a call in each thread. */
export async function logFromThreads(input: ThreadBursts): Promise<number[]> {
  const tracker = createTracker({ uri: URI });
  const gates = new SharedArrayBuffer(4 * (input.bursts + input.warmup));
  const job: Job = { ...input, headraceBench: 'threads', handle: tracker.handle(), gates };
  const costs = await Promise.all(Array.from({ length: input.producers }, () => inThread(job)));
  await tracker.close();
  expectRows('metrics', input.producers * (input.bursts + input.warmup) * (input.calls + LEAD_CALLS));
  return costs;
}

function inThread(job: Job): Promise<number> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: job });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

async function log({ handle, calls, bursts, warmup, producers, gates }: Job): Promise<number> {
  const tracker = attachTracker(handle);
  const run = tracker.startRun();
  const costs = new Costs();
  let step = 0;
  for (let burst = 0; burst < warmup + bursts; burst++) {
    const values = freshNumbers(calls + LEAD_CALLS);
    const loop = (from: number, to: number): void => {
      for (let i = from; i < to; i++) run.logMetric('train.loss', values[i] as number, step++); // below its length
    };
    together(new Int32Array(gates), burst, producers);
    loop(calls, calls + LEAD_CALLS);
    const slices = timeSlices(calls, loop);
    await tracker.flush();
    if (burst >= warmup) costs.addSlices(slices);
  }
  await tracker.close();
  return costs.ns;
}

/** Waits until all have come here. */
function together(gates: Int32Array, gate: number, producers: number): void {
  if (Atomics.add(gates, gate, 1) + 1 === producers) Atomics.notify(gates, gate);
  for (let come = Atomics.load(gates, gate); come < producers; come = Atomics.load(gates, gate)) Atomics.wait(gates, gate, come);
}

function isJob(data: unknown): data is Job {
  return typeof data === 'object' && data !== null && 'headraceBench' in data;
}

if (!isMainThread && isJob(workerData)) parentPort?.postMessage(await log(workerData));
