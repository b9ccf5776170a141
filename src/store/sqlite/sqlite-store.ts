/** The embedded store: runs in an MLflow database file of this machine. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { HeadraceError, StoreUnavailableError } from '../../errors.js';
import { type Batch, type NewRun, type Outcome, type Pulse, type RunEnd, type Store, StoreBusyError } from '../store.js';
import { BatchWriter, RowRefusedError, refused } from './batch-writer.js';
import { IncompleteSchemaError, openDatabase, rollback, schemaVersion, waitForLocks } from './database-file.js';
import { type Connection, type Driver, loadDriver } from './driver.js';
import { ExperimentTable } from './experiment-table.js';
import { explain, failureOf, messageOf } from './failure.js';
import { MigrationWatch } from './migration-watch.js';
import { RunTable } from './run-table.js';

/**
 * Rows that one transaction takes before it is committed, batches being whole. Runs that wait together share
 * a commit; but meanwhile the thread drains no ring, and no other process can write the file (some 50 ms).
 */
const TRANSACTION_ROWS = 20_000;

/**
 * The first wait for a lock that another connection holds: while it lasts the thread is blocked, and what is logged
 * meanwhile is neither stored nor in a journal. Two of SQLite's own looks at a lock, 1 and 2 ms apart.
 */
const FIRST_WAIT_MS = 3;

/** The next ones, by when the caller knows and goes on without the store. In slices, so that a stop is seen. */
const NEXT_WAIT_MS = 100;

export interface SqliteStoreOptions {
  /** Absolute path of the file. */
  readonly path: string;
  /** The store's name in messages. */
  readonly display: string;
  /** MLflow's rule: artifacts of new experiments belong into `mlruns` under the current folder. */
  readonly cwd: string;
  /** `memory` and `os`: a commit survives the end of the process. `fsync`: also a power cut. */
  readonly durability: 'memory' | 'os' | 'fsync';
  /** headrace's own, written into a file that it makes. */
  readonly version: string;
  readonly pulse: Pulse;
  /** Default: whichever the running Node offers. */
  readonly driver?: Driver | undefined;
}

interface Waiting {
  readonly batch: Batch;
  readonly resolve: (outcomes: readonly Outcome[]) => void;
  readonly reject: (error: Error) => void;
}

interface Open {
  readonly connection: Connection;
  readonly runs: RunTable;
  readonly writer: BatchWriter;
}

export class SqliteStore implements Store {
  readonly remote = false;
  private readonly options: SqliteStoreOptions;
  private readonly artifactRoot: string;
  private readonly migration = new MigrationWatch();
  private database: Open | undefined;
  private waiting: Waiting[] = [];
  private lockWaitMs = FIRST_WAIT_MS;

  constructor(options: SqliteStoreOptions) {
    this.options = options;
    const root = resolve(options.cwd, 'mlruns');
    // MLflow: a plain path, but on Windows a URI.
    this.artifactRoot = process.platform === 'win32' ? pathToFileURL(root).href : root;
  }

  async open(): Promise<void> {
    if (this.database !== undefined) return;
    const { path, display, durability, version, pulse, driver = loadDriver(display) } = this.options;
    const { artifactRoot, lockWaitMs } = this;
    let connection: Connection | undefined;
    try {
      connection = openDatabase(driver, { path, display, durability, version, artifactRoot, lockWaitMs }, () => pulse.pause());
      const runs = new RunTable(connection, new ExperimentTable(connection, this.artifactRoot));
      this.database = { connection, runs, writer: new BatchWriter(connection, runs, pulse) };
    } catch (error) {
      const meaning = this.meaningOf(error, undefined, connection);
      connection?.close();
      if (meaning instanceof StoreBusyError) this.lockWaitMs = NEXT_WAIT_MS;
      throw meaning;
    } finally {
      pulse.beat();
    }
  }

  async createRun(run: NewRun): Promise<string> {
    this.transaction(run.id, ({ runs }) => (run.resume ? runs.resume(run) : runs.create(run)));
    return run.id;
  }

