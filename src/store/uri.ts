/** Tracking URIs as MLflow spells them: SQLAlchemy's database URLs. */
import { resolve } from 'node:path';
import { OptionError, quote } from '../errors.js';
import type { ServerSettings } from './mlflow/server-settings.js';

export type StoreLocation = SqliteLocation | ServerLocation;

export interface SqliteLocation {
  readonly kind: 'sqlite';
  /** Absolute path of the database file. */
  readonly path: string;
  /** The same place as a URI: for messages, and to hand to MLflow. */
  readonly display: string;
}

export interface ServerLocation {
  readonly kind: 'server';
  readonly server: ServerSettings;
  /** The server's address for messages: no user, password or token in it. */
  readonly display: string;
}

const SERVED = 'a SQLite file: sqlite:///relative.db or sqlite:////absolute.db';

/** `sqlite+pysqlite` is the same driver by its full name; other drivers (pysqlcipher) make files that we can't read. */
const SQLITE = /^sqlite(?:\+pysqlite)?:(.*)$/s;
const SCHEME = /^([a-z][a-z0-9+.-]*):/i;

/** What SQLAlchemy takes for true in a query. */
const TRUE = /^(?:true|yes|on|y|t|1)$/i;

export function parseStoreUri(uri: string, cwd: string): StoreLocation {
  const rest = SQLITE.exec(uri)?.[1];
  if (rest === undefined) throw refuse(uri, remedy(uri));
  if (!rest.startsWith('///')) throw refuse(uri, spelling(rest));

  // SQLAlchemy: the name ends at the first `?`, a `#` is part of it, and nothing is percent-decoded.
  const mark = rest.indexOf('?');
  const name = mark < 0 ? rest.slice(3) : rest.slice(3, mark);
  const query = new URLSearchParams(mark < 0 ? '' : rest.slice(mark + 1));
  if (TRUE.test(query.get('uri') ?? '')) {
    throw refuse(uri, `${SERVED}, without uri=true: give the file's path, SQLite's own options are headrace's to set`);
  }
  if (name === '' || name === ':memory:') {
    throw refuse(uri, `${SERVED}; a database in memory could not be opened by MLflow`);
  }
  // better-sqlite3 cuts white space off a path: it would open another file than MLflow does.
  if (name.includes('\0') || name !== name.trimEnd()) {
    throw refuse(uri, `${SERVED}, with no NUL in the path and no white space at its end`);
  }
  const path = resolve(cwd, name);
  return { kind: 'sqlite', path, display: `sqlite:///${path}` };
}

function refuse(uri: string, expected: string): OptionError {
  return new OptionError({ option: 'uri', received: quote(withoutSecrets(uri)), expected });
}

/** For a SQLite uri with fewer than three slashes. */
function spelling(rest: string): string {
  const name = rest.replace(/^\/{0,2}/, '').replace(/\?.*$/s, '');
  if (name === '' || name === ':memory:') return `${SERVED}; a database in memory could not be opened by MLflow`;
  // Between two and three slashes a URL has its user, password and host.
  if (name.includes('@')) return `${SERVED}; SQLite knows no user, password or host`;
  return `${SERVED}; three slashes come before the path, so perhaps ${quote(`sqlite:///${rest.startsWith('/') && !rest.startsWith('//') ? '/' : ''}${name}`)}`;
}

function remedy(uri: string): string {
  const scheme = SCHEME.exec(uri)?.[1]?.toLowerCase();
  if (uri.trim() === '') return SERVED;
  if (scheme === 'http' || scheme === 'https') {
    return `${SERVED}; this version doesn't serve a tracking server yet: log into a SQLite file, and open it with "mlflow server --backend-store-uri"`;
  }
  if (scheme === 'databricks' || uri === 'databricks' || scheme === 'databricks-uc') {
    return `${SERVED}; this version doesn't serve Databricks`;
  }
  if (scheme?.startsWith('sqlite')) return `${SERVED}; of SQLAlchemy's drivers only the default one (sqlite, in lower case)`;
  if (scheme === 'file') return `${SERVED}; MLflow's file store isn't served`;
  // A single letter is the drive of a Windows path.
  if (scheme !== undefined && scheme.length > 1) return `${SERVED}; this version serves no other database`;
  const absolute = uri.startsWith('/') || scheme !== undefined;
  const file = /\.(?:db|sqlite|sqlite3)$/i.test(uri) ? uri : `${uri.replace(/[/\\]+$/, '')}/mlflow.db`;
  return `${SERVED}; a plain path is MLflow's file store, which isn't served: perhaps ${quote(`sqlite:///${file.replace(/^\.\//, '')}`)}${absolute ? ' (four slashes: an absolute path)' : ''}`;
}

/** A uri that goes into a message may hold `user:password@`, or a token in its query. */
function withoutSecrets(uri: string): string {
  const scheme = SCHEME.exec(uri)?.[1];
  if (scheme !== undefined && scheme.length > 1 && !/^(?:sqlite|file)$/i.test(scheme)) return `${scheme}:…`;
  const open = uri.replace(/\?.*$/s, '?…');
  const at = open.lastIndexOf('@');
  return at < 0 ? open : `${scheme === undefined ? '' : `${scheme}://`}…${open.slice(at)}`;
}
