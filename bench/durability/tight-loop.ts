/** A process that logs 1000 records in one tight loop and is killed behind it. Prints the run's id where there is one. */
import { once } from 'node:events';
import { openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { createTracker } from '../../src/index.js';
import { LOG_FILE, type Loop, RECORDS } from './tight-loop-input.js';

interface Logger {
  readonly log: (step: number) => void;
  /** Resolves when what was logged is where it belongs. */
  readonly flush: () => Promise<unknown>;
}

const KEY = 'train.loss';

const { logger, uri, warm, waitMs } = JSON.parse(process.argv[2] ?? '') as Loop; // as kill.ts gives it
const { log, flush } = await ready();
let step = 0;
for (; step < warm; step++) log(step);
await flush();
for (const last = warm + RECORDS; step < last; step++) log(step);
const end = performance.now() + waitMs;
while (performance.now() < end);
process.kill(process.pid, 'SIGKILL');

/** None is killed while it still starts. */
async function ready(): Promise<Logger> {
  if (logger === 'headrace') {
    const tracker = createTracker({ uri, journal: { dir: join(process.cwd(), '.headrace') } });
    const run = tracker.startRun();
    writeSync(1, await run.storeId);
    return { log: (at) => void run.logMetric(KEY, Math.random(), at), flush: () => tracker.flush() };
  }
  if (logger === 'pino') {
    const transport = pino.transport({ target: 'pino/file', options: { destination: LOG_FILE } });
    await once(transport, 'ready');
    const to = pino(transport);
    return { log: (at) => to.info({ k: KEY, v: Math.random(), step: at }), flush: written };
  }
  const file = openSync(LOG_FILE, 'wx');
  return {
    log: (at) => void writeSync(file, `${JSON.stringify({ k: KEY, v: Math.random(), step: at })}\n`),
    flush: () => Promise.resolve(),
  };
}

async function written(): Promise<void> {
  while (readFileSync(LOG_FILE, 'utf8').split('\n').length - 1 < warm) await sleep(2);
}
