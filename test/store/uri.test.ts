import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OptionError } from '../../src/errors.js';
import { parseStoreUri, type SqliteLocation, type StoreLocation } from '../../src/store/uri.js';

const cwd = resolve('/data/project');

/** A home folder without files, and no variables besides. */
const NOTHING = { HOME: resolve('/nowhere'), USERPROFILE: resolve('/nowhere') };

function located(uri: string, from: string = cwd): StoreLocation {
  return parseStoreUri(uri, from, NOTHING);
}

function file(uri: string, from?: string): SqliteLocation {
  const location = located(uri, from);
  if (location.kind !== 'sqlite') throw new Error(`${uri} is no file`);
  return location;
}

function refused(uri: string): OptionError {
  try {
    parseStoreUri(uri, cwd, NOTHING);
  } catch (error) {
    if (error instanceof OptionError) return error;
    throw error;
  }
  throw new Error(`${uri} should have been refused`);
}

describe('SQLite', () => {
  test.each([
    ['sqlite:///mlflow.db', join(cwd, 'mlflow.db')],
    ['sqlite:///runs/a.db', join(cwd, 'runs', 'a.db')],
    ['sqlite:///../up.db', resolve(cwd, '../up.db')],
    ['sqlite:////data/mlflow.db', resolve('/data/mlflow.db')],
    ['sqlite:////data/./x/../mlflow.db', resolve('/data/mlflow.db')],
    ['sqlite+pysqlite:///mlflow.db', join(cwd, 'mlflow.db')],
    ['sqlite:///mlflow.db?timeout=20&check_same_thread=false', join(cwd, 'mlflow.db')],
    ['sqlite:///mlflow.db?uri=false', join(cwd, 'mlflow.db')],
    ['sqlite:///', undefined],
  ])('%s is the file that MLflow opens', (uri, path) => {
    if (path === undefined) expect(refused(uri)).toBeInstanceOf(OptionError);
    else expect(file(uri)).toEqual({ kind: 'sqlite', path, display: `sqlite:///${path}` });
  });

  test.each([
    ['a%20b.db', 'a%20b.db'],
    ['100%.db', '100%.db'],
    ['a#b.db', 'a#b.db'],
    ['a@b.db', 'a@b.db'],
    ['größe +.db', 'größe +.db'],
  ])('SQLAlchemy decodes nothing in a path: %s is the name of the file', (name, found) => {
    expect(file(`sqlite:///${name}`).path).toBe(join(cwd, found));
  });

  test('its display opens the same file from any folder', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z#@%. ]{0,8}[a-z]\.db$/), (name) => {
        const location = file(`sqlite:///${name}`);
        expect(file(location.display, resolve('/elsewhere'))).toEqual(location);
      }),
    );
  });

  test.each(['sqlite://', 'sqlite:', 'sqlite:///', 'sqlite:///:memory:', 'sqlite://:memory:', 'sqlite:///?x=1'])(
    '%s is in memory, where MLflow could not see it',
    (uri) => {
      expect(refused(uri).message).toContain('in memory');
    },
  );

  test.each([
    ['sqlite://mlflow.db', 'sqlite:///mlflow.db'],
    ['sqlite:mlflow.db', 'sqlite:///mlflow.db'],
    ['sqlite:/data/mlflow.db', 'sqlite:////data/mlflow.db'],
  ])('%s has too few slashes, and the error spells it right', (uri, right) => {
    expect(refused(uri).message).toContain(`perhaps "${right}"`);
  });

  test.each([
    'sqlite:///a.db ',
    'sqlite:///a.db\n',
    'sqlite:///a\0.db',
    'sqlite:///file:a.db?mode=ro&uri=true',
    'SQLITE:///a.db',
    'sqlite+pysqlcipher:///a.db',
  ])('%j is refused rather than opened as another file than MLflow’s', (uri) => {
    expect(refused(uri)).toMatchObject({ code: 'HEADRACE_OPTION', option: 'uri' });
  });
});

