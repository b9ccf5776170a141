/**
 * From a URI and the environment of the caller's process to what a worker needs to reach a PostgreSQL database. libpq is
 * the authority for names, order and defaults (MLflow's servers reach theirs through it): a parameter of the URI wins
 * over its variable. docs/postgres.md has it all in one table.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { OptionError, quote } from '../../errors.js';
import { userName } from '../../user-name.js';
import { expandHome, inHome } from '../home.js';
import { type Environment, text } from '../variable.js';
import { addressOf, type PostgresAddress } from './address.js';
import { passwordFor, readPasswordFile } from './password-file.js';
import { concealed, type PostgresHost, type PostgresSettings, type PostgresTls, type SslMode } from './settings.js';

export interface PostgresPlace {
  readonly settings: PostgresSettings;
  /** Host, port, user and database. */
  readonly display: string;
  /** Leads there again, given the same environment: with the parameters, without the password. */
  readonly uri: string;
}

/** Where libpq of Debian, Red Hat and their kin look for a server of this machine when no host is named. */
const SOCKET_FOLDER = '/var/run/postgresql';
const DEFAULT_PORT = 5432;

/** libpq waits for ever; a host that doesn't answer at all is an outage. */
const CONNECT_SECONDS = 10;

/** As long as a try of MLflow's client at a server: by then it is worth telling that nothing lands. */
const ANSWER_SECONDS = 120;

/** Before the two hours of most systems: until then a write to a host that is gone hangs. */
const KEEPALIVE_SECONDS = 30;

/** Of one worker. A run uses one at a time; a server takes a hundred by default, from everybody. */
const POOL_SIZE = 4;

/** More milliseconds than 2^31 - 1 make a timer of Node's go off at once. */
const MOST_SECONDS = 2_147_483;

const MODES: readonly SslMode[] = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];

/** Parameters that are served, beside user, password, host and dbname, and the variable of each. */
const PARAMETERS: Readonly<Record<string, string | undefined>> = {
  port: 'PGPORT',
  passfile: 'PGPASSFILE',
  sslmode: 'PGSSLMODE',
  sslrootcert: 'PGSSLROOTCERT',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  connect_timeout: 'PGCONNECT_TIMEOUT',
  application_name: 'PGAPPNAME',
  options: 'PGOPTIONS',
  target_session_attrs: 'PGTARGETSESSIONATTRS',
  client_encoding: 'PGCLIENTENCODING',
  gssencmode: 'PGGSSENCMODE',
  keepalives: undefined,
  keepalives_idle: undefined,
  // headrace's own.
  answer_timeout: undefined,
  pool_size: undefined,
  prepared: undefined,
};

/** Variables that would lead libpq elsewhere. */
const UNSERVED: Readonly<Record<string, string>> = {
  PGSERVICE: 'no service file: unset it, and name host, port, user and database',
  PGHOSTADDR: 'a host in PGHOST or in the uri: unset it',
};

export function postgresPlace(address: PostgresAddress, env: Environment, cwd: string): PostgresPlace {
  for (const name of address.parameters.keys()) {
    if (!Object.hasOwn(PARAMETERS, name)) {
      throw refuse(`uri (${name})`, 'a parameter that headrace does not know', `one of ${Object.keys(PARAMETERS).join(', ')}`);
    }
  }
  for (const [variable, expected] of Object.entries(UNSERVED)) {
    const value = text(env, variable);
    if (value !== undefined) throw refuse(variable, quote(value), expected);
  }
  const parameters = new Parameters(address.parameters, env);
  const user = address.user || text(env, 'PGUSER') || userName(env);
  const database = address.database || text(env, 'PGDATABASE') || user;
  const places = hostsOf(address, parameters, env);
  const passwordFile = parameters.path('passfile', cwd, env) ?? defaultPasswordFile(env);
  const told = address.password || text(env, 'PGPASSWORD');
  const lines = told === undefined ? readPasswordFile(passwordFile) : undefined;
  const hosts = places.map(
    (place): PostgresHost => ({
      ...place,
      password: told ?? (lines === undefined ? undefined : passwordFor({ ...place, user, database }, lines)),
    }),
  );
  checkFixed(parameters);
  const keepsAlive = parameters.oneOf('keepalives', '1', ['0', '1']) === '1';
  const keepAliveSeconds = parameters.integer('keepalives_idle', KEEPALIVE_SECONDS, 0, 32_767) || KEEPALIVE_SECONDS;
  const display = addressOf({ user, hosts, database });
  const settings = concealed(
    {
      hosts,
      user,
      database,
      tls: tlsOf(parameters, hosts, env, cwd),
      connectTimeoutMs: 1000 * connectSeconds(parameters),
      answerTimeoutMs: 1000 * parameters.integer('answer_timeout', ANSWER_SECONDS, 0, MOST_SECONDS),
      applicationName: parameters.text('application_name') ?? 'headrace',
      options: parameters.text('options'),
      keepAliveMs: keepsAlive ? 1000 * keepAliveSeconds : undefined,
      poolSize: parameters.integer('pool_size', POOL_SIZE, 1, 100),
      namedStatements: parameters.oneOf('prepared', 'true', ['true', 'false']) === 'true',
    },
    display,
  );
  return { settings, display, uri: addressOf({ user, hosts, database, parameters: kept(address, cwd, env) }) };
}

