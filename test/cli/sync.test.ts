/** Journals that are sent by `headrace sync` to a server in the test's own process. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { OwnerLock } from '../../src/journal/owner-lock.js';
import { newFolder } from '../journal/folder.js';
import type { HeldRun } from '../server/mlflow-state.js';
import { Served } from '../server/served.js';
import { newRun } from '../store/calls.js';
import { Place } from '../store/place.js';
import { until } from '../tracker/waiting.js';
import { Called, headrace } from './command.js';
import { begin, homeOf, log, writerIn } from './journals.js';

const [FIRST, SECOND] = ['a'.repeat(32), 'b'.repeat(32)];

/** Two runs, of which one has an end. */
function leaveTwo(dir: string, uri: string, name = '20260101T000000-1-00000000'): { home: string; folder: string } {
  const home = homeOf(dir, uri);
  const folder = join(home, name);
  const writer = writerIn(folder);
  const request = (id: string): object => ({ ...newRun({ id }), isTagged: true });
  const [first, second] = [begin(writer, FIRST, request(FIRST)), begin(writer, SECOND, request(SECOND))];
  log(writer, first, 2, 500);
  log(writer, second, 2, 20);
  writer.append({ kind: 'ended', run: second, seq: 22, status: 'FINISHED', endTime: 1_700_000_000_500 });
  writer.close();
  return { home, folder };
}

function stored(served: Served): unknown[] {
  return served.fake.state
    .activeRuns()
    .map((run: HeldRun) => [run.tags.get('headrace.run_id'), run.status, run.params.size])
    .sort((one, other) => (String(one[0]) < String(other[0]) ? -1 : 1));
}

const ALL = [
  [FIRST, 'KILLED', 500],
  [SECOND, 'FINISHED', 20],
];

describe('what was left', () => {
  test('by a killed program is not stored, or twice when it is sent again', async () => {
    const served = await Served.start();
    const dir = newFolder();
    const { home, folder } = leaveTwo(dir, served.fake.url);
    const { code, stdout } = await headrace(dir, ['sync', dir]);
    expect([code, stdout]).toEqual([0, `${served.fake.url}: 520 records of 2 runs stored\n`]);
    expect(stored(served)).toEqual(ALL);
    expect([existsSync(folder), existsSync(home)]).toEqual([false, true]);
    expect(await headrace(dir, ['sync', dir])).toEqual({ code: 0, stdout: `nothing to send in ${dir}\n`, stderr: '' });
    expect(stored(served)).toEqual(ALL);
  });

  test('by a program that logged offline goes nowhere, or not where it is told to', async () => {
    const served = await Served.start();
    const dir = newFolder();
    const { home } = leaveTwo(dir, 'offline');
    const lost = await headrace(dir, ['sync', dir]);
    expect([lost.code, lost.stdout]).toEqual([1, '']);
    expect(lost.stderr).toMatch(/offline-\w+: it was logged offline; name the store to send it to with --uri\n$/);
    // Neither of them is meant for who says where it is to go.
    const env = { HEADRACE_OFFLINE: '1', HEADRACE_DISABLED: '1' };
    expect(await headrace(dir, ['sync', home, '--uri', served.fake.url], env)).toMatchObject({ code: 0 });
    expect(stored(served)).toEqual(ALL);
  });

  test('for a file is not in the file', async () => {
    const place = new Place();
    const dir = newFolder();
    leaveTwo(dir, `sqlite:///${place.path}`);
    expect(await headrace(dir, ['sync'], { HEADRACE_DIR: dir })).toMatchObject({ code: 0, stderr: expect.any(String) });
    const counts = 'SELECT status, count(*) AS n FROM runs JOIN params USING (run_uuid) GROUP BY run_uuid ORDER BY run_uuid';
    expect(place.rows(counts)).toEqual([
      { status: 'KILLED', n: 500 },
      { status: 'FINISHED', n: 20 },
    ]);
  });

  test('and is refused for good passes in silence', async () => {
    const served = await Served.start();
    const dir = newFolder();
    const { home } = leaveTwo(dir, served.fake.url);
    served.fake.afterApplying({ path: 'runs/create', body: SECOND }, () => {
      for (const run of served.fake.state.runs.values()) {
        if (run.tags.get('headrace.run_id') === SECOND) run.params.set('p3', 'other');
      }
    });
    const { code, stdout } = await headrace(dir, ['sync', home]);
    expect(code).toBe(1);
    expect(stdout).toContain('519 records of 2 runs stored, 1 record refused for good (headrace journal tells why)');
    expect((await headrace(dir, ['journal', home])).stdout).toContain(`run ${SECOND}: 1 HEADRACE_PARAM_CONFLICT`);
    expect(stored(served)).toEqual(ALL);
  });
});

