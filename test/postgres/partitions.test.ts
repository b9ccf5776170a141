/** The SQL of docs/scale.md, on a database that MLflow made and goes on using. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { createTracker } from '../../src/index.js';
import { MlflowServer } from '../mlflow/mlflow-server.js';
import { pythonOf } from '../mlflow/mlflow-versions.js';
import { newFolder } from '../store/place.js';
import type { MlflowDatabase } from './mlflow-database.js';
import { freshDatabase } from './shared-server.js';

const PAGE = fileURLToPath(new URL('../../docs/scale.md', import.meta.url));
const [PARTITIONS = '', DROP = '', THIN = ''] = [...readFileSync(PAGE, 'utf8').matchAll(/```sql\n(.*?)```/gs)].map(
  ([, sql = '']) => sql,
);

/** In the first partition of the page, and in the second. */
const EARLY = Date.UTC(2025, 5, 1);
const LATE = Date.UTC(2027, 0, 15);
const STEPS = 250;

/** Servers of MLflow start in it. */
const TIMEOUT_MS = 300_000;

interface Used {
  readonly database: MlflowDatabase;
  readonly mlflow: MlflowServer;
  /** A new run by headrace, and one by MLflow, with a metric of so many steps from then on. Their ids. */
  log(from: number): Promise<readonly string[]>;
}

async function used(): Promise<Used> {
  const database = await freshDatabase();
  onTestFinished(() => database.drop());
  const mlflow = await MlflowServer.start(await pythonOf(), newFolder(), database.mlflowUri);
  onTestFinished(() => mlflow.stop());
  const steps = Array.from({ length: STEPS }, (_, step) => step);
  const log = async (from: number): Promise<readonly string[]> => {
    const tracker = createTracker({ uri: database.uri, journal: { dir: newFolder() } });
    const run = tracker.startRun({ params: { lr: 0.1 } });
    for (const step of steps) run.logMetric('loss', step / 8, step, from + step);
    const own = await run.storeId;
    await tracker.close();
    const other = await mlflow.createRun();
    const metrics = steps.map((step) => ({ key: 'loss', value: step / 8, step, timestamp: from + step }));
    await mlflow.post('runs/log-batch', { run_id: other, metrics });
    // The same again, as after an answer that was lost.
    await mlflow.post('runs/log-batch', { run_id: other, metrics });
    return [own, other];
  };
  return { database, mlflow, log };
}

async function stepsOf(mlflow: MlflowServer, run: string): Promise<number[]> {
  const answer = await mlflow.get('metrics/get-history', { run_id: run, metric_key: 'loss' });
  // What the API answers to that.
  const { metrics = [] } = answer as { metrics?: readonly { readonly step?: string | number }[] };
  return metrics.map(({ step = 0 }) => Number(step)).sort((a, b) => a - b);
}

test(
  'MLflow or headrace can’t go on with a table of metrics that is partitioned as the page says',
  async () => {
    const { database, mlflow, log } = await used();
    const early = [...(await log(EARLY))];
    await database.rows(PARTITIONS);
    early.push(...(await log(EARLY)));
    const late = await log(LATE);
    const all = Array.from({ length: STEPS }, (_, step) => step);
    for (const run of [...early, ...late]) expect(await stepsOf(mlflow, run), run).toEqual(all);
    expect(await database.rows('SELECT count(*)::int AS n FROM metrics_2027_01')).toEqual([{ n: 2 * STEPS }]);

    await database.rows(DROP);
    for (const run of early) {
      expect(await stepsOf(mlflow, run)).toEqual([]);
      expect((await mlflow.content(run)).metrics).toEqual({ loss: (STEPS - 1) / 8 });
    }
    for (const run of late) expect(await stepsOf(mlflow, run)).toEqual(all);
    // What comes for a time that has no partition any more.
    for (const run of await log(EARLY)) expect(await stepsOf(mlflow, run)).toEqual(all);

    // A server that starts looks at the tables.
    const next = await MlflowServer.start(await pythonOf(), newFolder(), database.mlflowUri);
    onTestFinished(() => next.stop());
    for (const run of late) expect(await stepsOf(next, run)).toEqual(all);
  },
  TIMEOUT_MS,
);

test(
  'the curve of an old run is thinned out as the page says, and those of others are, too',
  async () => {
    const { database, mlflow, log } = await used();
    const [old = '', other = ''] = await log(EARLY);
    await database.rows('UPDATE runs SET end_time = $1 WHERE run_uuid = $2', EARLY, old);
    await database.rows(THIN);
    expect(await stepsOf(mlflow, old)).toEqual([0, 100, 200, STEPS - 1]);
    expect((await mlflow.content(old)).metrics).toEqual({ loss: (STEPS - 1) / 8 });
    expect(await stepsOf(mlflow, other)).toHaveLength(STEPS);
  },
  TIMEOUT_MS,
);
