import { RawApi } from './raw-api.js';
import { CONNECTIONS, FIRST_TIMESTAMP, keysOf, type Landed, type Rows, valuesOf } from './rows.js';

/** The server's limits. */
const ROWS_A_REQUEST = { params: 100, metrics: 1000 };

/** The yardstick: full requests, made before the clock is started; of each run one is under way. */
export async function scenario({ url, rows }: { url: string; rows: Rows }): Promise<Landed> {
  const api = new RawApi(url, CONNECTIONS);
  const runIds = await Promise.all(Array.from({ length: rows.runs }, () => api.createRun()));
  const bodies = encoded(rows, runIds);
  const start = performance.now();
  await Promise.all(
    bodies.map(async (ofRun) => {
      for (const body of ofRun) await api.logBatch(body);
    }),
  );
  const seconds = (performance.now() - start) / 1000;
  await api.close();
  return { seconds, runIds, requests: bodies.reduce((sum, ofRun) => sum + ofRun.length, 0) };
}

function encoded(rows: Rows, runIds: readonly string[]): Buffer[][] {
  const keys = keysOf(rows);
  const values = valuesOf(rows);
  const rowsOfRun = rows.keys * rows.steps;
  const rowAt = (run: number, i: number): object => {
    const key = keys[i % keys.length];
    const value = values[run * rowsOfRun + i];
    if (rows.kind === 'params') return { key, value: String(value) };
    const step = Math.floor(i / keys.length);
    return { key, value, timestamp: FIRST_TIMESTAMP + step, step };
  };
  return runIds.map((run_id, run) => {
    const bodies: Buffer[] = [];
    for (let from = 0; from < rowsOfRun; ) {
      const length = Math.min(ROWS_A_REQUEST[rows.kind], rowsOfRun - from);
      const items = Array.from({ length }, (_, i) => rowAt(run, from + i));
      bodies.push(Buffer.from(JSON.stringify({ run_id, [rows.kind]: items })));
      from += length;
    }
    return bodies;
  });
}
