/** Runs of a database file, read in the thread that asks. */
import { statSync } from 'node:fs';
import { HeadraceError, StoreUnavailableError } from '../../errors.js';
import { checkTables, IncompleteSchemaError, schemaVersion, waitForLocks } from '../../store/sqlite/database-file.js';
import { type Connection, loadDriver } from '../../store/sqlite/driver.js';
import { explain, failureOf, messageOf } from '../../store/sqlite/failure.js';
import { MigrationWatch } from '../../store/sqlite/migration-watch.js';
import { StoreBusyError } from '../../store/store.js';
import { patiently } from '../patience.js';
import { closedRuns, type RunQuery, type RunRecord, type RunSource } from '../run-source.js';
import { searchIn } from '../sql/search.js';
import type { MetricPoint } from '../stored-run.js';
import { RunTables } from './run-tables.js';

export interface SqliteRunsOptions {
  readonly path: string;
  /** The store's name in messages. */
  readonly display: string;
  readonly patienceMs: number;
}

/** While it lasts the caller's thread stands still; what is locked for longer is tried again. */
const LOCK_WAIT_MS = 20;

export class SqliteRuns implements RunSource {
  private readonly options: SqliteRunsOptions;
  private readonly migration = new MigrationWatch();
  private connection: Connection | undefined;
  private tables: RunTables | undefined;
  private isClosed = false;

  constructor(options: SqliteRunsOptions) {
    this.options = options;
  }

  get(id: string): Promise<RunRecord | undefined> {
    return this.ask((tables) => tables.load([id], tables.experiments(undefined)).get(id));
  }

  search(query: RunQuery): AsyncGenerator<RunRecord, void, undefined> {
    return searchIn((question) => this.ask(question), query);
  }

  history(id: string, key: string): Promise<readonly MetricPoint[]> {
    return this.ask((tables) => tables.history(id, key));
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.disconnect();
  }

  private ask<T>(question: (tables: RunTables) => T | Promise<T>): Promise<T> {
    const { display, patienceMs } = this.options;
    return patiently(display, patienceMs, async () => {
      if (this.isClosed) throw closedRuns(display);
      try {
        this.tables ??= this.connect();
        return await question(this.tables);
      } catch (error) {
        throw this.meaningOf(error);
      }
    });
  }

  private connect(): RunTables {
    const { path, display } = this.options;
    const found = statSync(path, { throwIfNoEntry: false });
    // SQLite says no more than "unable to open", or something of input and output.
    if (found === undefined) throw this.unavailable('does not exist; check the uri, or log a run to it first');
    if (found.isDirectory()) throw this.unavailable('is a folder; name a file in it');
    this.disconnect();
    this.connection = loadDriver(display).open(path, true);
    waitForLocks(this.connection, LOCK_WAIT_MS);
    if (checkTables(this.connection, this.options)) {
      throw this.unavailable('holds no tables; check the uri, or log a run to it first');
    }
    return new RunTables(this.connection);
  }

  private unavailable(problem: string): StoreUnavailableError {
    const { path, display } = this.options;
    return new StoreUnavailableError({ store: display, reason: `${path} ${problem}` });
  }

  private disconnect(): void {
    this.connection?.close();
    this.connection = undefined;
    this.tables = undefined;
  }

  private meaningOf(error: unknown): unknown {
    const { path, display } = this.options;
    if (error instanceof HeadraceError) return error;
    if (error instanceof IncompleteSchemaError) {
      if (this.migration.mayMend(error.schemaVersion)) return new StoreBusyError(error.message, { cause: error });
      return new StoreUnavailableError({ store: display, reason: error.message }, { cause: error });
    }
    const failure = failureOf(error);
    if (failure === 'busy' || (failure === 'schema' && this.mayBeMigrating())) {
      return new StoreBusyError(`${path} is busy: ${messageOf(error)}`, { cause: error });
    }
    return new StoreUnavailableError({ store: display, reason: explain(error, path) }, { cause: error });
  }

  private mayBeMigrating(): boolean {
    try {
      return this.connection !== undefined && this.migration.mayMend(schemaVersion(this.connection));
    } catch (error) {
      return failureOf(error) === 'busy';
    }
  }
}
