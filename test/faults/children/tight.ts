/**
 * Logs 1000 records in one loop and dies at once. `<headrace uri> <journal dir>`, `pino <file>` or `writeSync <file>`;
 * loggers first write one record and have the time to get going, as in a program that has run for a while.
 */
import { openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { createTracker } from '../../../src/index.js';

const [logger = '', target = '', dir = ''] = process.argv.slice(2);
const RECORDS = 1000;

async function logging(): Promise<(i: number) => void> {
  if (logger === 'pino') {
    const log = pino(pino.transport({ target: 'pino/file', options: { destination: target } }));
    return (i) => log.info({ step: i, loss: i / 7 });
  }
  if (logger === 'writeSync') {
    const file = openSync(target, 'a');
    return (i) => void writeSync(file, `${JSON.stringify({ step: i, loss: i / 7 })}\n`);
  }
  const run = createTracker({ uri: target, experiment: 'tight', journal: { dir } }).startRun();
  writeSync(1, `runs ${run.id}\n`);
  await run.logParam('first', 1).durable();
  return (i) => void run.logMetric('loss', i / 7, i);
}

const log = await logging();
log(0);
await sleep(500);
for (let i = 1; i <= RECORDS; i++) log(i);
process.kill(process.pid, 'SIGKILL');
