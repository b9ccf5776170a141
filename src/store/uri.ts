/** Tracking URIs as MLflow spells them: SQLAlchemy's database URLs, addresses of servers, Databricks' profiles. */
import { resolve } from 'node:path';
import { OptionError, quote } from '../errors.js';
import { databricksPlace } from './mlflow/databricks.js';
import { databricksSettings, serverSettings } from './mlflow/environment.js';
import { parseServerAddress, shownAddress } from './mlflow/server-address.js';
import type { ServerSettings } from './mlflow/server-settings.js';
import { POSTGRES, parsePostgresAddress } from './postgres/address.js';
import { postgresPlace } from './postgres/environment.js';
import type { PostgresSettings } from './postgres/settings.js';
import type { Environment } from './variable.js';

export type StoreLocation = SqliteLocation | ServerLocation | PostgresLocation | OfflineLocation;

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
  /** Leads here again, given the same environment. The address, but for Databricks; as free of secrets. */
  readonly uri: string;
}

export interface PostgresLocation {
  readonly kind: 'postgres';
  readonly postgres: PostgresSettings;
  /** Host, port, user and database, as a URI. */
  readonly display: string;
  /** Leads here again, given the same environment: the parameters are in it, the password is not. */
  readonly uri: string;
}

/** No store at all: what is logged stays in the journal. */
export interface OfflineLocation {
  readonly kind: 'offline';
  readonly display: 'offline';
}

const SQLITE_FILE = 'a SQLite file: sqlite:///relative.db or sqlite:////absolute.db';
const SERVER = 'http://host:5000 or https://host/prefix';
const DATABRICKS_PLACE = 'databricks or databricks://profile';
const DATABASE = 'postgresql://user@host:5432/database';
const OFFLINE = 'offline';
const SERVED = `${SQLITE_FILE}; an MLflow server: ${SERVER}; ${DATABRICKS_PLACE}; MLflow's PostgreSQL: ${DATABASE}; or ${OFFLINE}, to send it later`;

/** `sqlite+pysqlite` is the same driver by its full name; other drivers (pysqlcipher) make files that we can't read. */
const SQLITE = /^sqlite(?:\+pysqlite)?:(.*)$/s;
const SCHEME = /^([a-z][a-z0-9+.-]*):/i;
const HTTP = /^\s*https?:/i;
const DATABRICKS = /^databricks(?::(.*))?$/s;

/** What SQLAlchemy takes for true in a query. */
const TRUE = /^(?:true|yes|on|y|t|1)$/i;

/** `env`: what a server or a database needs besides its address. For a SQLite file it isn't looked into. */
export function parseStoreUri(uri: string, cwd: string, env: Environment): StoreLocation {
  if (uri === OFFLINE) return { kind: 'offline', display: OFFLINE };
  const rest = SQLITE.exec(uri)?.[1];
  if (rest !== undefined) return sqliteFile(uri, rest, cwd);
  if (HTTP.test(uri)) {
    const address = parseServerAddress(uri);
    if (typeof address === 'string') throw refuse(uri, `${SERVER}, ${address}`);
    return { kind: 'server', server: serverSettings(address, env, cwd), display: address.url, uri: address.url };
  }
  const databricks = DATABRICKS.exec(uri);
  if (databricks !== null) {
    const place = databricksPlace(uri, profileIn(uri, databricks[1]), env);
    return { kind: 'server', server: databricksSettings(place, env, cwd), display: place.url, uri };
  }
  if (POSTGRES.test(uri)) {
    const address = parsePostgresAddress(uri);
    if (typeof address === 'string') throw refuse(uri, `${DATABASE}, ${address}`);
    const { settings, display, uri: again } = postgresPlace(address, env, cwd);
    return { kind: 'postgres', postgres: settings, display, uri: again };
  }
  throw refuse(uri, remedy(uri));
}

