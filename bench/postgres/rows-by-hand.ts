import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { FIRST_TIMESTAMP, keysOf, type Landed, type Rows, valuesOf } from '../server/rows.js';

/** Of one run, as many as headrace puts into a batch. */
export const ROWS_A_STATEMENT = 10_000;

const PARAMS =
  'INSERT INTO params (key, value, run_uuid) SELECT *, $1 FROM unnest($2::text[], $3::text[]) ON CONFLICT DO NOTHING';

/** Both tables in one statement: MLflow shows nothing of a metric that has no latest value. */
const METRICS =
  'WITH written AS (INSERT INTO metrics (key, value, timestamp, step, is_nan, run_uuid) ' +
  'SELECT key, value, timestamp, step, false, $1 FROM unnest($2::text[], $3::float8[], $4::bigint[], $5::bigint[]) ' +
  'AS u (key, value, timestamp, step) ON CONFLICT DO NOTHING) ' +
  'INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) ' +
  'SELECT key, value, timestamp, step, false, $1 FROM unnest($6::text[], $7::float8[], $8::bigint[], $9::bigint[]) ' +
  'AS u (key, value, timestamp, step) ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value, ' +
  'timestamp = excluded.timestamp, step = excluded.step, is_nan = excluded.is_nan WHERE ' +
  '(excluded.step, excluded.timestamp, excluded.value) > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)';

/**
 * The yardstick: what somebody would write for these very rows, with node-postgres on one connection; the arrays are made
 * before the clock is started. Nothing else is done for them: no conflict is told, nothing is kept for when the server is away.
 */
export async function scenario({ url, rows }: { url: string; rows: Rows }): Promise<Landed> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const runIds = Array.from({ length: rows.runs }, () => randomUUID().replaceAll('-', ''));
  await client.query(
    "INSERT INTO runs (run_uuid, name, status, start_time, lifecycle_stage, experiment_id) SELECT id, 'by hand', 'RUNNING', $2, 'active', 0 " +
      'FROM unnest($1::text[]) AS id',
    [runIds, FIRST_TIMESTAMP],
  );
  const batches = batchesOf(rows, runIds);
  const statement = { name: rows.kind, text: rows.kind === 'params' ? PARAMS : METRICS };
  const start = performance.now();
  for (const values of batches) await client.query({ ...statement, values });
  const seconds = (performance.now() - start) / 1000;
  await client.end();
  return { seconds, runIds, requests: batches.length };
}

type Batch = (string | (string | number)[])[];

/** Run after run, in each of them in the order in which headrace is given them. */
function batchesOf(rows: Rows, runIds: readonly string[]): Batch[] {
  const keys = keysOf(rows);
  const values = valuesOf(rows);
  const ofRun = rows.keys * rows.steps;
  const columns = (run: number, places: readonly number[]): (string | number)[][] => {
    const keyAt = places.map((i) => keys[i % keys.length] as string); // within
    const valueAt = places.map((i) => values[run * ofRun + i] as number); // as many as there are rows
    if (rows.kind === 'params') return [keyAt, valueAt.map(String)];
    const steps = places.map((i) => Math.floor(i / keys.length));
    return [keyAt, valueAt, steps.map((step) => FIRST_TIMESTAMP + step), steps];
  };
  const batches: Batch[] = [];
  for (const [run, id] of runIds.entries()) {
    for (let from = 0; from < ofRun; from += ROWS_A_STATEMENT) {
      const places = Array.from({ length: Math.min(ROWS_A_STATEMENT, ofRun - from) }, (_, i) => from + i);
      // Steps go up, so that the last row of each key is its latest.
      const latest = rows.kind === 'params' ? [] : columns(run, places.slice(-keys.length));
      batches.push([id, ...columns(run, places), ...latest]);
    }
  }
  return batches;
}
