import type { SqlRow } from '../../src/store/sqlite/driver.js';
import { driver } from './place.js';

/** A question to the database that a store writes. */
export type Rows = (sql: string, ...values: string[]) => SqlRow[];

/** Looks into a database that others write. */
export function rowsOf(path: string): Rows {
  return (sql, ...values) => {
    const connection = driver.open(path);
    try {
      connection.exec('PRAGMA busy_timeout = 20000; PRAGMA query_only = 1');
      return connection
        .prepare(sql)
        .all({}, values)
        .map((row) => ({ ...row }));
    } finally {
      connection.close();
    }
  };
}
