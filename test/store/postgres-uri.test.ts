import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OptionError } from '../../src/errors.js';
import { describeHome, journalHome } from '../../src/journal/home.js';
import { type PostgresLocation, parseStoreUri } from '../../src/store/uri.js';
import { contents } from '../cli/journals.js';
import { newFolder } from './place.js';

/** A home folder without files, and no variables besides. */
const NOTHING = { HOME: '/nowhere', USERPROFILE: '/nowhere', LOGNAME: 'me' };

function located(uri: string, env: Readonly<Record<string, string>> = {}, cwd = '/data/project'): PostgresLocation {
  const location = parseStoreUri(uri, cwd, { ...NOTHING, ...env });
  if (location.kind !== 'postgres') throw new Error(`${uri} is no PostgreSQL`);
  return location;
}

function refused(uri: string, env: Readonly<Record<string, string>> = {}): OptionError {
  try {
    located(uri, env);
  } catch (error) {
    if (error instanceof OptionError) return error;
    throw error;
  }
  throw new Error(`${uri} should have been refused`);
}

/** user, password, hosts with ports, database */
function place(uri: string, env?: Readonly<Record<string, string>>): unknown[] {
  const { user, hosts, database } = located(uri, env).postgres;
  return [user, hosts[0]?.password, hosts.map(({ host, port }) => `${host}:${port}`).join(' '), database];
}

describe('a URI leads to the database that libpq and SQLAlchemy find by it', () => {
  test.each<[string, unknown[]]>([
    ['postgresql://ada:pw@db.example:5433/mlflow', ['ada', 'pw', 'db.example:5433', 'mlflow']],
    ['postgres://ada@db.example/mlflow', ['ada', undefined, 'db.example:5432', 'mlflow']],
    ['postgresql+psycopg2://ada:pw@db.example/mlflow', ['ada', 'pw', 'db.example:5432', 'mlflow']],
    ['postgresql+psycopg://ada:p%40%2F%25@h/d', ['ada', 'p@/%', 'h:5432', 'd']],
    ['postgresql://ada:pa/ss:word@h/d', ['ada', 'pa/ss:word', 'h:5432', 'd']],
    ['postgresql://a%20b@h/d%20e', ['a b', undefined, 'h:5432', 'd e']],
    ['postgresql://ada@[::1]:5433/d', ['ada', undefined, '::1:5433', 'd']],
    ['postgresql://ada@a:1,b:2,c/d', ['ada', undefined, 'a:1 b:2 c:5432', 'd']],
    ['postgresql://ada@/d?host=/var/run/pg&port=5433', ['ada', undefined, '/var/run/pg:5433', 'd']],
    ['postgresql://ada@/d?host=a:1&host=b:2', ['ada', undefined, 'a:1 b:2', 'd']],
    ['postgresql://ada@/d?host=a,b&port=1,2', ['ada', undefined, 'a:1 b:2', 'd']],
    ['postgresql://h', ['me', undefined, 'h:5432', 'me']],
    ['postgresql://h?user=eve&password=pw&dbname=d', ['eve', 'pw', 'h:5432', 'd']],
    [' postgresql://ada@h/d\n', ['ada', undefined, 'h:5432', 'd']],
  ])('%s', (uri, expected) => {
    expect(place(uri)).toEqual(expected);
  });

  test('what the URI leaves out comes from the PG variables, and what it says wins over them', () => {
    const env = { PGHOST: 'other', PGPORT: '5444', PGUSER: 'eve', PGPASSWORD: 'secret', PGDATABASE: 'runs' };
    expect(place('postgresql://', env)).toEqual(['eve', 'secret', 'other:5444', 'runs']);
    expect(place('postgresql://ada:pw@h:1/d', env)).toEqual(['ada', 'pw', 'h:1', 'd']);
    expect(
      located('postgresql://h?application_name=train&connect_timeout=3', { PGAPPNAME: 'x', PGCONNECT_TIMEOUT: '9' }).postgres,
    ).toMatchObject({
      applicationName: 'train',
      connectTimeoutMs: 3000,
    });
  });

  test('by default it connects for ten seconds, to four connections of a worker, and asks after half a minute of silence', () => {
    expect(located('postgresql://h').postgres).toMatchObject({
      connectTimeoutMs: 10_000,
      poolSize: 4,
      keepAliveMs: 30_000,
      namedStatements: true,
      applicationName: 'headrace',
      tls: { mode: 'prefer' },
    });
    expect(located('postgresql://h?prepared=false&pool_size=9&keepalives=0').postgres).toMatchObject({
      namedStatements: false,
      poolSize: 9,
      keepAliveMs: undefined,
    });
  });
});