describe('a server', () => {
  test.each([
    ['http://localhost:5000', 'http://localhost:5000'],
    ['http://localhost:5000/', 'http://localhost:5000'],
    ['HTTPS://MLflow.example:443//', 'https://mlflow.example'],
    ['https://mlflow.example/team/a%20b//', 'https://mlflow.example/team/a%20b'],
    ['http://[::1]:5000', 'http://[::1]:5000'],
    [' http://localhost:5000\n', 'http://localhost:5000'],
    ['https://ada:s3cret@mlflow.example/x', 'https://mlflow.example/x'],
    ['https://ada@mlflow.example', 'https://mlflow.example'],
  ])('%j is reached at another address than it says', (uri, url) => {
    const location = located(uri);
    expect(location).toMatchObject({ kind: 'server', display: url, uri: url });
    if (location.kind === 'server') expect(location.server.url).toBe(url);
  });

  test.each([
    ['http:localhost:5000', 'two slashes'],
    ['http:/localhost:5000', 'two slashes'],
    ['http://', 'with a host'],
    ['http:///path', 'with a host'],
    ['http://host:port', 'a port'],
    ['http://host:70000', 'a port'],
    ['http://local host', 'no white space'],
    ['http://host/a\\b', 'no backslash'],
    ['http://host/a\nb', 'no white space'],
    ['http://host?x=1', 'without a query'],
    ['http://host/#x', 'without a query'],
    ['http://host/a@b', 'user and password before the host'],
    ['databricks:', 'databricks://profile'],
    ['databricks://', 'databricks://profile'],
    ['databricks:/profile', 'databricks://profile'],
    ['databricks://scope:key', 'secret scopes'],
    ['databricks://a b', 'white space'],
    ['databricks-uc', 'Unity Catalog'],
    ['databricks-uc://profile', 'Unity Catalog'],
    ['uc:http://localhost:8080', 'Unity Catalog'],
  ])('%j is taken for an address that it is not', (uri, hint) => {
    const error = refused(uri);
    expect(error.option).toBe('uri');
    expect(error.message).toContain(hint);
  });
});

test('offline is a place like others', () => {
  expect(located('offline')).toEqual({ kind: 'offline', display: 'offline' });
});

describe('anything else is refused and told what is served', () => {
  test.each([
    ['./mlruns', 'sqlite:///mlruns/mlflow.db'],
    ['mlflow.db', 'sqlite:///mlflow.db'],
    ['/data/mlflow.db', 'sqlite:////data/mlflow.db'],
    ['C:\\data\\mlflow.db', 'sqlite:///C:\\\\data\\\\mlflow.db'],
    ['file:///data/mlruns', 'file store'],
    ['mysql://host/db', 'no other database'],
    ['mssql+pyodbc://host/db', 'no other database'],
    ['localhost:5000', 'perhaps "http://localhost:5000"'],
    ['mlflow.example:5000/prefix', 'perhaps "http://mlflow.example:5000/prefix"'],
    ['redis://host', 'no other database'],
    ['', 'a SQLite file'],
    ['  ', 'a SQLite file'],
    ['Offline', 'or offline'],
  ])('%j', (uri, hint) => {
    const error = refused(uri);
    expect(error.option).toBe('uri');
    expect(error.message).toContain('sqlite:///relative.db');
    expect(error.message).toContain('https://host');
    expect(error.message).toContain('databricks://profile');
    expect(error.message).toContain('postgresql://user@host');
    expect(error.message).toContain(hint);
  });

  test.each([
    'postgresql://ada:s3cret/db',
    'postgresql://ada:12@s3cret@host/db',
    'postgresql://ada:s3cret',
    'mysql+pymysql://ada:p@s3cret/x@host/db?ssl=1',
    'https://ada:s3cret@mlflow.example/path?x=1',
    'https://ada:12/s3cret@mlflow.example',
    'https://ada:#s3cret@mlflow.example',
    'https://ada:s3 cret@mlflow.example',
    'https://ada:s3cret@',
    'https://ada:s3cret',
    'http:ada:s3cret',
    ' https:ada:s3cret@host',
    'https://mlflow.example/?token=s3cret',
    'https://mlflow.example/#s3cret',
    'sqlite://ada:s3cret@/mlflow.db',
    'sqlite+pysqlcipher://:s3cret@/mlflow.db',
    'sqlite:///a.db?uri=true&key=s3cret',
    'databricks://s3cret:scope@profile',
    'ada:s3cret@host/db',
  ])('the password of %s is in no part of the error', (uri) => {
    const error = refused(uri);
    expect(`${error.message} ${JSON.stringify(error)} ${error.stack}`).not.toMatch(/s3 ?cret/);
  });
});
