import Database from 'better-sqlite3';
import type { Rows } from './rows.js';

/** The server holds the lock for as long as it commits. */
const LOCK_TIMEOUT_MS = 20_000;

const COLUMNS = { params: 'key, value', metrics: 'key, value, timestamp, step, is_nan' };

/** The server's database, read by a connection of its own while nothing is measured. */
export class StoredRows {
  readonly file: string;

  constructor(file: string) {
    this.file = file;
  }

  /** Throws when one of these runs has more or fewer rows. */
  expectCount(table: Rows['kind'], runIds: readonly string[], rowsOfRun: number): void {
    this.read((database) => {
      const count = database.prepare(`SELECT count(*) FROM ${table} WHERE run_uuid = ?`).pluck();
      for (const id of runIds) {
        const found = count.get(id);
        if (found !== rowsOfRun) throw new Error(`run ${id} has ${String(found)} of its ${rowsOfRun} rows in ${table}`);
      }
    });
  }

  /** Throws when a run has a row that its counterpart, of the same number of rows, has not. */
  expectSame(table: Rows['kind'], runIds: readonly string[], others: readonly string[]): void {
    this.read((database) => {
      const rows = `SELECT ${COLUMNS[table]} FROM ${table} WHERE run_uuid = ?`;
      const different = database.prepare(`SELECT count(*) FROM (${rows} EXCEPT ${rows})`).pluck();
      runIds.forEach((id, i) => {
        const found = different.get(id, others[i]);
        if (found !== 0) throw new Error(`${String(found)} rows of run ${id} in ${table} are not in run ${others[i]}`);
      });
    });
  }

  private read(query: (database: Database.Database) => void): void {
    const database = new Database(this.file, { readonly: true, timeout: LOCK_TIMEOUT_MS });
    try {
      query(database);
    } finally {
      database.close();
    }
  }
}
