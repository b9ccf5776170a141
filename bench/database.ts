import Database from 'better-sqlite3';

/** In the scenario's own empty folder. */
export const FILE = 'bench.db';
export const URI = `sqlite:///${FILE}`;

export type Table = 'params' | 'metrics' | 'latest_metrics';

/** Reads the file by a connection of its own, and throws when a record is missing. Returns how many rows there are. */
export function expectRows(table: Table, expected: number): number {
  const database = new Database(FILE, { readonly: true });
  try {
    const found = database.prepare(`SELECT count(*) FROM ${table}`).pluck().get();
    if (found !== expected) throw new Error(`${expected} rows were logged, but ${table} holds ${String(found)}`);
    return expected;
  } finally {
    database.close();
  }
}
