/**
 * A program whose tracker is a worker thread's, by which the main thread and another one log. `way`: how the thread that
 * has it ends. Says what became of a record that was logged after that.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { attachTracker, createTracker, HeadraceError, type TrackerHandle } from '../../../src/index.js';
import { say } from '../../say.js';

export interface Owned {
  readonly uri: string;
  readonly journals: string;
  readonly way: 'closes' | 'ends by itself' | 'exits' | 'is terminated' | 'stays';
}

type Part = { readonly part: 'owner'; readonly owned: Owned } | { readonly part: 'other'; readonly handle: TrackerHandle };

const RECORDS = 1000;

async function log(handle: TrackerHandle, key: string): Promise<ReturnType<ReturnType<typeof attachTracker>['startRun']>> {
  const run = attachTracker(handle).startRun({ name: key });
  for (let i = 0; i < RECORDS; i++) run.logMetric(key, i, i);
  await run.flush();
  return run;
}

function start(part: Part): Worker {
  return new Worker(new URL(import.meta.url), { workerData: part, execArgv: [] });
}

function owner({ uri, journals, way }: Owned): void {
  const tracker = createTracker({ uri, journal: { dir: journals } });
  parentPort?.postMessage(tracker.handle());
  parentPort?.once('message', () => {
    if (way === 'closes') void tracker.close();
    else if (way === 'exits') process.exit(0);
  });
}

async function main(owned: Owned): Promise<void> {
  const thread = start({ part: 'owner', owned });
  const handle = await new Promise<TrackerHandle>((resolve) => void thread.once('message', resolve));
  const other = start({ part: 'other', handle });
  await new Promise((resolve) => void other.once('exit', resolve));
  const run = await log(handle, 'main');
  if (owned.way === 'stays') {
    // Nobody waits for it: the process ends right behind.
    for (let i = RECORDS; i < 2 * RECORDS; i++) run.logMetric('main', i, i);
    say('landed');
    process.exit(0);
  }
  const ended = new Promise((resolve) => void thread.once('exit', resolve));
  if (owned.way === 'is terminated') void thread.terminate();
  else thread.postMessage('end');
  await ended;
  try {
    await run.logMetric('late', 1);
    say('landed');
  } catch (error) {
    say(error instanceof HeadraceError ? error.code : String(error));
  }
}

if (isMainThread) {
  await main(JSON.parse(process.argv[2] ?? '') as Owned); // from owners.test.ts
} else {
  const part = workerData as Part; // from `start`
  if (part.part === 'owner') owner(part.owned);
  else await log(part.handle, 'other');
}
