import Database from 'better-sqlite3';
import { SqliteStore } from '../../src/store/sqlite/sqlite-store.js';
import { VERSION } from '../../src/version.js';

const OPTIMIZERS = ['adam', 'sgd', 'rmsprop', 'adagrad', 'lion'] as const;
const STATUSES = ['FINISHED', 'FINISHED', 'FINISHED', 'FAILED'] as const;
const START = 1_700_000_000_000;

/** A sweep's runs in the schema that headrace makes. Values repeat as those of a grid do, metrics don't. */
export async function writeRuns(path: string, runs: number, params: number): Promise<void> {
  const cwd = process.cwd();
  const pulse = { beat: (): void => undefined, pause: (): void => undefined };
  const store = new SqliteStore({ path, display: path, cwd, durability: 'memory', version: VERSION, pulse });
  await store.open();
  await store.close();
  const database = new Database(path);
  const run = database.prepare(
    'INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time, source_version, ' +
      "lifecycle_stage, artifact_uri, experiment_id) VALUES (?, ?, 'UNKNOWN', '', '', 'ada', ?, ?, ?, '', 'active', ?, 0)",
  );
  const param = database.prepare('INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)');
  const tag = database.prepare('INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)');
  const metric = database.prepare(
    'INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, 100, 0, ?)',
  );
  database.exec('BEGIN');
  for (let i = 0; i < runs; i++) {
    // Ids are random: rows of the index by run lie all over it.
    const id = (BigInt(i + 1) * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835n).toString(16).slice(-32).padStart(32, '0');
    const start = START + 1000 * i;
    run.run(id, `run ${i}`, STATUSES[i % STATUSES.length], start, start + 500, `/mlruns/0/${id}/artifacts`);
    param.run('optimizer.name', OPTIMIZERS[i % OPTIMIZERS.length], id);
    param.run('optimizer.lr', String(10 ** -(1 + (i % 6))), id);
    for (let k = 2; k < params; k++) param.run(`model.layer_${k}.width`, String(2 ** ((i + k) % 10)), id);
    for (const [k, key] of ['accuracy', 'loss', 'val/loss'].entries())
      metric.run(key, ((i * 7919 + k) % 10_007) / 10_007, start, id);
    for (const key of ['mlflow.user', 'mlflow.runName', 'mlflow.source.name']) tag.run(key, `${key} of run ${i}`, id);
  }
  database.exec('COMMIT');
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.close();
}
