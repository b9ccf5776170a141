import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pythonOf } from './mlflow-versions.js';

const SCRIPT = fileURLToPath(new URL('./python/database.py', import.meta.url));

export type SqlValue = string | number | null;

/** Everything about one table that SQLite enforces; database.py says how it is made. */
export interface TableSchema {
  readonly columns: readonly SqlValue[][];
  readonly foreignKeys: readonly SqlValue[][];
  readonly indexes: readonly unknown[][];
  readonly constraints: readonly string[];
  readonly triggers: readonly string[][];
}

/** Rows of each query, all of one moment, read by Python's own sqlite3. */
export async function query(path: string, ...queries: readonly string[]): Promise<readonly SqlValue[][][]> {
  // Made by database.py: a list of rows for each query that isn't `schema`.
  return (await askPython(path, queries)) as SqlValue[][][];
}

export async function schemaOf(path: string): Promise<Readonly<Record<string, TableSchema>>> {
  const [schema] = await askPython(path, ['schema']);
  // What database.py answers for `schema`.
  return schema as Record<string, TableSchema>;
}

/** What SQLite finds wrong with a file: a broken page or index, a row whose run or experiment is missing. */
export async function faults(path: string): Promise<readonly SqlValue[][]> {
  const [integrity = [], keys = []] = await query(path, 'PRAGMA integrity_check', 'PRAGMA foreign_key_check');
  return [...integrity.filter(([verdict]) => verdict !== 'ok'), ...keys];
}

/** Of which of MLflow's revisions the file is. */
export async function revisionOf(path: string): Promise<SqlValue> {
  const [rows = []] = await query(path, 'SELECT version_num FROM alembic_version');
  if (rows.length !== 1) throw new Error(`alembic_version of ${path} has ${rows.length} rows`);
  return rows[0]?.[0] ?? null;
}

async function askPython(path: string, queries: readonly string[]): Promise<unknown[]> {
  const asked = promisify(execFile)(await pythonOf(), [SCRIPT], { encoding: 'utf8', maxBuffer: 2 ** 28, timeout: 60_000 });
  asked.child.stdin?.end(JSON.stringify({ path, queries }));
  const { stdout } = await asked;
  // database.py answers one element per query.
  return JSON.parse(stdout) as unknown[];
}
