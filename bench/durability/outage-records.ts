import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTracker } from '../../src/index.js';
import type { TellParent } from '../server/parent.js';
import { PATIENCE_MS } from '../server/rows.js';

export interface Outage {
  readonly url: string;
  /** Logged while the server is up, so that the code is compiled and the worker has what it needs. */
  readonly warm: number;
  /** Logged while it is down. */
  readonly calls: number;
}

export interface OutageRecords {
  readonly runId: string;
  /** Bytes that were resident before the server went, and the most of it since. */
  readonly before: number;
  readonly mostDown: number;
  readonly mostAfter: number;
  readonly ringBytes: number;
  readonly journalBytes: number;
  /** Until the loop was through, and until everything was in the journal. */
  readonly callSeconds: number;
  readonly durableSeconds: number;
  /** From the moment at which the server was back until it had taken everything. */
  readonly landSeconds: number;
}

const CALLS_A_LOOK = 20_000;
const LOOK_MS = 10;

/** One key: the server that counts tells records apart by their step. */
const KEY = 'train.loss';

/** Logs as fast as it can, in one turn of the event loop, while the server is down. */
export async function scenario({ url, warm, calls }: Outage, tellParent: TellParent): Promise<OutageRecords> {
  const dir = join(process.cwd(), '.headrace');
  const tracker = createTracker({ uri: url, journal: { dir } });
  const run = tracker.startRun();
  const runId = await run.storeId;
  let step = 0;
  for (; step < warm; step++) run.logMetric(KEY, Math.random(), step);
  await tracker.flush({ timeoutMs: PATIENCE_MS });
  let most = 0;
  const look = (): void => {
    most = Math.max(most, process.memoryUsage.rss());
  };
  await tellParent('down');
  const before = process.memoryUsage.rss();
  const start = performance.now();
  for (const last = warm + calls; step < last; step++) {
    run.logMetric(KEY, Math.random(), step);
    if (step % CALLS_A_LOOK === 0) look();
  }
  const called = performance.now();
  while (tracker.stats().durable < tracker.stats().accepted) {
    await sleep(LOOK_MS);
    look();
  }
  const durable = performance.now();
  if (tracker.stats().landed > warm + 1) throw new Error('records landed while the server was down');
  const mostDown = most;
  most = 0;
  const journalBytes = bytesIn(dir);
  const looking = setInterval(look, LOOK_MS);
  await tellParent('up');
  const back = performance.now();
  await tracker.flush({ timeoutMs: PATIENCE_MS });
  const landed = performance.now();
  clearInterval(looking);
  const { capacity } = tracker.stats().ringBytes;
  await tracker.close({ timeoutMs: PATIENCE_MS });
  return {
    runId,
    before,
    mostDown,
    mostAfter: most,
    ringBytes: capacity,
    journalBytes,
    callSeconds: (called - start) / 1000,
    durableSeconds: (durable - start) / 1000,
    landSeconds: (landed - back) / 1000,
  };
}

function bytesIn(folder: string): number {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return files.reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
}
