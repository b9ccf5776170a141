/** A folder of a test's own, with stores over one file in it and a second connection that looks behind them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Connection, type Driver, loadDriver, type SqlRow } from '../../src/store/sqlite/driver.js';
import { SqliteStore, type SqliteStoreOptions } from '../../src/store/sqlite/sqlite-store.js';
import type { Pulse } from '../../src/store/store.js';

export const driver: Driver = loadDriver('test');

const quiet: Pulse = { beat: () => {}, pause: () => {} };

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export class Place {
  readonly folder: string;
  readonly path: string;

  constructor() {
    this.folder = newFolder();
    this.path = join(this.folder, 'mlflow.db');
  }

  /** Not opened. Closed after the test. */
  store(options: Partial<SqliteStoreOptions> = {}): SqliteStore {
    const store = new SqliteStore({
      path: this.path,
      display: `sqlite:///${this.path}`,
      cwd: this.folder,
      durability: 'os',
      version: '1.2.3',
      pulse: quiet,
      driver,
      ...options,
    });
    onTestFinished(() => store.close());
    return store;
  }

  async opened(options: Partial<SqliteStoreOptions> = {}): Promise<SqliteStore> {
    const store = this.store(options);
    await store.open();
    return store;
  }

  /** A connection of the library itself. Closed after the test. */
  raw(): Connection {
    const connection = driver.open(this.path);
    let open = true;
    const close = (): void => {
      if (open) connection.close();
      open = false;
    };
    onTestFinished(close);
    connection.exec('PRAGMA busy_timeout = 5000');
    return { exec: connection.exec, prepare: connection.prepare, close };
  }

  rows(sql: string, ...values: (string | number)[]): SqlRow[] {
    const connection = this.raw();
    try {
      return connection
        .prepare(sql)
        .all({}, values)
        .map((row) => ({ ...row }));
    } finally {
      connection.close();
    }
  }

  exec(sql: string): void {
    const connection = this.raw();
    try {
      connection.exec(sql);
    } finally {
      connection.close();
    }
  }

  /** No constraint is broken, no page damaged. */
  problems(): unknown[] {
    const broken = this.rows('PRAGMA foreign_key_check');
    const damaged = this.rows('PRAGMA integrity_check').filter((row) => row.integrity_check !== 'ok');
    return [...broken, ...damaged];
  }
}