  /**
   * Commits together what is asked for in one turn of the event loop: a commit costs as much as some twenty
   * rows. By setImmediate and not a microtask, as runs whose senders wake one after the other through
   * promise chains of different lengths are still in the same turn; it comes a few µs later.
   */
  land(batch: Batch): Promise<readonly Outcome[]> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ batch, resolve, reject });
      if (this.waiting.length === 1) setImmediate(() => this.commitWaiting());
    });
  }

  async endRun(end: RunEnd): Promise<void> {
    this.transaction(end.runId, ({ runs }) => runs.end(end));
  }

  async close(): Promise<void> {
    while (this.waiting.length > 0) this.commitWaiting();
    const { database, options } = this;
    if (database === undefined) return;
    this.database = undefined;
    options.pulse.pause();
    try {
      // Whoever opens the file next has no WAL to read through. PASSIVE waits for nobody; what it can't copy stays in the WAL.
      database.connection.exec('PRAGMA wal_checkpoint(PASSIVE)');
    } catch {
      // All is committed, and the WAL is as good a place for it as the file.
    } finally {
      database.connection.close();
      options.pulse.beat();
    }
  }

  private commitWaiting(): void {
    const group = this.takeGroup();
    if (group.length === 0) return;
    let outcomes: (readonly Outcome[])[];
    try {
      outcomes = this.write(group);
    } catch (error) {
      // `transaction` throws nothing but errors.
      for (const { reject } of group) reject(error as Error);
      return;
    }
    for (const [i, { resolve }] of group.entries()) resolve(outcomes[i] as readonly Outcome[]); // one for each
  }

  private write(group: readonly Waiting[]): (readonly Outcome[])[] {
    try {
      return this.transaction(undefined, ({ writer }) => group.map(({ batch }) => writer.write(batch)));
    } catch (error) {
      if (!(error instanceof RowRefusedError)) throw error;
      // Nothing of the group is in the file now.
      return this.transaction(undefined, ({ writer }) => group.map(({ batch }) => writer.writeApart(batch)));
    }
  }

  private takeGroup(): Waiting[] {
    let rows = 0;
    let count = 0;
    for (const { batch } of this.waiting) {
      if (count > 0 && rows + batch.items.length > TRANSACTION_ROWS) break;
      rows += batch.items.length;
      count++;
    }
    const group = this.waiting.slice(0, count);
    this.waiting = this.waiting.slice(count);
    if (this.waiting.length > 0) setImmediate(() => this.commitWaiting());
    return group;
  }

  /** `runId`: whose fault it is when the database refuses what `work` writes. */
  private transaction<T>(runId: string | undefined, work: (open: Open) => T): T {
    const { database, options } = this;
    if (database === undefined) throw new StoreUnavailableError({ store: options.display, reason: 'it is not open' });
    const { connection } = database;
    try {
      options.pulse.pause();
      // IMMEDIATE: a transaction that begins by reading and finds another writer when it comes to write can only start again.
      connection.exec('BEGIN IMMEDIATE');
      try {
        options.pulse.beat();
        const result = work(database);
        options.pulse.pause();
        connection.exec('COMMIT');
        this.waitForLocks(connection, FIRST_WAIT_MS);
        return result;
      } catch (error) {
        rollback(connection);
        throw error;
      }
    } catch (error) {
      const meaning = this.meaningOf(error, runId, connection);
      if (meaning instanceof StoreBusyError) this.waitForLocks(connection, NEXT_WAIT_MS);
      throw meaning;
    } finally {
      options.pulse.beat();
    }
  }

  private waitForLocks(connection: Connection, ms: number): void {
    if (ms === this.lockWaitMs) return;
    waitForLocks(connection, ms);
    this.lockWaitMs = ms;
  }

  /** The error that the caller can act on. */
  private meaningOf(error: unknown, runId: string | undefined, connection: Connection | undefined): Error {
    const { path, display } = this.options;
    if (error instanceof HeadraceError || error instanceof RowRefusedError) return error;
    if (error instanceof IncompleteSchemaError) {
      if (this.migration.mayMend(error.schemaVersion)) return new StoreBusyError(error.message, { cause: error });
      return new StoreUnavailableError({ store: display, reason: error.message }, { cause: error });
    }
    const failure = failureOf(error);
    if (failure === 'busy' || (failure === 'schema' && this.mayBeMigrating(connection))) {
      return new StoreBusyError(messageOf(error), { cause: error });
    }
    // What is logged waits in a journal, on another disk perhaps, or in memory.
    if (failure === 'disk') return new StoreBusyError(explain(error, path), { cause: error });
    if (failure === 'item' && runId !== undefined) return refused(runId, error);
    return new StoreUnavailableError({ store: display, reason: explain(error, path) }, { cause: error });
  }

  private mayBeMigrating(connection: Connection | undefined): boolean {
    try {
      return connection !== undefined && this.migration.mayMend(schemaVersion(connection));
    } catch (error) {
      return failureOf(error) === 'busy';
    }
  }
}
