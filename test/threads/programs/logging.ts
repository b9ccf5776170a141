/** A thread that logs by another one's tracker: what it does is told by its plan, what became of it by messages. */
import { parentPort, workerData } from 'node:worker_threads';
import { attachTracker, HeadraceError, type Report, type Run, type TrackerHandle } from '../../../src/index.js';

export interface Plan {
  readonly handle: TrackerHandle;
  /** Of the run that it joins; else it starts one. */
  readonly runId?: string;
  /** Of its metrics, whose steps and values count from 0. */
  readonly key: string;
  readonly records: number;
  /** All of them have the same for it. */
  readonly conflict?: string;
  /** How many metrics have been logged. */
  readonly published: SharedArrayBuffer;
  /** `lives`: goes on until one is refused, with turns of its event loop in between, or without any. */
  readonly way: 'closes' | 'leaves' | 'throws' | 'exits' | 'hangs' | 'lives' | 'lives in one turn';
}

/** What it says. */
export interface Said {
  readonly runId: string;
  readonly report?: Report;
  /** Of the first record that was refused. */
  readonly code?: string | undefined;
  readonly receipts?: number;
}

const plan = workerData as Plan; // by `LoggingThread`
const published = new Int32Array(plan.published);
const tracker = attachTracker(plan.handle);
const run = tracker.startRun(plan.runId === undefined ? {} : { runId: plan.runId });

function say(said: Omit<Said, 'runId'>): void {
  parentPort?.postMessage({ runId: run.id, ...said } satisfies Said);
}

function logOne(target: Run, i: number): ReturnType<Run['logMetric']> {
  const receipt = target.logMetric(plan.key, i, i);
  Atomics.store(published, 0, i + 1);
  return receipt;
}

if (plan.way === 'lives' || plan.way === 'lives in one turn') {
  let landed = 0;
  let code: string | undefined;
  for (let i = 0; code === undefined; i++) {
    const receipt = logOne(run, i);
    if (plan.way === 'lives in one turn') {
      // Paced, or the ring is full most of the time.
      if (i % 100 === 0) Atomics.wait(published, 0, i + 1, 1);
      if (receipt.state === 'failed') code = 'failed';
      continue;
    }
    try {
      await receipt;
      landed++;
    } catch (error) {
      code = error instanceof HeadraceError ? error.code : String(error);
    }
  }
  say({ code, receipts: landed });
} else {
  for (let i = 0; i < plan.records; i++) {
    logOne(run, i);
    if (plan.way === 'hangs' && i % 64 === 0) Atomics.wait(published, 0, i + 1, 1);
  }
  let code: string | undefined;
  if (plan.conflict !== undefined) {
    try {
      await run.logParam(plan.conflict, plan.key);
    } catch (error) {
      code = error instanceof HeadraceError ? error.code : String(error);
    }
  }
  if (plan.way === 'closes') {
    const report = await tracker.close({ throwOnFailure: false });
    say({ report, code });
  } else if (plan.way === 'hangs') {
    Atomics.wait(published, 1, 0);
  } else if (plan.way === 'throws') {
    throw new Error('the thread went wrong');
  } else if (plan.way === 'exits') {
    process.exit(0);
  }
}
