import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { columnNames, waitForLocks } from '../../store/sqlite/database-file.js';
import { type Connection, loadDriver } from '../../store/sqlite/driver.js';
import { explain, failureOf, messageOf } from '../../store/sqlite/failure.js';
import { REVISION, WRITTEN_TABLES } from '../../store/sqlite/schema.js';
import type { SqliteLocation } from '../../store/uri.js';
import { size } from '../words.js';
import { type Finding, note, ok, todo } from './finding.js';
import { codeOf, freeSpace, writable } from './folder.js';

const LOCK_WAIT_MS = 2000;

/** Changes nothing: a file that isn't there yet isn't made. */
export function sqliteFile({ path, display }: SqliteLocation): Finding[] {
  const folder = dirname(path);
  if (!existsSync(folder)) return [todo(`the folder ${folder} does not exist`, `mkdir -p ${folder}`)];
  const place = [writable(folder, 'the database'), freeSpace(folder)];
  if (!existsSync(path)) return [note(`${path} does not exist yet: the first run makes it`), ...place];
  const permission = access(path);
  if (permission.state === 'todo') return [permission, ...place];
  let connection: Connection | undefined;
  try {
    connection = loadDriver(display).open(path);
    waitForLocks(connection, LOCK_WAIT_MS);
    return [permission, ...place, ...schema(connection, path), lock(connection, path)];
  } catch (error) {
    return [permission, ...place, todo(explain(error, path))];
  } finally {
    connection?.close();
  }
}

function access(path: string): Finding {
  const file = statSync(path);
  if (!file.isFile()) return todo(`${path} is not a file`, 'name another one');
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return ok(`${path}, ${size(file.size)}, can be read and written`);
  } catch (error) {
    return todo(`${path} can't be read and written by this user (${codeOf(error)})`, 'change its permissions, or its owner');
  }
}

function schema(connection: Connection, path: string): Finding[] {
  const columns = new Map([...WRITTEN_TABLES.keys()].map((table) => [table, columnNames(connection, table)]));
  const known = [...columns.values()].filter(({ size: count }) => count > 0).length;
  const tables = Number(
    connection.prepare("SELECT count(*) AS count FROM sqlite_master WHERE type = 'table'").get({}, [])?.count,
  );
  if (tables === 0) return [note(`${path} has no tables yet: the first run makes them`)];
  if (known === 0) return [todo(`${path} is the database of another program`, 'name a new file, or one that MLflow made')];
  const missing = [...WRITTEN_TABLES].flatMap(([table, wanted]) =>
    wanted.filter((column) => columns.get(table)?.has(column) !== true).map((column) => `${table}.${column}`),
  );
  const revision = revisionOf(connection);
  if (missing.length > 0) {
    return [todo(`MLflow's schema of revision ${revision} lacks ${missing.join(', ')}`, `mlflow db upgrade sqlite:///${path}`)];
  }
  const whose = revision === REVISION ? 'headrace makes' : 'an MLflow of another version made';
  return [ok(`MLflow's schema of revision ${revision}, which ${whose}`)];
}

function revisionOf(connection: Connection): string {
  if (columnNames(connection, 'alembic_version').size === 0) return 'unknown';
  return String(connection.prepare('SELECT version_num FROM alembic_version').get({}, [])?.version_num ?? 'unknown');
}

function lock(connection: Connection, path: string): Finding {
  try {
    connection.exec('BEGIN IMMEDIATE');
    connection.exec('ROLLBACK');
    return ok('the file can be locked for writing');
  } catch (error) {
    if (failureOf(error) === 'busy') {
      return todo(
        `another process has kept the file locked for ${LOCK_WAIT_MS / 1000} s (${messageOf(error)})`,
        `see who has it open (lsof ${path}), and let it finish`,
      );
    }
    return todo(explain(error, path));
  }
}
