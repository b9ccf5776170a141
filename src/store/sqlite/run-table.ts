/** Rows of `runs`, and the tags that are written with them. All of it within a transaction. */
import { type HeadraceError, RunDeletedError, RunNotFoundError } from '../../errors.js';
import { appendPath } from '../artifact-path.js';
import { randomRunName } from '../run-name.js';
import { RUN_NAME_TAG } from '../run-tags.js';
import type { NewRun, RunEnd } from '../store.js';
import type { Connection, Statement } from './driver.js';
import type { ExperimentTable } from './experiment-table.js';

export class RunTable {
  private readonly experiments: ExperimentTable;
  private readonly state: Statement;
  private readonly insert: Statement;
  private readonly setStatus: Statement;
  private readonly setEnd: Statement;
  private readonly setEndOfRunning: Statement;
  private readonly setName: Statement;
  private readonly setTag: Statement;

  constructor(connection: Connection, experiments: ExperimentTable) {
    this.experiments = experiments;
    this.state = connection.prepare(
      'SELECT r.lifecycle_stage AS run, e.lifecycle_stage AS experiment FROM runs r LEFT JOIN experiments e USING (experiment_id) WHERE r.run_uuid = ?',
    );
    // What MLflow's own client writes. user_id, status, start_time and lifecycle_stage must not be NULL: one such row
    // makes MLflow's search fail for the whole experiment.
    this.insert = connection.prepare(
      'INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time, ' +
        'source_version, lifecycle_stage, artifact_uri, experiment_id, deleted_time) ' +
        "VALUES (?, ?, 'UNKNOWN', '', '', ?, 'RUNNING', ?, NULL, '', 'active', ?, ?, NULL) ON CONFLICT (run_uuid) DO NOTHING",
    );
    this.setStatus = connection.prepare('UPDATE runs SET status = ? WHERE run_uuid = ?');
    this.setEnd = connection.prepare('UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ?');
    this.setEndOfRunning = connection.prepare(
      "UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ? AND status = 'RUNNING'",
    );
    this.setName = connection.prepare('UPDATE runs SET name = ? WHERE run_uuid = ?');
    this.setTag = connection.prepare(
      'INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?) ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value',
    );
  }

  /** Why the run takes no records, if it doesn't: MLflow refuses any write to a deleted run. */
  refusal(runId: string): HeadraceError | undefined {
    const found = this.state.get({}, [runId]);
    if (found === undefined) return new RunNotFoundError({ runId });
    return found.run === 'deleted' || found.experiment === 'deleted' ? new RunDeletedError({ runId }) : undefined;
  }

  create(run: NewRun): void {
    const experiment = this.experiments.choose(run.experiment);
    const tags = new Map(run.tags);
    const name = run.name || tags.get(RUN_NAME_TAG) || randomRunName();
    tags.set(RUN_NAME_TAG, name);
    const artifacts = experiment.location === undefined ? null : appendPath(experiment.location, `${run.id}/artifacts`);
    const made = this.insert.run({}, [run.id, name, run.userId || 'unknown', run.startTime, artifacts, experiment.id]);
    // Made by an earlier try, whose answer was lost: its tags are there too.
    if (made === 0) return;
    for (const [key, value] of tags) this.setTag.run({}, [key, value, run.id]);
  }

  resume(run: NewRun): void {
    this.mustTake(run.id);
    this.setStatus.run({}, ['RUNNING', run.id]);
    const tags = new Map(run.tags);
    const name = run.name || tags.get(RUN_NAME_TAG);
    if (name) {
      tags.set(RUN_NAME_TAG, name);
      this.rename(run.id, name);
    } else {
      tags.delete(RUN_NAME_TAG);
    }
    for (const [key, value] of tags) this.setTag.run({}, [key, value, run.id]);
  }

  end({ runId, status, endTime, ifRunning = false }: RunEnd): void {
    if (!ifRunning) {
      this.mustTake(runId);
      this.setEnd.run({}, [status, endTime, runId]);
    } else if (this.refusal(runId) === undefined) {
      this.setEndOfRunning.run({}, [status, endTime, runId]);
    }
  }

  /** `runs.name` alone; the tag is the caller's. */
  rename(runId: string, name: string): void {
    this.setName.run({}, [name, runId]);
  }

  private mustTake(runId: string): void {
    const refusal = this.refusal(runId);
    if (refusal !== undefined) throw refusal;
  }
}
