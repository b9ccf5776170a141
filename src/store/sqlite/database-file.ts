/** Opens a database file, gives an empty one the schema, and refuses what isn't MLflow's. */
import { StoreUnavailableError } from '../../errors.js';
import type { Connection, Driver } from './driver.js';
import { resultCode } from './failure.js';
import { createStatements, REVISION, WRITTEN_TABLES } from './schema.js';

/**
 * Pages in the WAL that start a checkpoint. With rows all over the index (known keys in many runs) a page
 * is changed many times between two checkpoints and copied once: at 4000 instead of SQLite's 1000, 1.2 times
 * the rows a second for a file of 16 MiB beside the database.
 */
const CHECKPOINT_PAGES = 4000;

/** As large as the WAL may grow: a transaction that changes more pages than the cache holds writes them twice. */
const CACHE_KIB = 16_384;

export interface FileSettings {
  readonly path: string;
  /** The store's name in messages. */
  readonly display: string;
  readonly artifactRoot: string;
  readonly durability: 'memory' | 'os' | 'fsync';
  /** How long a lock that another connection holds is waited for. */
  readonly lockWaitMs: number;
  /** Of headrace. */
  readonly version: string;
}

/** Tables or columns are missing in what else looks like MLflow's database. */
export class IncompleteSchemaError extends Error {
  override readonly name = 'IncompleteSchemaError';
  readonly schemaVersion: number;

  constructor(message: string, schemaVersion: number) {
    super(message);
    this.schemaVersion = schemaVersion;
  }
}

/** `pause` is called before whatever may wait for a lock. */
export function openDatabase(driver: Driver, settings: FileSettings, pause: () => void): Connection {
  pause();
  const connection = driver.open(settings.path);
  try {
    // NORMAL: a commit survives the end of the process, FULL: also a power cut. The two libraries' defaults differ.
    const synchronous = settings.durability === 'fsync' ? 'FULL' : 'NORMAL';
    waitForLocks(connection, settings.lockWaitMs);
    connection.exec(`PRAGMA synchronous = ${synchronous}; PRAGMA cache_size = -${CACHE_KIB}`);
    // Every row's run is looked up in the transaction that writes it, so a check per row adds nothing; and with it a
    // statement of many rows may fail half-way for SQLite, which then copies every page before changing it: up to half the speed.
    connection.exec('PRAGMA foreign_keys = OFF');
    const empty = checkTables(connection, settings);
    // Not before the check: a file that isn't ours is left as it is.
    preferWal(connection);
    connection.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    if (empty) createSchema(connection, settings, pause);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

export function waitForLocks(connection: Connection, ms: number): void {
  connection.exec(`PRAGMA busy_timeout = ${ms}`);
}

export function schemaVersion(connection: Connection): number {
  return Number(connection.prepare('PRAGMA schema_version').get({}, [])?.schema_version);
}

/** True: there is no table at all, because the file is new or its making was cut short. */
export function checkTables(connection: Connection, settings: Pick<FileSettings, 'path' | 'display'>): boolean {
  const tables = tableNames(connection);
  if (tables.size === 0) return true;
  if (!tables.has('alembic_version') && ![...WRITTEN_TABLES.keys()].every((name) => tables.has(name))) {
    throw new StoreUnavailableError({
      store: settings.display,
      reason:
        `${settings.path} is the database of another program (tables: ${[...tables].slice(0, 5).join(', ')}${tables.size > 5 ? ', …' : ''}); ` +
        'name a new file, or one that MLflow made',
    });
  }
  const missing: string[] = [];
  for (const [table, columns] of WRITTEN_TABLES) {
    if (!tables.has(table)) {
      missing.push(`table ${table}`);
      continue;
    }
    const present = columnNames(connection, table);
    missing.push(...columns.filter((column) => !present.has(column)).map((column) => `column ${table}.${column}`));
  }
  if (missing.length > 0) {
    const revision = tables.has('alembic_version')
      ? connection.prepare('SELECT version_num FROM alembic_version').get({}, [])
      : undefined;
    throw new IncompleteSchemaError(
      `${settings.path} has MLflow's schema of revision ${revision?.version_num ?? 'unknown'}, without ${missing.join(', ')}; ` +
        'bring it up to date with "mlflow db upgrade", or name a new file',
      schemaVersion(connection),
    );
  }
  return false;
}

function tableNames(connection: Connection): ReadonlySet<string> {
  const rows = connection
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'")
    .all({}, []);
  return new Set(rows.map((row) => String(row.name)));
}

export function columnNames(connection: Connection, table: string): ReadonlySet<string> {
  const rows = connection.prepare('SELECT name FROM pragma_table_info(?)').all({}, [table]);
  return new Set(rows.map((row) => String(row.name)));
}

/** Readers and one writer don't wait for each other in a WAL. MLflow keeps the mode it finds. */
function preferWal(connection: Connection): void {
  if (connection.prepare('PRAGMA journal_mode').get({}, [])?.journal_mode === 'wal') return;
  try {
    connection.exec('PRAGMA journal_mode = WAL');
  } catch (error) {
    // A file system without shared memory (a network share): the file's own mode serves, more slowly.
    const code = resultCode(error);
    if (code !== 'SQLITE_IOERR' && code !== 'SQLITE_CANTOPEN' && code !== 'SQLITE_PROTOCOL') throw error;
  }
}

/** One transaction: whoever is killed in it leaves an empty file, and of two who create the second finds it done. */
function createSchema(connection: Connection, settings: FileSettings, pause: () => void): void {
  pause();
  connection.exec('BEGIN IMMEDIATE');
  try {
    if (tableNames(connection).size === 0) {
      for (const statement of createStatements()) connection.exec(statement);
      connection.prepare('INSERT INTO alembic_version (version_num) VALUES (?)').run({}, [REVISION]);
      connection
        .prepare('INSERT INTO headrace_meta (name, value) VALUES (?, ?)')
        .run({}, ['created_by', `headrace ${settings.version}`]);
      const now = Date.now();
      connection
        .prepare('INSERT INTO experiments VALUES (0, ?, ?, ?, ?, ?)')
        .run({}, ['Default', `${settings.artifactRoot}/0`, 'active', now, now]);
    }
    pause();
    connection.exec('COMMIT');
  } catch (error) {
    rollback(connection);
    throw error;
  }
}

/** After some errors (a full disk) SQLite has rolled back already; saying so again is an error to it, not to us. */
export function rollback(connection: Connection): void {
  try {
    connection.exec('ROLLBACK');
  } catch {
    // No transaction is open any more, which is what was wanted.
  }
}
