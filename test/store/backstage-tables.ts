/** MLflow's tables as an independent reader finds them, whoever wrote them: headrace itself or a server. */
import type { SqlRow } from '../../src/store/sqlite/driver.js';

export interface StoredRun {
  readonly name: string;
  readonly status: string;
  readonly userId: string;
  readonly startTime: number;
  readonly endTime: number | null;
  readonly experiment: string;
  readonly artifacts: string;
}

export interface StoredMetric {
  readonly key: string;
  /** NaN as NaN. */
  readonly value: number;
  readonly timestamp: number;
  readonly step: number;
}

export interface StoredExperiment {
  readonly id: string;
  readonly name: string;
  readonly location: string;
}

export class BackstageTables {
  readonly #rows: (sql: string, ...values: string[]) => SqlRow[];

  constructor(rows: (sql: string, ...values: string[]) => SqlRow[]) {
    this.#rows = rows;
  }

  run(runId: string): StoredRun | undefined {
    const [row] = this.#rows(
      'SELECT r.*, e.name AS experiment FROM runs r JOIN experiments e USING (experiment_id) WHERE run_uuid = ?',
      runId,
    );
    if (row === undefined) return undefined;
    return {
      name: String(row.name),
      status: String(row.status),
      userId: String(row.user_id),
      startTime: Number(row.start_time),
      endTime: row.end_time === null ? null : Number(row.end_time),
      experiment: String(row.experiment),
      artifacts: String(row.artifact_uri),
    };
  }

  params(runId: string): Record<string, string> {
    return pairs(this.#rows('SELECT key, value FROM params WHERE run_uuid = ?', runId));
  }

  tags(runId: string): Record<string, string> {
    return pairs(this.#rows('SELECT key, value FROM tags WHERE run_uuid = ?', runId));
  }

  /** Sorted by key, step, timestamp, value. */
  history(runId: string): StoredMetric[] {
    return this.#metrics('SELECT * FROM metrics WHERE run_uuid = ? ORDER BY key, step, timestamp, value', runId);
  }

  latest(runId: string): StoredMetric[] {
    return this.#metrics('SELECT * FROM latest_metrics WHERE run_uuid = ? ORDER BY key', runId);
  }

  experiments(): StoredExperiment[] {
    return this.#rows('SELECT * FROM experiments ORDER BY experiment_id').map((row) => ({
      id: String(row.experiment_id),
      name: String(row.name),
      location: String(row.artifact_location),
    }));
  }

  #metrics(sql: string, runId: string): StoredMetric[] {
    return this.#rows(sql, runId).map(({ is_nan, value, key, step, timestamp }) => ({
      key: String(key),
      value: is_nan === 1 ? Number.NaN : Number(value),
      step: Number(step),
      timestamp: Number(timestamp),
    }));
  }
}

function pairs(rows: readonly SqlRow[]): Record<string, string> {
  return Object.fromEntries(rows.map(({ key, value }) => [String(key), String(value)]));
}