describe('a sync', () => {
  test('that finds no server hangs for ever, or loses what it could not send', async () => {
    const served = await Served.start();
    const dir = newFolder();
    const { folder } = leaveTwo(dir, served.fake.url);
    await served.fake.goDown();
    const away = await headrace(dir, ['sync', dir, '--wait', '0.2']);
    expect([away.code, existsSync(folder)]).toEqual([1, true]);
    expect(away.stdout).toContain('520 records left');
    expect(away.stderr).toContain('ECONNREFUSED');
    expect(away.stderr).toContain('has taken nothing for 0.2 s');
    await served.fake.comeBack();
    expect(await headrace(dir, ['sync', dir])).toMatchObject({ code: 0 });
    expect(stored(served)).toEqual(ALL);
  });

  test.each(['SIGKILL', 'SIGINT'] as const)('that is ended half-way by %s does more than half again', async (signal) => {
    const served = await Served.start();
    const dir = newFolder();
    leaveTwo(dir, served.fake.url);
    const fault = served.fake.fault({ path: 'runs/log-batch', body: 'p300' }, { hang: 'after applying' }, 3);
    const sync = new Called(dir, ['sync', dir]);
    await until('a batch on its way', () => fault.fired > 0);
    sync.child.kill(signal);
    expect([(await sync.ended).code, sync.child.signalCode]).toEqual([null, signal]);
    fault.stop();
    expect(await headrace(dir, ['sync', dir])).toMatchObject({ code: 0 });
    expect(stored(served)).toEqual(ALL);
    expect(served.fake.state.runs.size).toBe(2);
  });

  test('beside another one sends something twice, or fails', async () => {
    const served = await Served.start();
    served.fake.delayMs = 20;
    const dir = newFolder();
    for (let i = 0; i < 3; i++) {
      const writer = writerIn(join(homeOf(dir, served.fake.url), `journal-${i}`));
      const id = `${i}`.repeat(32);
      log(writer, begin(writer, id, { ...newRun({ id }), isTagged: true }), 2, 300);
      writer.close();
    }
    const both = await Promise.all([headrace(dir, ['sync', dir]), headrace(dir, ['sync', dir])]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(stored(served)).toEqual([0, 1, 2].map((i) => [`${i}`.repeat(32), 'KILLED', 300]));
    expect(served.fake.state.runs.size).toBe(3);
  });

  test('takes a journal from the program that writes it', async () => {
    const served = await Served.start();
    const dir = newFolder();
    const { folder } = leaveTwo(dir, served.fake.url);
    const lock = OwnerLock.acquire(folder, { holder: 'lane 0' });
    onTestFinished(() => lock?.release());
    const { code, stdout } = await headrace(dir, ['sync', dir]);
    expect([code, stdout]).toEqual([0, expect.stringContaining('1 journal left to programs that are running')]);
    expect([served.fake.state.runs.size, existsSync(folder)]).toEqual([0, true]);
  });

  test('of one store that can’t be reached keeps another from being sent', async () => {
    const served = await Served.start();
    const dir = newFolder();
    leaveTwo(dir, 'http://127.0.0.1:9');
    leaveTwo(dir, served.fake.url);
    const odd = join(dir, 'moved', 'journal');
    mkdirSync(odd, { recursive: true });
    writeFileSync(join(odd, 'landed.journal'), '');
    const { code, stderr } = await headrace(dir, ['sync', dir, '--wait', '0']);
    expect([code, stored(served)]).toEqual([1, ALL]);
    expect(stderr).toMatch(/moved: it does not say which store it is for; name it with --uri/);
  });
});

describe('a command line of sync', () => {
  test.each([
    [['--wait', 'soon'], '--wait is a number of seconds, got "soon"'],
    [['--wait', '-1'], '--wait'],
    [['--url', 'http://host'], 'Did you mean --uri?'],
  ])('%j is done rather than refused as misuse', async (args, hint) => {
    const { code, stderr } = await headrace(newFolder(), ['sync', ...args]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(hint)]);
  });

  test('sends the runs of several stores to one', async () => {
    const dir = newFolder();
    const homes = ['http://127.0.0.1:9', 'offline'].map((uri) => leaveTwo(dir, uri).home);
    const { code, stderr } = await headrace(dir, ['sync', dir, '--uri', 'http://127.0.0.1:9']);
    expect(code).toBe(2);
    for (const home of homes) expect(stderr).toContain(home);
  });

  test('sends to a uri that is not served', async () => {
    const dir = newFolder();
    const { folder } = leaveTwo(dir, 'offline');
    const { code, stderr } = await headrace(dir, ['sync', dir, '--uri', 'mysql://ada:s3cret@host/db']);
    expect([code, existsSync(folder)]).toEqual([1, true]);
    expect(stderr).toContain('uri: got');
    expect(stderr).not.toContain('s3cret');
  });

  test('follows a Databricks profile to another workspace than the program’s', async () => {
    const dir = newFolder();
    const home = join(dir, 'w.example-00000000');
    leaveTwo(dir, 'offline', 'one');
    const writer = writerIn(join(home, 'one'));
    begin(writer, FIRST);
    writer.close();
    writeFileSync(join(home, 'store.json'), '{"uri":"databricks"}');
    const env = { DATABRICKS_HOST: 'https://other.example', DATABRICKS_TOKEN: 'dapi5ecret', HOME: dir };
    const { code, stderr } = await headrace(dir, ['sync', home], env);
    expect([code, stderr]).toEqual([1, expect.stringContaining('databricks leads to https://other.example now')]);
    expect(stderr).not.toContain('5ecret');
  });
});
