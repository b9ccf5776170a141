import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mlflowPython, PINNED_MLFLOW, POSTGRES_REQUIREMENTS } from '../../test/mlflow/python-env.js';
import { askDatabase, Cluster } from '../../test/postgres/cluster.js';
import { MlflowDatabase, makeTemplate } from '../../test/postgres/mlflow-database.js';
import type { Answer, Scale } from '../question.js';
import type { Rows } from '../server/rows.js';

/** What a question is asked of: a server of PostgreSQL, every database on it MLflow's and empty. */
export interface Postgres {
  readonly version: string;
  readonly python: string;
  /** Current one of every process that logs. */
  readonly folder: string;
  /** Dropped afterwards. What was written before is on disk, and no longer the server's work. */
  withDatabase<T>(use: (database: MlflowDatabase) => Promise<T>): Promise<T>;
}

export interface PostgresQuestion {
  readonly title: string;
  ask(postgres: Postgres, scale: Scale): Promise<Answer>;
}

/** In every database: runs of the other side go there too. */
const DEFAULT_EXPERIMENT =
  "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage) VALUES (0, 'Default', '/mlruns/0', 'active')";

/** As the server is by default: a commit waits for the disk. */
export async function withPostgres<T>(use: (postgres: Postgres) => Promise<T>): Promise<T> {
  const python = await mlflowPython(PINNED_MLFLOW, POSTGRES_REQUIREMENTS);
  const folder = await mkdtemp(join(tmpdir(), 'headrace-bench-postgres-'));
  const cluster = await Cluster.make();
  try {
    const { address } = cluster;
    await makeTemplate(address, python);
    const [told] = await askDatabase<{ version: string }>(
      address,
      'postgres',
      "SELECT current_setting('server_version') AS version",
    );
    return await use({
      version: told?.version.split(' ')[0] ?? 'unknown',
      python,
      folder,
      withDatabase: async (useDatabase) => {
        const database = await MlflowDatabase.make(address);
        try {
          await database.rows(DEFAULT_EXPERIMENT);
          await database.rows('CHECKPOINT');
          return await useDatabase(database);
        } finally {
          await database.drop();
        }
      },
    });
  } finally {
    await cluster.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

const COLUMNS = { params: 't.key, t.value', metrics: 't.key, t.value, t.timestamp, t.step, t.is_nan' };

/**
 * What the database holds of these runs, to be compared with another database's: how many rows, and a sum over them that
 * another row would change. Of metrics the latest ones too.
 */
export async function contentOf(database: MlflowDatabase, kind: Rows['kind'], runIds: readonly string[]): Promise<string> {
  const tables = kind === 'params' ? (['params'] as const) : (['metrics', 'latest_metrics'] as const);
  const found: string[] = [];
  for (const table of tables) {
    const [row] = await database.rows<{ count: string; sum: string }>(
      `SELECT count(*), sum(hashtextextended(concat_ws(' ', run.place, ${COLUMNS[kind]}), 0)) FROM ${table} t ` +
        'JOIN unnest($1::text[]) WITH ORDINALITY AS run (id, place) ON run.id = t.run_uuid',
      runIds,
    );
    found.push(`${table}: ${row?.count} rows, sum ${row?.sum}`);
  }
  return found.join('; ');
}

/** Throws when one of these runs has more or fewer rows. */
export async function expectCount(database: MlflowDatabase, rows: Rows, runIds: readonly string[]): Promise<void> {
  const counts = await database.rows<{ run_uuid: string; count: number }>(
    `SELECT run_uuid, count(*)::int FROM ${rows.kind} WHERE run_uuid = ANY ($1) GROUP BY 1`,
    runIds,
  );
  const wanted = rows.keys * rows.steps;
  const wrong = counts.filter(({ count }) => count !== wanted);
  if (counts.length !== runIds.length || wrong.length > 0) {
    throw new Error(`${counts.length} of ${runIds.length} runs have rows, and of those ${wrong.length} have not ${wanted}`);
  }
}
