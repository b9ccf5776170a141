import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Finding } from '../../src/cli/doctor/finding.js';
import { nodeVersion } from '../../src/cli/doctor/runtime.js';
import { newFolder } from '../journal/folder.js';
import { Served } from '../server/served.js';
import { driver, Place } from '../store/place.js';
import { headrace } from './command.js';
import { begin, contents, homeOf, log, writerIn } from './journals.js';

async function asked(
  folder: string,
  uri: string,
  env = {},
): Promise<{ code: number | null; todo: string; all: string; text: string }> {
  const [json, text] = await Promise.all([
    headrace(folder, ['doctor', '--uri', uri, '--json'], env),
    headrace(folder, ['doctor', '--uri', uri], env),
  ]);
  expect([json.stderr, text.stderr, text.code]).toEqual(['', '', json.code]);
  const findings: readonly Finding[] = JSON.parse(json.stdout);
  const lines = (found: readonly Finding[]): string => found.map(({ what, remedy = '' }) => `${what} -> ${remedy}`).join('\n');
  return {
    code: json.code,
    todo: lines(findings.filter(({ state }) => state === 'todo')),
    all: lines(findings),
    text: text.stdout,
  };
}

describe('a SQLite file', () => {
  test('that is well is complained about, or is changed', async () => {
    const place = new Place();
    await (await place.opened()).close();
    const before = contents(place.folder);
    const { code, todo, all, text } = await asked(place.folder, `sqlite:///${place.path}`);
    expect([code, todo]).toEqual([0, '']);
    expect(all).toMatch(/^Node \d+\..*\nSQLite 3\./m);
    expect(all).toContain("MLflow's schema of revision 0584bdc529eb, which headrace makes");
    expect(text).toMatch(/all is well\n$/);
    expect(contents(place.folder)).toEqual(before);
  });

  test('that does not exist is made, or its missing folder is not noticed', async () => {
    const folder = newFolder();
    expect(await asked(folder, 'sqlite:///new.db')).toMatchObject({
      code: 0,
      todo: '',
      all: expect.stringContaining('does not exist yet'),
    });
    expect(contents(folder)).toEqual({});
    const { code, todo } = await asked(folder, 'sqlite:///gone/new.db');
    expect([code, todo]).toEqual([1, `the folder ${join(folder, 'gone')} does not exist -> mkdir -p ${join(folder, 'gone')}`]);
  });

  test('of another program, or of an MLflow that is too old, or none at all, passes for a good one', async () => {
    const place = new Place();
    writeFileSync(join(place.folder, 'text.db'), 'hello '.repeat(1000));
    expect((await asked(place.folder, 'sqlite:///text.db')).todo).toContain('is not a SQLite database; name another file');
    await (await place.opened()).close();
    place.exec('ALTER TABLE runs DROP COLUMN deleted_time');
    expect((await asked(place.folder, `sqlite:///${place.path}`)).todo).toBe(
      `MLflow's schema of revision 0584bdc529eb lacks runs.deleted_time -> mlflow db upgrade sqlite:///${place.path}`,
    );
  });

  test('that somebody keeps locked passes for a good one', async () => {
    const place = new Place();
    await (await place.opened()).close();
    const other = driver.open(place.path);
    onTestFinished(() => other.close());
    other.exec('BEGIN IMMEDIATE');
    const { code, todo } = await asked(place.folder, `sqlite:///${place.path}`);
    expect(code).toBe(1);
    expect(todo).toMatch(/another process has kept the file locked for 2 s .* -> see who has it open/);
  });
});

describe('a server', () => {
  test('that is well is complained about, or its version is not told', async () => {
    const served = await Served.start();
    const { code, todo, all } = await asked(served.journals, served.fake.url);
    expect([code, todo]).toEqual([0, '']);
    expect(all).toMatch(new RegExp(`${served.fake.url} answers in [\\d,]+ ms, without credentials`));
    expect(all).toContain('MLflow 3.17.2');
    expect(all).toContain('the clocks agree');
  });

  test('that wants other credentials, or is away, or is none, passes for a good one; or a password is shown', async () => {
    const served = await Served.start();
    served.fake.authorization = 'Basic other';
    const uri = served.fake.url.replace('//', '//me:hunter2@');
    const refused = await asked(served.journals, uri);
    expect([refused.code, refused.todo]).toEqual([1, expect.stringMatching(/401 .*check MLFLOW_TRACKING_USERNAME/)]);
    expect(refused.all + refused.text).not.toContain('hunter2');
    const away = await asked(served.journals, 'http://127.0.0.1:9');
    expect([away.code, away.todo]).toEqual([1, expect.stringContaining('ECONNREFUSED')]);
    const wrong = await asked(served.journals, 'http://me:hunter2@example.org/a?b');
    expect([wrong.code, wrong.todo]).toEqual([1, expect.stringContaining('uri: got')]);
    expect(wrong.all + wrong.text).not.toContain('hunter2');
  });

  test('whose clock is an hour off passes for a good one', async () => {
    const served = await Served.start();
    const date = new Date(Date.now() - 3_600_000).toUTCString();
    served.fake.fault({ path: '/version' }, { answer: { body: '3.17.2', headers: { date } } }, 2);
    const { code, todo } = await asked(served.journals, served.fake.url);
    expect(code).toBe(1);
    expect(todo).toMatch(/the server's clock is \d+ min behind this machine's -> set the one that is wrong by NTP/);
  });
});

describe('journals', () => {
  test('with records of dead programs are passed over', async () => {
    const folder = newFolder();
    const dir = join(folder, '.headrace');
    const home = homeOf(dir, 'http://127.0.0.1:5000');
    const writer = writerIn(join(home, '20260101T000000-1-00000000'));
    log(writer, begin(writer, 'a'.repeat(32)), 2, 500);
    writer.close();
    const { code, todo } = await asked(folder, 'sqlite:///new.db');
    expect(code).toBe(1);
    expect(todo).toBe(
      `500 records of 1 run for http://127.0.0.1:5000 are left by programs that have ended -> headrace sync ${home}`,
    );
    expect((await asked(folder, 'sqlite:///new.db', { HEADRACE_DIR: 'elsewhere' })).code).toBe(0);
  });

  test('that have no folder to be in are passed over', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, '.headrace'), '');
    const { code, todo } = await asked(folder, 'sqlite:///new.db');
    expect(code).toBe(1);
    expect(todo).toContain(
      `${join(folder, '.headrace')} is not a folder -> name another for journals (HEADRACE_DIR), or move it away`,
    );
  });
});

test.each([
  ['20.18.9', 'todo'],
  ['20.19.0', 'ok'],
  ['18.20.0', 'todo'],
  ['22.0.0', 'ok'],
])('Node %s is taken for what it is not', (version, state) => {
  expect(nodeVersion(version).state).toBe(state);
});
