import { driver } from '../store/place.js';
import type { Rows } from './account.js';

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
