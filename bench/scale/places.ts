/** The stores that are measured, each empty when it is opened. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { MlflowServer } from '../../test/mlflow/mlflow-server.js';
import { mlflowPython, PINNED_MLFLOW, POSTGRES_REQUIREMENTS } from '../../test/mlflow/python-env.js';
import { Cluster } from '../../test/postgres/cluster.js';
import { MlflowDatabase, makeTemplate } from '../../test/postgres/mlflow-database.js';

export interface Place {
  readonly uri: string;
  /** Current one of the processes that log. */
  readonly folder: string;
  /** Rows in the table of metrics. */
  metrics(): Promise<number>;
}

export type Opened = <T>(use: (place: Place) => Promise<T>) => Promise<T>;

export const withSqlite: Opened = (use) =>
  withFolder((folder) => {
    const file = join(folder, 'mlflow.db');
    const metrics = async (): Promise<number> => {
      const database = new Database(file, { readonly: true });
      try {
        return Number(database.prepare('SELECT count(*) FROM metrics').pluck().get());
      } finally {
        database.close();
      }
    };
    return use({ uri: `sqlite:///${file}`, folder, metrics });
  });

export const withPostgres: Opened = (use) =>
  withDatabase((database) => withFolder((folder) => use({ uri: database.uri, folder, metrics: () => metricsOf(database) })));

/** MLflow's own number of workers, in front of the same PostgreSQL. */
export const withMlflowServer: Opened = (use) =>
  withDatabase((database, python) =>
    withFolder(async (folder) => {
      const server = await MlflowServer.start(python, folder, database.mlflowUri, { workers: 4 });
      try {
        return await use({ uri: server.url, folder, metrics: () => metricsOf(database) });
      } finally {
        await server.stop();
      }
    }),
  );

/** A server of PostgreSQL as it is by default, with room for many connections, and an empty database of MLflow's in it. */
export async function withDatabase<T>(use: (database: MlflowDatabase, python: string) => Promise<T>): Promise<T> {
  const cluster = await Cluster.make({ max_connections: 400 });
  try {
    const python = await mlflowPython(PINNED_MLFLOW, POSTGRES_REQUIREMENTS);
    await makeTemplate(cluster.address, python);
    return await use(await MlflowDatabase.make(cluster.address), python);
  } finally {
    await cluster.remove();
  }
}

async function metricsOf(database: MlflowDatabase): Promise<number> {
  const [row] = await database.rows<{ n: number }>('SELECT count(*)::int AS n FROM metrics');
  return row?.n ?? 0;
}

async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'headrace-bench-scale-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
