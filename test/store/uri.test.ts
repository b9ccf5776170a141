import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OptionError } from '../../src/errors.js';
import { parseStoreUri } from '../../src/store/uri.js';

const cwd = resolve('/data/project');

function refused(uri: string): OptionError {
  try {
    parseStoreUri(uri, cwd);
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
    else expect(parseStoreUri(uri, cwd)).toEqual({ kind: 'sqlite', path, display: `sqlite:///${path}` });
  });

  test.each([
    ['a%20b.db', 'a%20b.db'],
    ['100%.db', '100%.db'],
    ['a#b.db', 'a#b.db'],
    ['a@b.db', 'a@b.db'],
    ['größe +.db', 'größe +.db'],
  ])('SQLAlchemy decodes nothing in a path: %s is the name of the file', (name, file) => {
    expect(parseStoreUri(`sqlite:///${name}`, cwd).path).toBe(join(cwd, file));
  });

  test('its display opens the same file from any folder', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z#@%. ]{0,8}[a-z]\.db$/), (name) => {
        const location = parseStoreUri(`sqlite:///${name}`, cwd);
        expect(parseStoreUri(location.display, resolve('/elsewhere'))).toEqual(location);
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

describe('anything else is refused and told what is served', () => {
  test.each([
    ['./mlruns', 'sqlite:///mlruns/mlflow.db'],
    ['mlflow.db', 'sqlite:///mlflow.db'],
    ['/data/mlflow.db', 'sqlite:////data/mlflow.db'],
    ['C:\\data\\mlflow.db', 'sqlite:///C:\\\\data\\\\mlflow.db'],
    ['file:///data/mlruns', 'file store'],
    ['mysql://host/db', 'no other database'],
    ['mssql+pyodbc://host/db', 'no other database'],
    ['postgresql://host/db', 'no other database'],
    ['databricks', 'Databricks'],
    ['databricks://profile', 'Databricks'],
    ['http://localhost:5000', "doesn't serve a tracking server yet"],
    ['https://mlflow.example', "doesn't serve a tracking server yet"],
    ['', 'a SQLite file'],
    ['  ', 'a SQLite file'],
  ])('%j', (uri, hint) => {
    const error = refused(uri);
    expect(error.option).toBe('uri');
    expect(error.message).toContain('sqlite:///relative.db');
    expect(error.message).toContain(hint);
  });

  test.each([
    'postgresql://ada:s3cret@host/db',
    'postgresql://ada:s3cret',
    'mysql+pymysql://ada:p@s3cret/x@host/db?ssl=1',
    'https://ada:s3cret@mlflow.example/path',
    'https://mlflow.example/?token=s3cret',
    'sqlite://ada:s3cret@/mlflow.db',
    'sqlite+pysqlcipher://:s3cret@/mlflow.db',
    'sqlite:///a.db?uri=true&key=s3cret',
    'databricks://s3cret:scope@profile',
    'ada:s3cret@host/db',
  ])('the password of %s is in no part of the error', (uri) => {
    const error = refused(uri);
    expect(`${error.message} ${JSON.stringify(error)} ${error.stack}`).not.toContain('s3cret');
  });
});
