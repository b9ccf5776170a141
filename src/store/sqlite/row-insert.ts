import type { Connection, Named, SqlValue, Statement } from './driver.js';

/**
 * Rows that one statement inserts at most. From 20 to 200 the rate is the same; 64 rows take about 0.2 ms,
 * which is how long the worker goes without a sign of life.
 */
export const CHUNK_ROWS = 64;

const CHUNK_EXPONENT = 6;

export interface RowShape {
  /** `table (column, column)` */
  readonly into: string;
  /** One row of VALUES. `?` for what differs from row to row, `@run` for the run. */
  readonly row: string;
  /** How many `?` are in it. */
  readonly width: number;
  /** The clause after VALUES. */
  readonly onConflict: string;
}

/**
 * Inserts many rows with few statements: one a statement costs as much again in calls and bindings as the
 * rows themselves. Statements exist for each power of two, so that any number of rows takes only a few.
 */
export class RowInsert {
  /** Values of the rows to insert, one row after the other; the owner fills it and says how many rows they are. */
  readonly values: SqlValue[];
  private readonly connection: Connection;
  private readonly shape: RowShape;
  private readonly statements: (Statement | undefined)[] = [];

  constructor(connection: Connection, shape: RowShape) {
    this.connection = connection;
    this.shape = shape;
    this.values = new Array<SqlValue>(CHUNK_ROWS * shape.width).fill(null);
  }

  /** Answers how many of the first `rows` rows were written, the others being there already. */
  insert(named: Named, rows: number): number {
    if (rows === CHUNK_ROWS) return this.statement(CHUNK_EXPONENT).run(named, this.values);
    const { width } = this.shape;
    let written = 0;
    let from = 0;
    for (let exponent = CHUNK_EXPONENT - 1; exponent >= 0; exponent--) {
      const size = 1 << exponent;
      if ((rows & size) === 0) continue;
      written += this.statement(exponent).run(named, this.values.slice(from * width, (from + size) * width));
      from += size;
    }
    return written;
  }

  private statement(exponent: number): Statement {
    const known = this.statements[exponent];
    if (known !== undefined) return known;
    const { into, row, onConflict } = this.shape;
    const rows = new Array<string>(1 << exponent).fill(row).join(',');
    // OR FAIL: a row that breaks a rule ends the statement and leaves the rows before it, for the caller to roll back. By
    // default the statement undoes itself, for which SQLite copies each page before a statement of many rows changes it.
    const made = this.connection.prepare(`INSERT OR FAIL INTO ${into} VALUES ${rows} ON CONFLICT ${onConflict}`);
    this.statements[exponent] = made;
    return made;
  }
}