/** What the URI itself said, with its files found from any folder. */
function kept(address: PostgresAddress, cwd: string, env: Environment): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of address.parameters) {
    const isFile = /^(?:passfile|sslrootcert|sslcert|sslkey)$/.test(name) && !(name === 'sslrootcert' && value === 'system');
    if (name !== 'port') found.set(name, isFile ? resolve(cwd, expandHome(env, value)) : value);
  }
  return found;
}

function hostsOf(address: PostgresAddress, parameters: Parameters, env: Environment): { host: string; port: number }[] {
  const fromEnv = text(env, 'PGHOST')?.split(',') ?? [];
  const named = address.hosts.length > 0 ? address.hosts : fromEnv.filter((host) => host !== '');
  // One for all, or one for each.
  const ports = parameters.text('port')?.split(',') ?? [];
  return (named.length > 0 ? named : ['']).map((place, i) => {
    const [host, own] = splitPort(place);
    const port = own || ports[ports.length === 1 ? 0 : i] || String(DEFAULT_PORT);
    if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
      // Of `user:password` without a host the port is the password.
      const received = /^\d+$/.test(port) ? port : 'something that is no number';
      throw refuse(
        own ? 'uri (port)' : parameters.nameOf('port'),
        received,
        'a port from 1 to 65535, one for all hosts or one for each',
      );
    }
    if (/[\s\\]/.test(host)) throw refuse('uri (host)', quote(host), 'a name, an address or the folder of a socket');
    return { host: host || usualHost(), port: Number(port) };
  });
}

function usualHost(): string {
  return existsSync(SOCKET_FOLDER) ? SOCKET_FOLDER : 'localhost';
}

/** Colons in plain IPv6 addresses and in a socket's folder lead to no port. */
function splitPort(place: string): [host: string, port: string | undefined] {
  const [, bracketed, plain, port] = /^(?:\[(.+)\]|([^:/]*))(?::([^:]*))?$/.exec(place) ?? [];
  return [bracketed ?? plain ?? place, port];
}

function defaultPasswordFile(env: Environment): string {
  const appData = process.platform === 'win32' ? text(env, 'APPDATA') : undefined;
  return appData === undefined ? inHome(env, '.pgpass') : join(appData, 'postgresql', 'pgpass.conf');
}

/** libpq: 0 is for ever, and 1 is as good as 2. */
function connectSeconds(parameters: Parameters): number {
  const seconds = parameters.integer('connect_timeout', CONNECT_SECONDS, 0, MOST_SECONDS);
  return seconds === 1 ? 2 : seconds;
}

/** What can't be chosen, and may be said if it says what is done anyway. */
function checkFixed(parameters: Parameters): void {
  parameters.oneOf('target_session_attrs', 'any', ['any', 'read-write', 'primary']);
  parameters.oneOf('gssencmode', 'disable', ['disable', 'prefer']);
  const encoding = parameters.text('client_encoding');
  if (encoding !== undefined && !/^(?:utf-?8|unicode|auto)$/i.test(encoding)) {
    throw refuse(parameters.nameOf('client_encoding'), quote(encoding), "'utf8': headrace speaks nothing else");
  }
}

