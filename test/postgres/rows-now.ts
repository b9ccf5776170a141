/** Rows of a database without waiting for the event loop: what looks behind a store in the tests of all stores is synchronous. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { SqlRow } from '../../src/store/sqlite/driver.js';
import { postgresFolder } from './executables.js';
import type { MlflowDatabase } from './mlflow-database.js';

/** Each `?` in `sql` is one of `values`. Flags come as 0 and 1, as SQLite has them. */
export function rowsNow({ server, name }: MlflowDatabase, sql: string, ...values: string[]): SqlRow[] {
  let place = 0;
  const named = sql.replaceAll('?', () => `:'v${place++}'`);
  const psql = ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', ...values.flatMap((value, i) => ['-v', `v${i}=${value}`])];
  const text = execFileSync(join(postgresFolder(), 'psql'), psql, {
    input: `SELECT coalesce(json_agg(t), '[]') FROM (${named}) AS t`,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: {
      ...process.env,
      PGHOST: '127.0.0.1',
      PGPORT: String(server.port),
      PGUSER: server.user,
      PGPASSWORD: server.password,
      PGDATABASE: name,
    },
  });
  const flag = (_key: string, value: unknown): unknown => (typeof value === 'boolean' ? Number(value) : value);
  // An array of rows, by the statement above.
  return JSON.parse(text, flag) as SqlRow[];
}
