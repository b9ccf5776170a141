/**
 * One of several that write one run. Alone, or with `threads` as so many worker threads, each with a tracker of its own.
 * Says `ready`, begins at the first line on stdin, and says what became of its records: a ContenderReport a line. Arguments:
 * JSON of a ContenderPlan.
 */
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createTracker, ParamConflictError, type TrackerOptions } from '../../../src/index.js';

export interface ContenderPlan {
  readonly name: string;
  readonly options: TrackerOptions;
  readonly runId: string;
  readonly keys: readonly string[];
  readonly steps: number;
  readonly threads?: number;
}

export interface ContenderReport {
  readonly name: string;
  readonly won: readonly string[];
  /** By key: the value that stands there. */
  readonly beaten: Readonly<Record<string, string>>;
  readonly errors: readonly string[];
}

async function write({ name, options, runId, keys, steps }: ContenderPlan, started: Promise<unknown>): Promise<ContenderReport> {
  const tracker = createTracker(options);
  const run = tracker.startRun({ runId });
  await run.storeId;
  say('ready');
  await started;
  const won: string[] = [];
  const beaten: Record<string, string> = {};
  const errors: string[] = [];
  const settled: Promise<void>[] = [];
  const perTurn = Math.ceil(steps / keys.length);
  for (const [i, key] of keys.entries()) {
    const receipt = run.logParam(key, name).then(
      () => void won.push(key),
      (error: unknown) => {
        if (error instanceof ParamConflictError) beaten[key] = error.storedValue;
        else errors.push(String(error));
      },
    );
    settled.push(Promise.resolve(receipt));
    for (let step = i * perTurn; step < Math.min(steps, (i + 1) * perTurn); step++) {
      run.logMetric(`of ${name}`, step / 7, step, step);
    }
    // So that the others come in between.
    await new Promise((resolve) => setTimeout(resolve, 5 * Math.random()));
  }
  await Promise.all(settled);
  await tracker.close({ timeoutMs: 60_000 }).catch((error: unknown) => errors.push(String(error)));
  return { name, won, beaten, errors };
}

function say(text: string): void {
  writeSync(1, `${text}\n`);
}

if (isMainThread) {
  const plan = JSON.parse(process.argv[2] ?? '') as ContenderPlan;
  if (plan.threads === undefined) {
    say(JSON.stringify(await write(plan, once(process.stdin, 'data'))));
  } else {
    const workers = Array.from({ length: plan.threads }, (_, i) => {
      const workerData: ContenderPlan = { ...plan, name: `${plan.name} ${i}`, keys: plan.keys.toSorted(() => (i % 2) - 0.5) };
      return new Worker(fileURLToPath(import.meta.url), { workerData });
    });
    process.stdin.once('data', () => {
      for (const worker of workers) worker.postMessage('go');
    });
    await Promise.all(workers.map((worker) => once(worker, 'exit')));
  }
  process.stdin.destroy();
} else if (parentPort !== null) {
  // What this program's main thread gave.
  const report = await write(workerData as ContenderPlan, once(parentPort, 'message'));
  say(JSON.stringify(report));
  parentPort.close();
}