function tlsOf(parameters: Parameters, hosts: readonly PostgresHost[], env: Environment, cwd: string): PostgresTls {
  const rootPath = parameters.path('sslrootcert', cwd, env);
  const isSystem = parameters.text('sslrootcert') === 'system';
  const mode = parameters.oneOf('sslmode', isSystem ? 'verify-full' : 'prefer', MODES);
  if (isSystem && mode !== 'verify-full') {
    throw refuse(
      parameters.nameOf('sslmode'),
      quote(mode),
      "'verify-full', as sslrootcert=system trusts every authority there is",
    );
  }
  // libpq: sockets of this machine have no TLS.
  const isUsed = mode !== 'disable' && hosts.some(({ host }) => !host.startsWith('/'));
  if (!isUsed) return { mode: 'disable', ca: undefined, clientCertificate: undefined, clientKey: undefined };
  const ca = isSystem ? undefined : certificate(parameters, 'sslrootcert', rootPath, inHome(env, '.postgresql', 'root.crt'));
  if (ca === undefined && !isSystem && mode.startsWith('verify')) {
    throw refuse(
      parameters.nameOf('sslrootcert'),
      'no file of certificates',
      `one, or 'system' for what Node trusts: sslmode=${mode} has to know whom to trust`,
    );
  }
  const clientCertificate = certificate(
    parameters,
    'sslcert',
    parameters.path('sslcert', cwd, env),
    inHome(env, '.postgresql', 'postgresql.crt'),
  );
  const keyPath = parameters.path('sslkey', cwd, env) ?? inHome(env, '.postgresql', 'postgresql.key');
  const clientKey = clientCertificate === undefined ? undefined : privateKey(parameters, keyPath);
  return { mode, ca, clientCertificate, clientKey };
}

/** PEM text of a file that was named, or of the usual one if that is there. */
function certificate(parameters: Parameters, name: string, path: string | undefined, usual: string): string | undefined {
  if (path === undefined && !existsSync(usual)) return undefined;
  return readPem(parameters, name, path ?? usual, 'the path of a file with certificates in PEM form', (pem) => {
    new X509Certificate(pem);
  });
}

function privateKey(parameters: Parameters, path: string): string {
  const expected = 'the path of a file with the private key of sslcert in PEM form, which no passphrase protects';
  return readPem(parameters, 'sslkey', path, expected, (pem) => {
    createPrivateKey(pem);
  });
}

function readPem(parameters: Parameters, name: string, path: string, expected: string, check: (pem: string) => void): string {
  try {
    const pem = readFileSync(path, 'latin1');
    check(pem);
    return pem;
  } catch (error) {
    throw refuse(parameters.nameOf(name), `${quote(path)} (${error instanceof Error ? error.message : String(error)})`, expected);
  }
}

/** A parameter of the URI, else its variable; an empty one counts as not set. */
class Parameters {
  readonly #given: ReadonlyMap<string, string>;
  readonly #env: Environment;

  constructor(given: ReadonlyMap<string, string>, env: Environment) {
    this.#given = given;
    this.#env = env;
  }

  text(name: string): string | undefined {
    const variable = PARAMETERS[name];
    return this.#given.get(name) || (variable === undefined ? undefined : text(this.#env, variable));
  }

  path(name: string, cwd: string, env: Environment): string | undefined {
    const value = this.text(name);
    return value === undefined ? undefined : resolve(cwd, expandHome(env, value));
  }

  oneOf<const T extends string>(name: string, fallback: T, choices: readonly T[]): T {
    const value = this.text(name) ?? fallback;
    const choice = choices.find((each) => each === value);
    if (choice === undefined) throw refuse(this.nameOf(name), quote(value), choices.map((each) => `'${each}'`).join(' or '));
    return choice;
  }

  integer(name: string, fallback: number, least: number, most: number): number {
    const value = this.text(name);
    if (value === undefined) return fallback;
    const amount = /^\s*\d+\s*$/.test(value) ? Number(value) : Number.NaN;
    if (amount >= least && amount <= most) return amount;
    throw refuse(this.nameOf(name), quote(value), `a whole number from ${least} to ${most}`);
  }

  /** Who said it, for a message. */
  nameOf(name: string): string {
    const variable = PARAMETERS[name];
    const isFromVariable = !this.#given.get(name) && variable !== undefined && text(this.#env, variable) !== undefined;
    return isFromVariable ? variable : `uri (${name})`;
  }
}

function refuse(option: string, received: string, expected: string): OptionError {
  return new OptionError({ option, received, expected });
}
