/** A process that logs 1000 records in one tight loop and is killed behind it. Prints the run's id where there is one. */
import { once } from 'node:events';
import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import { createTracker } from '../../src/index.js';
import { LOG_FILE, type Loop, RECORDS } from './tight-loop-input.js';

const KEY = 'train.loss';

const { logger, uri, waitMs } = JSON.parse(process.argv[2] ?? '') as Loop; // as kill.ts gives it
const log = await ready();
for (let step = 0; step < RECORDS; step++) log(step);
const end = performance.now() + waitMs;
while (performance.now() < end);
process.kill(process.pid, 'SIGKILL');

/** At work before the loop: none is killed while it still starts. */
async function ready(): Promise<(step: number) => void> {
  if (logger === 'headrace') {
    const tracker = createTracker({ uri, journal: { dir: join(process.cwd(), '.headrace') } });
    const run = tracker.startRun();
    writeSync(1, await run.storeId);
    await tracker.flush();
    return (step) => run.logMetric(KEY, Math.random(), step);
  }
  if (logger === 'pino') {
    const transport = pino.transport({ target: 'pino/file', options: { destination: LOG_FILE } });
    await once(transport, 'ready');
    const to = pino(transport);
    return (step) => to.info({ k: KEY, v: Math.random(), step });
  }
  const file = openSync(LOG_FILE, 'wx');
  return (step) => writeSync(file, `${JSON.stringify({ k: KEY, v: Math.random(), step })}\n`);
}
