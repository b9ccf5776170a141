import { createTracker, type Run } from '../../src/index.js';
import { FIRST_TIMESTAMP, keysOf, type Landed, PATIENCE_MS, type Rows, valuesOf } from './rows.js';

export async function scenario({ url, rows }: { url: string; rows: Rows }): Promise<Landed> {
  const logRows = rowsLogger(rows);
  const tracker = createTracker({ uri: url });
  const runs = Array.from({ length: rows.runs }, () => tracker.startRun());
  const runIds = await Promise.all(runs.map((run) => run.storeId));
  await tracker.flush({ timeoutMs: PATIENCE_MS });
  const before = tracker.stats().batches;
  const start = performance.now();
  logRows(runs);
  await tracker.flush({ timeoutMs: PATIENCE_MS });
  const seconds = (performance.now() - start) / 1000;
  const requests = tracker.stats().batches - before;
  await tracker.close({ timeoutMs: PATIENCE_MS });
  return { seconds, runIds, requests };
}

/** Logs as a program does, one call for each row: params run by run, metrics of all runs step by step. */
export function rowsLogger(rows: Rows): (runs: readonly Run[]) => void {
  const keys = keysOf(rows);
  const values = valuesOf(rows);
  return (runs) => {
    if (rows.kind === 'params') {
      let i = 0;
      for (const run of runs) for (const key of keys) run.logParam(key, values[i++] as number); // one for each
      return;
    }
    for (let step = 0; step < rows.steps; step++) {
      runs.forEach((run, at) => {
        let i = (at * rows.steps + step) * keys.length;
        for (const key of keys) run.logMetric(key, values[i++] as number, step, FIRST_TIMESTAMP + step); // as above
      });
    }
  };
}