function sqliteFile(uri: string, rest: string, cwd: string): SqliteLocation {
  if (!rest.startsWith('///')) throw refuse(uri, spelling(rest));

  // SQLAlchemy: the name ends at the first `?`, a `#` is part of it, and nothing is percent-decoded.
  const mark = rest.indexOf('?');
  const name = mark < 0 ? rest.slice(3) : rest.slice(3, mark);
  const query = new URLSearchParams(mark < 0 ? '' : rest.slice(mark + 1));
  if (TRUE.test(query.get('uri') ?? '')) {
    throw refuse(uri, `${SQLITE_FILE}, without uri=true: give the file's path, SQLite's own options are headrace's to set`);
  }
  if (name === '' || name === ':memory:') {
    throw refuse(uri, `${SQLITE_FILE}; a database in memory could not be opened by MLflow`);
  }
  // better-sqlite3 cuts white space off a path: it would open another file than MLflow does.
  if (name.includes('\0') || name !== name.trimEnd()) {
    throw refuse(uri, `${SQLITE_FILE}, with no NUL in the path and no white space at its end`);
  }
  const path = resolve(cwd, name);
  return { kind: 'sqlite', path, display: `sqlite:///${path}` };
}

/** The profile that a Databricks URI names. `rest`: what follows the scheme's colon. */
function profileIn(uri: string, rest: string | undefined): string | undefined {
  if (rest === undefined) return undefined;
  const profile = /^\/\/([^/:@?#\s]+)\/?$/.exec(rest)?.[1];
  if (profile !== undefined) return profile;
  const scope = /^\/\/[^/]*:/.test(rest) ? '; secret scopes can be read inside Databricks only' : '';
  throw refuse(uri, `${DATABRICKS_PLACE}, the profile without white space and / : @ ? #${scope}`);
}

function refuse(uri: string, expected: string): OptionError {
  return new OptionError({ option: 'uri', received: HTTP.test(uri) ? shownAddress(uri) : quote(withoutSecrets(uri)), expected });
}

/** For a SQLite uri with fewer than three slashes. */
function spelling(rest: string): string {
  const name = rest.replace(/^\/{0,2}/, '').replace(/\?.*$/s, '');
  if (name === '' || name === ':memory:') return `${SQLITE_FILE}; a database in memory could not be opened by MLflow`;
  // Between two and three slashes a URL has its user, password and host.
  if (name.includes('@')) return `${SQLITE_FILE}; SQLite knows no user, password or host`;
  return `${SQLITE_FILE}; three slashes come before the path, so perhaps ${quote(`sqlite:///${rest.startsWith('/') && !rest.startsWith('//') ? '/' : ''}${name}`)}`;
}

function remedy(uri: string): string {
  const scheme = SCHEME.exec(uri)?.[1]?.toLowerCase();
  if (uri.trim() === '') return SERVED;
  if (scheme === 'databricks-uc' || uri === 'databricks-uc' || scheme === 'uc' || uri === 'uc') {
    return `${DATABRICKS_PLACE}; Unity Catalog is a registry of models, MLflow logs no runs there either`;
  }
  if (scheme?.startsWith('sqlite')) return `${SERVED}; of SQLAlchemy's drivers only the default one (sqlite, in lower case)`;
  if (scheme === 'file') return `${SERVED}; MLflow's file store isn't served`;
  // `localhost:5000` looks like a scheme and a path.
  if (/^[\w.-]+:\d+(?:\/[^@]*)?$/.test(uri)) return `${SERVED}; perhaps ${quote(`http://${uri}`)}`;
  // A single letter is the drive of a Windows path.
  if (scheme !== undefined && scheme.length > 1) return `${SERVED}; this version serves no other database`;
  const absolute = uri.startsWith('/') || scheme !== undefined;
  const file = /\.(?:db|sqlite|sqlite3)$/i.test(uri) ? uri : `${uri.replace(/[/\\]+$/, '')}/mlflow.db`;
  return `${SERVED}; a plain path is MLflow's file store, which isn't served: perhaps ${quote(`sqlite:///${file.replace(/^\.\//, '')}`)}${absolute ? ' (four slashes: an absolute path)' : ''}`;
}

/** A uri that goes into a message may hold `user:password@`, or a token in its query. */
function withoutSecrets(uri: string): string {
  const scheme = SCHEME.exec(uri.trim())?.[1];
  if (scheme !== undefined && scheme.length > 1 && !/^(?:sqlite|file)$/i.test(scheme)) return `${scheme}:…`;
  const open = uri.replace(/\?.*$/s, '?…');
  const at = open.lastIndexOf('@');
  return at < 0 ? open : `${scheme === undefined ? '' : `${scheme}://`}…${open.slice(at)}`;
}
