import type { SqlRow } from '../../src/store/sqlite/driver.js';
import { Place } from './place.js';
import { type Backstage, type StoredMetric, storeContract } from './store-contract.js';

function makePlace(): Backstage {
  const place = new Place();
  const metrics = (sql: string, runId: string): StoredMetric[] =>
    place.rows(sql, runId).map(({ is_nan, value, key, step, timestamp }) => ({
      key: String(key),
      value: is_nan === 1 ? Number.NaN : Number(value),
      step: Number(step),
      timestamp: Number(timestamp),
    }));
  const pairs = (rows: readonly SqlRow[]): Record<string, string> =>
    Object.fromEntries(rows.map(({ key, value }) => [String(key), String(value)]));
  return {
    store: () => place.opened(),
    run(runId) {
      const [row] = place.rows(
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
    },
    params: (runId) => pairs(place.rows('SELECT key, value FROM params WHERE run_uuid = ?', runId)),
    tags: (runId) => pairs(place.rows('SELECT key, value FROM tags WHERE run_uuid = ?', runId)),
    history: (runId) => metrics('SELECT * FROM metrics WHERE run_uuid = ? ORDER BY key, step, timestamp, value', runId),
    latest: (runId) => metrics('SELECT * FROM latest_metrics WHERE run_uuid = ? ORDER BY key', runId),
    deleteRun: (runId) => place.exec(`UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = '${runId}'`),
    restoreRun: (runId) => place.exec(`UPDATE runs SET lifecycle_stage = 'active' WHERE run_uuid = '${runId}'`),
    deleteExperiment: (name) => place.exec(`UPDATE experiments SET lifecycle_stage = 'deleted' WHERE name = '${name}'`),
    experiments: () =>
      place
        .rows('SELECT * FROM experiments ORDER BY experiment_id')
        .map((row) => ({ id: String(row.experiment_id), name: String(row.name), location: String(row.artifact_location) })),
  };
}

storeContract('SQLite', makePlace);
