/** A clock that is set back by an hour in the middle of the work, in all threads of a program. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect, inject, test } from 'vitest';
import { fileOf, useChildren } from '../exit/child.js';
import { rowsOf } from '../store/database-rows.js';
import { newFolder } from '../store/place.js';
import { CHILDREN } from './children.js';
import { judgeRow } from './fault-row.js';
import { Load } from './load.js';

const HOUR_MS = 3_600_000;
const BOOT_MS = 1500;

useChildren(CHILDREN);

test.for([
  ['SQLite', (folder: string) => ({ uri: `sqlite:///${join(folder, 'mlflow.db')}`, path: join(folder, 'mlflow.db') })],
  ['MLflow server', () => ({ uri: inject('server').url, path: inject('server').path })],
] as const)('%s: a clock that is set back loses records, or stops what waits', async ([where, place], context) => {
  const { uri, path } = place(newFolder());
  const startedAt = Date.now();
  const program = new Load({
    runs: 1,
    group: 50,
    perSecond: 5000,
    options: { uri, experiment: 'clock' },
    child: {
      env: {
        NODE_OPTIONS: `--import=${pathToFileURL(fileOf('clock-back.ts')).href}`,
        CLOCK_BACK_AT: String(startedAt + BOOT_MS),
      },
    },
  });
  await sleep(BOOT_MS + 1500);
  await program.reaches('landed');
  const rows = rowsOf(path);
  const { account, verdict } = await program.judged(rows);
  const { landed, lost, doubled, wrong, findings } = verdict;
  // Of metrics whose time was the moment of the call.
  const [own = ''] = account.runs;
  const stamps = rows(
    `SELECT min(timestamp) AS low, max(timestamp) AS high FROM metrics WHERE timestamp > ${startedAt - 2 * HOUR_MS}
     AND run_uuid IN (SELECT ? UNION SELECT run_uuid FROM tags WHERE key = 'headrace.run_id' AND value = ?)`,
    own,
    own,
  )[0];
  const [low, high] = [Number(stamps?.['low']), Number(stamps?.['high'])];
  const fired = low < startedAt - HOUR_MS / 2 ? 1 : 0;
  judgeRow(context, { fault: 'clock set back', where, fired, logged: account.begun, landed, lost, doubled, wrong }, findings);
  // As a program sees the time: before, and after.
  expect(low).toBeGreaterThan(startedAt - HOUR_MS);
  expect(high).toBeLessThanOrEqual(startedAt + BOOT_MS + 10);
});
