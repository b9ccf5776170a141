/** A program whose threads log, and which ends while they do: what each had logged by then is its last word. */
import { writeSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { attachTracker, createTracker, type TrackerHandle } from '../../../src/index.js';

export interface Ending {
  readonly uri: string;
  readonly journals: string;
  readonly way: 'exit' | 'SIGTERM' | 'throw';
}

const THREADS = 3;

interface Shared {
  readonly handle: TrackerHandle;
  readonly runId: string | undefined;
  readonly key: string;
  readonly counts: SharedArrayBuffer;
  readonly place: number;
}

function log({ handle, runId, key, counts, place }: Shared): void {
  const run = attachTracker(handle).startRun(runId === undefined ? {} : { runId });
  const words = new Int32Array(counts);
  for (let i = 0; ; i++) {
    run.logMetric(key, i, i);
    Atomics.store(words, place, i + 1);
    if (i % 50 === 0) Atomics.wait(words, place, i + 1, 1);
  }
}

function end({ uri, journals, way }: Ending): void {
  const tracker = createTracker({ uri, journal: { dir: journals } });
  const run = tracker.startRun();
  const counts = new SharedArrayBuffer(THREADS * 4);
  const words = new Int32Array(counts);
  const handle = tracker.handle();
  for (let place = 0; place < THREADS; place++) {
    const shared: Shared = { handle, runId: place === 0 ? run.id : undefined, key: `k${place}`, counts, place };
    new Worker(new URL(import.meta.url), { workerData: shared, execArgv: [] });
  }
  const timer = setInterval(() => {
    if (words.some((count) => count < 2000)) return;
    clearInterval(timer);
    run.logMetric('own', 1);
    writeSync(1, `${JSON.stringify([...words])}\n`);
    if (way === 'exit') process.exit(0);
    if (way === 'SIGTERM') process.kill(process.pid, 'SIGTERM');
    else throw new Error('the program went wrong');
  }, 2);
}

// Ours, by `end` and by the test.
if (isMainThread) end(JSON.parse(process.argv[2] ?? '') as Ending);
else log(workerData as Shared);
