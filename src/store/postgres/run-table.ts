/** Rows of `runs`, and the tags that are written with them. */
import { RunDeletedError, RunNotFoundError } from '../../errors.js';
import { appendPath } from '../artifact-path.js';
import { randomRunName } from '../run-name.js';
import { RUN_NAME_TAG } from '../run-tags.js';
import type { NewRun, RunEnd } from '../store.js';
import { textArray } from './array-text.js';
import { type Database, statement } from './database.js';
import type { ExperimentTable } from './experiment-table.js';
import type { GuardedRow, RunGuard } from './run-guard.js';

/**
 * What MLflow's own client writes. user_id, status, start_time and lifecycle_stage must not be NULL: one such row makes
 * MLflow's search fail for the whole experiment. Whoever comes second, after a lost answer, changes nothing.
 */
const CREATE = statement(
  'WITH made AS (INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time, ' +
    'source_version, lifecycle_stage, artifact_uri, experiment_id, deleted_time) ' +
    "VALUES ($1, $2, 'UNKNOWN', '', '', $3, 'RUNNING', $4::bigint, NULL, '', 'active', $5, $6::int, NULL) " +
    'ON CONFLICT (run_uuid) DO NOTHING RETURNING xmin::text AS token), ' +
    't AS (INSERT INTO tags (key, value, run_uuid) SELECT u.key, u.value, $1 FROM unnest($7::text[], $8::text[]) AS u (key, value) ' +
    'WHERE EXISTS (SELECT FROM made)) ' +
    'SELECT token FROM made',
);

const ROW =
  'run AS MATERIALIZED (SELECT r.lifecycle_stage AS run_stage, e.lifecycle_stage AS experiment_stage, r.xmin::text AS token, ' +
  "(r.lifecycle_stage IS DISTINCT FROM 'deleted' AND e.lifecycle_stage IS DISTINCT FROM 'deleted' AND r.xmin::text = $2) AS is_open " +
  'FROM runs r LEFT JOIN experiments e USING (experiment_id) WHERE r.run_uuid = $1 FOR NO KEY UPDATE OF r)';

const ANSWER = 'SELECT run_stage, experiment_stage, token, (SELECT token FROM made) AS new_token FROM run';

const RESUME = statement(
  `WITH ${ROW}, made AS (UPDATE runs SET status = 'RUNNING', name = coalesce($3::text, name) ` +
    'WHERE run_uuid = $1 AND (SELECT is_open FROM run) RETURNING xmin::text AS token), ' +
    't AS (INSERT INTO tags (key, value, run_uuid) SELECT u.key, u.value, $1 FROM unnest($4::text[], $5::text[]) AS u (key, value) ' +
    `WHERE (SELECT is_open FROM run) ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value) ${ANSWER}`,
);

const END = statement(
  `WITH ${ROW}, made AS (UPDATE runs SET status = $3, end_time = $4::bigint ` +
    "WHERE run_uuid = $1 AND (SELECT is_open FROM run) AND (status = 'RUNNING' OR NOT $5::boolean) RETURNING xmin::text AS token) " +
    ANSWER,
);

export class RunTable {
  private readonly database: Database;
  private readonly guard: RunGuard;
  private readonly experiments: ExperimentTable;

  constructor(database: Database, guard: RunGuard, experiments: ExperimentTable) {
    this.database = database;
    this.guard = guard;
    this.experiments = experiments;
  }

  async create(run: NewRun): Promise<void> {
    const experiment = await this.experiments.choose(run.experiment);
    const tags = new Map(run.tags);
    const name = run.name || tags.get(RUN_NAME_TAG) || randomRunName();
    tags.set(RUN_NAME_TAG, name);
    const artifacts = experiment.location === null ? null : appendPath(experiment.location, `${run.id}/artifacts`);
    const [made] = await this.database.rows<{ token: string }>(CREATE, [
      run.id,
      name,
      run.userId || 'unknown',
      run.startTime,
      artifacts,
      experiment.id,
      ...columnsOf(tags),
    ]);
    if (made !== undefined) this.guard.made(run.id, made.token);
  }

  async resume(run: NewRun): Promise<void> {
    const tags = new Map(run.tags);
    const name = run.name || tags.get(RUN_NAME_TAG) || null;
    if (name === null) tags.delete(RUN_NAME_TAG);
    else tags.set(RUN_NAME_TAG, name);
    const columns = columnsOf(tags);
    await this.guard.guarded(run.id, run.mayExist, (token) =>
      this.database.rows<GuardedRow>(RESUME, [run.id, token, name, ...columns]),
    );
  }

  async end({ runId, status, endTime, ifRunning = false }: RunEnd): Promise<void> {
    try {
      await this.guard.guarded(runId, ifRunning, (token) =>
        this.database.rows<GuardedRow>(END, [runId, token, status, endTime, ifRunning]),
      );
    } catch (error) {
      const isGone = error instanceof RunNotFoundError || error instanceof RunDeletedError;
      if (!isGone || !ifRunning) throw error;
    }
    this.guard.forget(runId);
  }
}

/** By key: two that resume the same run lock its tags in the same order. */
function columnsOf(tags: ReadonlyMap<string, string>): [keys: string, values: string] {
  const rows = [...tags].sort(([a], [b]) => (a < b ? -1 : 1));
  return [textArray(rows.map(([key]) => key)), textArray(rows.map(([, value]) => value))];
}
