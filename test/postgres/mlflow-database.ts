/** Databases whose schema MLflow made, each a copy of one template. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { QueryResultRow } from 'pg';
import { mlflowEnvironment } from '../mlflow/mlflow-versions.js';
import { type Address, askDatabase, uriOf } from './cluster.js';

const TEMPLATE = 'mlflow_template';
const MIGRATION_TIMEOUT_MS = 5 * 60_000;

/** MLflow makes the template by the command that its users are told: forty revisions, tens of seconds. */
export async function makeTemplate(server: Address, python: string): Promise<void> {
  await askDatabase(server, 'postgres', `CREATE DATABASE ${TEMPLATE}`);
  await promisify(execFile)(python, ['-m', 'mlflow', 'db', 'upgrade', uriOf(server, TEMPLATE, MLFLOW_DIALECT)], {
    cwd: '/',
    env: mlflowEnvironment(),
    timeout: MIGRATION_TIMEOUT_MS,
  });
}

/** Without the driver's name SQLAlchemy 2.1 looks for another one than is installed. */
const MLFLOW_DIALECT = 'postgresql+psycopg2';

export class MlflowDatabase {
  readonly name: string;
  readonly #server: Address;

  private constructor(server: Address, name: string) {
    this.#server = server;
    this.name = name;
  }

  static async make(server: Address): Promise<MlflowDatabase> {
    const name = `test_${randomBytes(6).toString('hex')}`;
    await askDatabase(server, 'postgres', `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
    return new MlflowDatabase(server, name);
  }

  get uri(): string {
    return uriOf(this.#server, this.name);
  }

  /** As MLflow is told of it. */
  get mlflowUri(): string {
    return uriOf(this.#server, this.name, MLFLOW_DIALECT);
  }

  /** The server, and how it is entered. */
  get server(): Address {
    return this.#server;
  }

  rows<R extends QueryResultRow>(sql: string, ...values: readonly unknown[]): Promise<R[]> {
    return askDatabase<R>(this.#server, this.name, sql, values);
  }

  /** Whoever is connected is thrown out. */
  async drop(): Promise<void> {
    await askDatabase(this.#server, 'postgres', `DROP DATABASE IF EXISTS ${this.name} WITH (FORCE)`);
  }
}