describe('what can’t be is refused, by name', () => {
  test.each<[string, Readonly<Record<string, string>>, string, string]>([
    ['postgresql:h/d', {}, 'uri', 'two slashes'],
    ['postgresql://a@b@h/d', {}, 'uri', '%40'],
    ['postgresql://a:%zz@h/d', {}, 'uri', '%25'],
    ['postgresql://h:port/d', {}, 'uri (port)', 'a port from 1 to 65535'],
    ['postgresql://h/d?sslmode=maybe', {}, 'uri (sslmode)', 'verify-full'],
    ['postgresql://h/d', { PGSSLMODE: 'maybe' }, 'PGSSLMODE', 'verify-full'],
    ['postgresql://h/d', { PGPORT: '0' }, 'PGPORT', 'a port'],
    ['postgresql://h/d?poolsize=3', {}, 'uri (poolsize)', 'pool_size'],
    ['postgresql://h/d?pool_size=0', {}, 'uri (pool_size)', 'from 1 to 100'],
    ['postgresql://h/d?client_encoding=latin1', {}, 'uri (client_encoding)', 'utf8'],
    ['postgresql://h/d?sslmode=verify-full', {}, 'uri (sslrootcert)', 'whom to trust'],
    ['postgresql://h/d?sslmode=require&sslrootcert=/no/such', {}, 'uri (sslrootcert)', 'PEM'],
    ['postgresql://h/d', { PGSERVICE: 'prod' }, 'PGSERVICE', 'no service file'],
  ])('%s %j', (uri, env, option, hint) => {
    const error = refused(uri, env);
    expect(error.option).toBe(option);
    expect(error.message).toContain(hint);
  });
});

describe('a password', () => {
  const URI = 'postgresql://ada:s3cret@db.example:5433/mlflow?sslmode=disable';

  test('is seen in a display, a uri, a print or a journal’s folder', () => {
    const location = located(URI);
    const dir = newFolder();
    describeHome(journalHome(dir, location), location);
    const { display, uri } = location;
    expect([display, uri]).toEqual([
      'postgresql://ada@db.example:5433/mlflow',
      'postgresql://ada@db.example:5433/mlflow?sslmode=disable',
    ]);
    const seen = [inspect(location, { depth: 9 }), JSON.stringify(location), ...Object.entries(contents(dir)).flat()].map(String);
    expect(seen.filter((text) => text.includes('s3cret'))).toEqual([]);
    expect(seen.join()).toContain('db.example');
  });

  test('does not cross to another thread with the rest', () => {
    expect(structuredClone(located(URI).postgres).hosts[0]?.password).toBe('s3cret');
  });

  test.each([
    'postgresql://ada:s3cret@h:port/d',
    'postgresql://ada:s3%cret@h/d',
    'postgresql://ada:s3cret@x@h/d',
    'postgresql:ada:s3cret@h/d',
  ])('of %s is in the error that refuses it', (uri) => {
    const error = refused(uri);
    expect(`${error.message} ${JSON.stringify(error)} ${error.stack}`).not.toMatch(/s3%?cret/);
  });

  test('is found in the file of passwords by host, port, database and user, in its first line that fits', () => {
    const home = newFolder();
    const file = join(home, '.pgpass');
    writeFileSync(file, '# a comment\nh:5432:d:eve:wrong\nh:*:d:ada:sl\\:ash\\\\es\n*:*:*:*:any\nlocalhost:*:*:*:socket\n', {
      mode: 0o600,
    });
    const at = (uri: string, env = {}): unknown => place(uri, { HOME: home, USERPROFILE: home, ...env })[1];
    expect(at('postgresql://ada@h/d')).toBe('sl:ash\\es');
    expect(at('postgresql://ada@g/d')).toBe('any');
    expect(at('postgresql://ada:given@h/d')).toBe('given');
    expect(at('postgresql://ada@h/d', { PGPASSWORD: 'env' })).toBe('env');
    expect(at('postgresql://ada@h/d', { PGPASSFILE: join(home, 'none') })).toBeUndefined();
    const { hosts } = located('postgresql://ada@h,g/d', { HOME: home, USERPROFILE: home }).postgres;
    expect(hosts.map(({ password }) => password)).toEqual(['sl:ash\\es', 'any']);
  });

  test.skipIf(process.platform === 'win32')('is taken from a file that others may read', () => {
    const home = newFolder();
    writeFileSync(join(home, '.pgpass'), '*:*:*:*:open\n');
    chmodSync(join(home, '.pgpass'), 0o644);
    expect(place('postgresql://ada@h/d', { HOME: home })[1]).toBeUndefined();
  });
});

test('its uri leads to the same place from any folder and environment', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).filter((value) => !value.includes('\0'));
  const host = fc.oneof(fc.stringMatching(/^[a-z][a-z0-9.-]{0,8}$/), fc.constantFrom('::1', '10.0.0.1'));
  const address = fc.record({ host, port: fc.integer({ min: 1, max: 65_535 }) });
  fc.assert(
    fc.property(text, text, text, fc.array(address, { minLength: 1, maxLength: 3 }), (user, password, database, hosts) => {
      const authority = hosts.map((each) => `${each.host.includes(':') ? `[${each.host}]` : each.host}:${each.port}`).join(',');
      const uri = `postgresql+psycopg2://${[user, password].map(encodeURIComponent).join(':')}@${authority}/${encodeURIComponent(database)}`;
      const location = located(uri);
      expect(location.postgres).toMatchObject({ user, database });
      const again = located(location.uri, { PGPASSWORD: password, PGHOST: 'x', PGPORT: '7', PGDATABASE: 'y' }, '/elsewhere');
      expect(again.uri).toBe(location.uri);
      expect({ ...again.postgres }).toEqual({ ...location.postgres });
    }),
  );
});

test('files that the uri names are found from another folder', () => {
  const folder = newFolder();
  mkdirSync(join(folder, 'certs'));
  expect(located('postgresql://h/d?passfile=certs/pass', {}, folder).uri).toBe(
    `postgresql://me@h:5432/d?passfile=${folder}/certs/pass`,
  );
});
