/**
 * A batch as one statement: one for each combination of kinds, each kind a part of its own. One round trip, and all of
 * it is committed or nothing.
 */
import type { BatchRows } from './batch-rows.js';
import { type SqlValue, type Statement, statement } from './database.js';
import type { GuardedRow } from './run-guard.js';

/** What the statement answers; no row: the run is not there. */
export interface LandedRow extends GuardedRow {
  /** How many of the params were not there before. */
  readonly params: number;
}

export interface Landing {
  readonly statement: Statement;
  readonly values: readonly SqlValue[];
}

const made = new Map<string, Statement>();

/** `token`: of the run's row, where a tag is written (see RunGuard). */
export function landing(runId: string, rows: BatchRows, token: string | null): Landing {
  const values: SqlValue[] = [runId, token];
  const parts: string[] = [];
  const next = (type: string): string => `$${values.length + 1}::${type}`;
  const columns = (texts: readonly string[], types: readonly string[]): string => {
    const places = texts.map((text, i) => {
      const place = next(`${types[i]}[]`);
      values.push(text);
      return place;
    });
    return `unnest(${places.join(', ')})`;
  };
  if (rows.params.length > 0) {
    const from = columns(rows.paramColumns(), ['text', 'text']);
    parts.push(
      `p AS (INSERT INTO params (key, value, run_uuid) SELECT u.key, u.value, $1 FROM ${from} AS u (key, value) ` +
        'WHERE (SELECT is_open FROM run) ON CONFLICT DO NOTHING RETURNING 1)',
    );
  }
  if (rows.hasMetrics) {
    const texts = rows.metricColumns();
    const types = ['text', 'float8', 'bigint', 'bigint'];
    parts.push(`m AS (${metricsInto('metrics', columns(texts.slice(0, 4), types))} ON CONFLICT DO NOTHING)`);
    parts.push(
      `l AS (${metricsInto('latest_metrics', columns(texts.slice(4), types))} ON CONFLICT (key, run_uuid) DO UPDATE ` +
        'SET value = excluded.value, timestamp = excluded.timestamp, step = excluded.step, is_nan = excluded.is_nan ' +
        'WHERE (excluded.step, excluded.timestamp, excluded.value) > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value))',
    );
  }
  if (rows.hasTags) {
    const from = columns(rows.tagColumns(), ['text', 'text']);
    parts.push(
      `t AS (INSERT INTO tags (key, value, run_uuid) SELECT u.key, u.value, $1 FROM ${from} AS u (key, value) ` +
        'WHERE (SELECT is_open FROM run) ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value)',
    );
  }
  const isRenamed = rows.runName !== undefined;
  if (isRenamed) {
    parts.push(
      `n AS (UPDATE runs SET name = ${next('text')} WHERE run_uuid = $1 AND (SELECT is_open FROM run) RETURNING xmin::text AS token)`,
    );
    values.push(rows.runName ?? null);
  }
  const text =
    `WITH ${[`run AS MATERIALIZED (${runRow(rows.hasTags, isRenamed)})`, ...parts].join(', ')} ` +
    `SELECT run_stage, experiment_stage, token, ${isRenamed ? '(SELECT token FROM n)' : 'NULL::text'} AS new_token, ` +
    `${rows.params.length > 0 ? '(SELECT count(*) FROM p)::int' : '0'} AS params FROM run`;
  return { statement: known(text), values };
}

/**
 * Nothing but params, which most often are new: half the server's work of the whole statement. When fewer are written than
 * were sent, that one tells why.
 */
export const NEW_PARAMS: Statement = statement(
  'INSERT INTO params (key, value, run_uuid) SELECT u.key, u.value, $1::text FROM unnest($2::text[], $3::text[]) AS u (key, value) ' +
    'WHERE EXISTS (SELECT FROM runs r LEFT JOIN experiments e USING (experiment_id) WHERE r.run_uuid = $1::text ' +
    "AND r.lifecycle_stage IS DISTINCT FROM 'deleted' AND e.lifecycle_stage IS DISTINCT FROM 'deleted') ON CONFLICT DO NOTHING",
);

/** Params whose key is stored with another value than the one that was to be written. */
export const DIFFERENT_PARAMS: Statement = statement(
  'SELECT DISTINCT p.key, p.value FROM unnest($2::text[], $3::text[]) AS u (key, value) ' +
    'JOIN params p ON p.run_uuid = $1 AND p.key = u.key WHERE p.value <> u.value',
);

function metricsInto(table: string, from: string): string {
  return (
    `INSERT INTO ${table} (key, value, timestamp, step, is_nan, run_uuid) ` +
    "SELECT u.key, CASE WHEN u.value = 'NaN' THEN 0 ELSE u.value END, u.timestamp, u.step, u.value = 'NaN', $1 " +
    `FROM ${from} AS u (key, value, timestamp, step) WHERE (SELECT is_open FROM run)`
  );
}

/** Whether the run takes records, and for tags whether its row is the one that we know, which stays so until the commit. */
function runRow(hasTags: boolean, isRenamed: boolean): string {
  const asked = hasTags ? ' AND r.xmin::text = $2' : ' AND $2::text IS NULL';
  // Two that rename must not both hold a lock that the other waits for.
  const lock = isRenamed ? ' FOR NO KEY UPDATE OF r' : hasTags ? ' FOR SHARE OF r' : '';
  return (
    'SELECT r.lifecycle_stage AS run_stage, e.lifecycle_stage AS experiment_stage, r.xmin::text AS token, ' +
    `(r.lifecycle_stage IS DISTINCT FROM 'deleted' AND e.lifecycle_stage IS DISTINCT FROM 'deleted'${asked}) AS is_open ` +
    `FROM runs r LEFT JOIN experiments e USING (experiment_id) WHERE r.run_uuid = $1${lock}`
  );
}

function known(text: string): Statement {
  const found = made.get(text) ?? statement(text);
  made.set(text, found);
  return found;
}
