import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { StoreUnavailableError } from '../../src/errors.js';
import { loadDriver } from '../../src/store/sqlite/driver.js';
import { runChild } from './child.js';
import { driver, newFolder } from './place.js';

/** A package named better-sqlite3 that fails as a broken installation does. Answers a file to look it up from. */
function installation(version: string, main: string): string {
  const folder = newFolder();
  const root = join(folder, 'node_modules', 'better-sqlite3');
  mkdirSync(join(root, 'lib'), { recursive: true });
  writeFileSync(join(root, 'package.json'), JSON.stringify({ name: 'better-sqlite3', version, main: 'lib/index.js' }));
  writeFileSync(join(root, 'lib', 'index.js'), main);
  writeFileSync(join(root, 'broken.node'), 'not a library');
  return join(folder, 'program.js');
}

function problem(from: string): string {
  try {
    loadDriver('sqlite:///x.db', { only: 'better-sqlite3', from });
  } catch (error) {
    if (error instanceof StoreUnavailableError) return error.message;
    throw error;
  }
  throw new Error('it should not have been usable');
}

test.each([
  ['not installed', () => join(newFolder(), 'program.js'), 'is not installed'],
  [
    'not compiled',
    () => installation('12.11.1', "throw new Error('Could not locate the bindings file. Tried:\\n → build/better_sqlite3.node')"),
    'was not compiled',
  ],
  [
    'compiled for another Node',
    () => installation('12.11.1', "process.dlopen(module, require('node:path').join(__dirname, '../broken.node'))"),
    `compiled for another Node than ${process.versions.node}`,
  ],
  ['broken', () => installation('12.11.1', "throw new Error('first\\nsecond')"), "can't be loaded (first)"],
])('better-sqlite3 that is %s: the error says so and names both remedies', (_case, install, reason) => {
  const message = problem(install());
  expect(message).toContain(reason);
  expect(message).toContain('Node 22.13');
  expect(message).toContain('npm rebuild better-sqlite3');
});

test('better-sqlite3 13 is not loaded where it would end the process', () => {
  const from = installation('13.2.0', "throw new Error('it was loaded')");
  // Its Node-API: there it ends Node 20 with SIGSEGV, newer ones load it.
  expect(problem(from)).toContain(Number(process.versions.napi) < 10 ? '13.2.0 needs Node 22' : 'it was loaded');
});

test('without node:sqlite and told to use it alone, the error names the remedies', () => {
  const has = process.getBuiltinModule('node:sqlite') !== undefined;
  const load = (): unknown => loadDriver('x', { only: 'node:sqlite' });
  if (has) expect(load()).toMatchObject({ name: 'node:sqlite' });
  else expect(load).toThrow(/has no node:sqlite.*Node 22\.13.*npm rebuild/);
});

test('node:sqlite is taken where the running Node has it', () => {
  expect(driver.name).toBe(process.getBuiltinModule('node:sqlite') === undefined ? 'better-sqlite3' : 'node:sqlite');
});

test('named and positional values go together, a row written is counted, one that was there is not', () => {
  const connection = driver.open(':memory:');
  connection.exec('CREATE TABLE t (a TEXT PRIMARY KEY, n REAL, i BIGINT, run TEXT)');
  const insert = connection.prepare('INSERT INTO t (a, n, i, run) VALUES (?,?,?,@run),(?,?,?,@run) ON CONFLICT DO NOTHING');
  expect(insert.run({ run: 'r' }, ['x', 0.5, 2 ** 53 - 1, 'y', 1, -3])).toBe(2);
  expect(insert.run({ run: 'r' }, ['x', 1, 1, 'z', 1, 1])).toBe(1);
  expect(connection.prepare("SELECT a, n, i, typeof(i) AS kind, run FROM t WHERE a = 'x'").get({}, [])).toEqual({
    a: 'x',
    n: 0.5,
    i: 2 ** 53 - 1,
    kind: 'integer',
    run: 'r',
  });
  expect(connection.prepare('SELECT a FROM t ORDER BY a').all({}, [])).toHaveLength(3);
  expect(connection.prepare('SELECT a FROM t WHERE a = @run').get({ run: 'none' }, [])).toBeUndefined();
  connection.close();
});

test('Node’s warning about its SQLite is not shown, every other one is', async () => {
  const { code, stderr } = await runChild('warnings').end;
  expect([code, stderr.includes('SQLite is an experimental feature')]).toEqual([0, false]);
  expect(stderr).toContain('ExperimentalWarning: SQLite is not what this is about');
  expect(stderr).toContain('ExperimentalWarning: something else');
});
