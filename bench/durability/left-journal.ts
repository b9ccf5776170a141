/** A process that logs while its server is away, and is killed when all of it is in the journal. Prints the runs' ids. */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTracker } from '../../src/index.js';
import { rowsLogger } from '../server/headrace-rows.js';
import { Relay } from '../server/relay.js';
import { PATIENCE_MS, type Rows } from '../server/rows.js';

const { url, rows } = JSON.parse(process.argv[2] ?? '') as { url: string; rows: Rows }; // as replay.ts gives it
const relay = await Relay.to(url);
const logRows = rowsLogger(rows);
const tracker = createTracker({ uri: relay.url, journal: { dir: join(process.cwd(), '.headrace') } });
const runs = Array.from({ length: rows.runs }, () => tracker.startRun());
const runIds = await Promise.all(runs.map((run) => run.storeId));
await tracker.flush({ timeoutMs: PATIENCE_MS });
await relay.close();
logRows(runs);
while (tracker.stats().durable < tracker.stats().accepted) await sleep(10);
writeSync(1, JSON.stringify(runIds));
process.kill(process.pid, 'SIGKILL');
