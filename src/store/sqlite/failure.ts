/** What an error of a SQLite library means for the store, whichever library raised it. */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Result codes of SQLite that have a meaning here, by number (node:sqlite) and by name (better-sqlite3). */
const NAMES: Readonly<Record<number, string>> = {
  1: 'SQLITE_ERROR',
  3: 'SQLITE_PERM',
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  7: 'SQLITE_NOMEM',
  8: 'SQLITE_READONLY',
  10: 'SQLITE_IOERR',
  11: 'SQLITE_CORRUPT',
  13: 'SQLITE_FULL',
  14: 'SQLITE_CANTOPEN',
  15: 'SQLITE_PROTOCOL',
  17: 'SQLITE_SCHEMA',
  18: 'SQLITE_TOOBIG',
  19: 'SQLITE_CONSTRAINT',
  20: 'SQLITE_MISMATCH',
  25: 'SQLITE_RANGE',
  26: 'SQLITE_NOTADB',
};

/**
 * - `busy`: another connection is at work; the same call may succeed in a moment.
 * - `disk`: it is full, over its quota, or out of order; nothing was written, and somebody can mend it.
 * - `schema`: a table or column is missing, perhaps only until MLflow has finished migrating the file.
 * - `item`: this row can't be written, others can.
 * - `store`: nothing can be written.
 */
export type Failure = 'busy' | 'disk' | 'schema' | 'item' | 'store';

/** SQLite's primary result code, or undefined for an error that isn't SQLite's. */
export function resultCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  if (error.code === 'ERR_SQLITE_ERROR' && 'errcode' in error) {
    // The low byte is the primary code, what is above tells its variants apart.
    const primary = Number(error.errcode) & 0xff;
    return NAMES[primary] ?? `SQLITE_${primary}`;
  }
  return typeof error.code === 'string' ? /^SQLITE_[A-Z]+/.exec(error.code)?.[0] : undefined;
}

export function failureOf(error: unknown): Failure {
  switch (resultCode(error)) {
    case 'SQLITE_BUSY':
    case 'SQLITE_LOCKED':
    // Lost a race for the locks of the WAL.
    case 'SQLITE_PROTOCOL':
    case 'SQLITE_SCHEMA':
      return 'busy';
    case 'SQLITE_FULL':
    // A limit on the size of files or a quota, which SQLite tells from nothing else that goes wrong with a disk.
    case 'SQLITE_IOERR':
      return 'disk';
    case 'SQLITE_ERROR':
      return /no such (?:table|column)|has no column/.test(messageOf(error)) ? 'schema' : 'store';
    case 'SQLITE_CONSTRAINT':
    case 'SQLITE_TOOBIG':
    case 'SQLITE_MISMATCH':
    case 'SQLITE_RANGE':
    // The library itself refused to bind a value.
    case undefined:
      return 'item';
    default:
      return 'store';
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What is wrong and what to do, in words. The message of the store's error begins with the store's name. */
export function explain(error: unknown, path: string): string {
  const code = resultCode(error);
  const said = `${code ?? 'error'}: ${messageOf(error)}`;
  switch (code) {
    case 'SQLITE_FULL':
      return `the disk of ${path} is full or a limit of its size is reached; free space there (${said})`;
    case 'SQLITE_READONLY':
    case 'SQLITE_PERM':
      return `${path} can't be written by this user; make the file and its folder writable, SQLite puts its journal beside the file (${said})`;
    case 'SQLITE_NOTADB':
      return `${path} is not a SQLite database; name another file (${said})`;
    case 'SQLITE_CORRUPT':
      return `${path} is damaged; restore it from a copy, or save what can be read with "sqlite3 <file> .recover" (${said})`;
    case 'SQLITE_IOERR':
      return `reading or writing ${path} failed; check its disk, quota and limits (${said})`;
    case 'SQLITE_NOMEM':
      return `there is not enough memory to use ${path} (${said})`;
    case 'SQLITE_ERROR':
      return `${path} does not have the tables of an MLflow database as expected (${said})`;
    default:
      return pathProblem(path) ?? `${path} can't be used (${said})`;
  }
}

/** Why a file can't be opened; SQLite says no more than "unable to open database file". */
function pathProblem(path: string): string | undefined {
  const folder = dirname(path);
  try {
    if (!statSync(folder).isDirectory()) return `${folder} is not a folder; name a file in one`;
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    return missing
      ? `the folder ${folder} does not exist; create it, headrace doesn't`
      : `the folder ${folder} can't be read; check its permissions`;
  }
  try {
    if (statSync(path).isDirectory()) return `${path} is a folder; name a file in it`;
    accessSync(path, constants.R_OK);
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!missing) return `${path} can't be read by this user; check its permissions`;
  }
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    return `the folder ${folder} can't be written by this user; make it writable, SQLite puts its journal beside the file`;
  }
  return undefined;
}
