/** A database file of a test's own, trackers that write it, and a second connection that looks behind them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createTracker, type Tracker, type TrackerOptions } from '../../src/index.js';
import { type Connection, type Driver, loadDriver, type SqlRow } from '../../src/store/sqlite/driver.js';

/** The one that the worker takes: two copies of SQLite in one process would drop each other's locks. */
const driver: Driver = loadDriver('test');

export interface StoredRun {
  readonly status: string;
  readonly name: string;
  readonly experiment: string;
  readonly endTime: number | null;
}

export interface StoredMetric {
  readonly key: string;
  readonly value: number;
  readonly step: number;
  readonly timestamp: number;
}

export interface Lock {
  release(): void;
}

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export class Stored {
  readonly folder: string = newFolder();
  readonly path: string = join(this.folder, 'mlflow.db');
  readonly uri: string = `sqlite:///${this.path}`;
  readonly journals: string = join(this.folder, 'journals');

  /** A tracker on this file; closed after the test if the test has not. */
  tracker(options: TrackerOptions = {}): Tracker {
    const tracker = createTracker({ uri: this.uri, journal: { dir: this.journals }, ...options });
    onTestFinished(async () => {
      await tracker.close({ throwOnFailure: false, timeoutMs: 2000 }).catch(() => undefined);
    });
    return tracker;
  }

  rows(sql: string, ...values: (string | number)[]): SqlRow[] {
    const connection = openForReading(this.path);
    try {
      return connection
        .prepare(sql)
        .all({}, values)
        .map((row) => ({ ...row }));
    } finally {
      connection.close();
    }
  }

  count(table: 'params' | 'metrics' | 'tags' | 'runs', runId?: string): number {
    const [row] =
      runId === undefined
        ? this.rows(`SELECT count(*) AS n FROM ${table}`)
        : this.rows(`SELECT count(*) AS n FROM ${table} WHERE run_uuid = ?`, runId);
    return Number(row?.n);
  }

  params(runId: string): Record<string, string> {
    return pairs(this.rows('SELECT key, value FROM params WHERE run_uuid = ?', runId));
  }

  /** Without those that every run gets. */
  tags(runId: string): Record<string, string> {
    return pairs(this.rows("SELECT key, value FROM tags WHERE run_uuid = ? AND key NOT LIKE 'mlflow.%'", runId));
  }

  tag(runId: string, key: string): string | undefined {
    const [row] = this.rows('SELECT value FROM tags WHERE run_uuid = ? AND key = ?', runId, key);
    return row === undefined ? undefined : String(row.value);
  }

  metrics(runId: string, table: 'metrics' | 'latest_metrics' = 'metrics'): StoredMetric[] {
    return this.rows(`SELECT * FROM ${table} WHERE run_uuid = ? ORDER BY key, step, timestamp, value`, runId).map((row) => ({
      key: String(row.key),
      value: Number(row.is_nan) === 1 ? Number.NaN : Number(row.value),
      step: Number(row.step),
      timestamp: Number(row.timestamp),
    }));
  }

  run(runId: string): StoredRun | undefined {
    const [row] = this.rows(
      'SELECT r.*, e.name AS experiment FROM runs r JOIN experiments e USING (experiment_id) WHERE run_uuid = ?',
      runId,
    );
    if (row === undefined) return undefined;
    const { status, name, experiment, end_time } = row;
    return {
      status: String(status),
      name: String(name),
      experiment: String(experiment),
      endTime: end_time === null ? null : Number(end_time),
    };
  }

  exec(sql: string): void {
    const connection = openForReading(this.path);
    try {
      connection.exec(sql);
    } finally {
      connection.close();
    }
  }

  /** Keeps every other writer out until it is released, at the end of the test at the latest. */
  lock(): Lock {
    const connection = openForReading(this.path);
    connection.exec('BEGIN IMMEDIATE');
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      connection.exec('ROLLBACK');
      connection.close();
    };
    onTestFinished(release);
    return { release };
  }
}

/** A connection of the library itself, on a file that exists. */
function openForReading(path: string): Connection {
  const connection = driver.open(path);
  connection.exec('PRAGMA busy_timeout = 10000');
  return connection;
}

function pairs(rows: readonly SqlRow[]): Record<string, string> {
  return Object.fromEntries(rows.map(({ key, value }) => [String(key), String(value)]));
}
