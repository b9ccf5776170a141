/** Commands that run as runs: real processes, signals for real. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { newFolder } from '../journal/folder.js';
import { Served } from '../server/served.js';
import { until } from '../tracker/waiting.js';
import { Called, headrace, type Said } from './command.js';
import { RunsPlace } from './stored-runs.js';

const INDEX = fileURLToPath(new URL('../../dist/src/index.js', import.meta.url));

/** In the folder, a program of Node's. */
function script(folder: string, name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function exec(place: RunsPlace, options: readonly string[], command: readonly string[], env = {}): Promise<Said> {
  return headrace(place.folder, ['exec', '--uri', place.uri, ...options, '--', ...command], env);
}

const NODE = process.execPath;

describe('how the command ends', () => {
  test.each<[code: number, status: string]>([
    [0, 'FINISHED'],
    [1, 'FAILED'],
    [77, 'FAILED'],
  ])('exit code %i is not the run’s end, or not passed on', async (code, status) => {
    const place = new RunsPlace();
    const said = await exec(
      place,
      ['--name', 'first', '--experiment', 'digits'],
      [NODE, '-e', `console.log('out'); process.exit(${code})`],
    );
    expect([said.code, said.stdout]).toEqual([code, 'out\n']);
    expect(place.only()).toMatchObject({ name: 'first', experiment: 'digits', status, hasEnd: true });
    expect(place.only().tags).toMatchObject({ 'headrace.exit_code': String(code) });
    expect(said.stderr).toBe(`headrace: run first (${place.only().id}) in ${place.uri}\n`);
  });

  test('a command that is not there is a run that finished, or passes as one that failed', async () => {
    const place = new RunsPlace();
    const said = await exec(place, [], ['no-such-program', 'a']);
    expect(said.code).toBe(127);
    expect(said.stderr).toMatch(/headrace: no-such-program: command not found\n$/);
    expect(place.only()).toMatchObject({ status: 'FAILED', hasEnd: true, tags: { 'headrace.exit_code': '127' } });
  });

  test('a file that is no program is taken for one that is not there', async () => {
    const place = new RunsPlace();
    const path = script(place.folder, 'data.bin', 'x');
    const said = await exec(place, [], [path]);
    expect([said.code, place.only().status]).toEqual([126, 'FAILED']);
    expect(said.stderr).toContain(`${path} can't be run`);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s does not reach it, or is lost on the way back', async (signal) => {
    const place = new RunsPlace();
    const ready = join(place.folder, 'ready');
    const wait = `require('fs').writeFileSync(${JSON.stringify(ready)}, ''); setInterval(() => {}, 1000)`;
    const called = new Called(place.folder, ['exec', '--uri', place.uri, '--', NODE, '-e', wait]);
    await until('the command to start', () => existsSync(ready));
    called.child.kill(signal);
    await called.ended;
    expect(called.child.signalCode).toBe(signal);
    const { status, hasEnd, tags } = place.only();
    expect([status, hasEnd]).toEqual(['KILLED', true]);
    expect(tags).toMatchObject({ 'headrace.exit_signal': signal, 'headrace.exit_code': String(128 + constants.signals[signal]) });
  });

  test('a signal that the command answers itself ends it, or a second one is swallowed', async () => {
    const place = new RunsPlace();
    const seen = join(place.folder, 'seen');
    const text = `
      const { writeFileSync } = require('fs');
      let count = 0;
      process.on('SIGINT', () => {
        writeFileSync(${JSON.stringify(seen)}, String(++count));
        if (count === 2) process.exit(3);
      });
      writeFileSync(${JSON.stringify(seen)}, '0');
      setInterval(() => {}, 1000);`;
    const called = new Called(place.folder, ['exec', '--uri', place.uri, '--', NODE, '-e', text]);
    for (const count of ['0', '1']) {
      await until(`signal ${count}`, () => existsSync(seen) && readFileSync(seen, 'utf8') === count);
      called.child.kill('SIGINT');
    }
    expect((await called.ended).code).toBe(3);
    expect(place.only()).toMatchObject({ status: 'FAILED', tags: { 'headrace.exit_code': '3' } });
  });

  test('a crash is taken for an exit', async () => {
    const place = new RunsPlace();
    const said = await exec(place, [], [NODE, '-e', 'process.kill(process.pid, "SIGKILL"); setInterval(() => {}, 1000)']);
    expect(said.code).toBe(137);
    expect(place.only()).toMatchObject({ status: 'KILLED', tags: { 'headrace.exit_signal': 'SIGKILL' } });
  });

  test('Ctrl-C on a terminal counts twice', async () => {
    const place = new RunsPlace();
    const seen = join(place.folder, 'seen');
    const path = script(
      place.folder,
      'count.cjs',
      `const { writeFileSync } = require('fs');
       let count = 0;
       process.on('SIGINT', () => {
         if (++count === 1) setTimeout(() => { writeFileSync(${JSON.stringify(seen)}, String(count)); process.exit(0); }, 500);
       });
       writeFileSync(${JSON.stringify(seen)}, 'ready');
       setInterval(() => {}, 1000);`,
    );
    const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
    const line = [NODE, main, 'exec', '--uri', place.uri, '--', NODE, path].map((word) => `'${word}'`).join(' ');
    // Of util-linux: gives the command a terminal of its own, with our pipe as its keyboard.
    const terminal = spawn('script', ['-qec', line, '/dev/null'], { stdio: ['pipe', 'ignore', 'inherit'], cwd: place.folder });
    onTestFinished(() => void terminal.kill('SIGKILL'));
    const ended = new Promise((resolve) => terminal.on('exit', resolve));
    await until('the command to start', () => existsSync(seen) && readFileSync(seen, 'utf8') === 'ready');
    terminal.stdin.write('\u0003');
    await ended;
    expect(readFileSync(seen, 'utf8')).toBe('1');
    expect(place.only().status).toBe('FINISHED');
  });
});

describe('what is recorded', () => {
  test('a param has another value than was given, or another type', async () => {
    const place = new RunsPlace();
    const file = script(place.folder, 'config.yaml', 'model:\n  name: cnn\n  layers: [64, 32]\nepochs: 10\n');
    const words = [
      'lr=0.01',
      'amsgrad=true',
      'opt={"name":"adam"}',
      'text=a=b',
      'big=12345678901234567890',
      'none=null',
      'empty=',
    ];
    const said = await exec(place, [...words.flatMap((word) => ['--param', word]), '--param-file', file], [NODE, '-e', '0']);
    expect(said.code).toBe(0);
    expect(place.only().params).toEqual({
      'amsgrad': 'true',
      'big': '12345678901234567890',
      'empty': '',
      'epochs': '10',
      'lr': '0.01',
      'model.layers': '[64,32]',
      'model.name': 'cnn',
      'none': 'null',
      'opt.name': 'adam',
      'text': 'a=b',
    }); // biome-ignore format: a table
  });

  test('a param that can’t be stored starts the command all the same', async () => {
    const place = new RunsPlace();
    const said = await exec(place, ['--param', 'a$=1'], [NODE, '-e', 'console.log("started")']);
    expect([said.code, said.stdout, place.only().status]).toEqual([1, '', 'FAILED']);
    expect(said.stderr).toMatch(/^headrace: .*key "a\$" contains "\$"/m);
  });

  test('a param that stands in a file, too, makes a run before anybody notices', async () => {
    const place = new RunsPlace();
    const file = script(place.folder, 'config.json', '{"lr": 1}');
    const said = await exec(place, ['--param', 'lr=2', '--param-file', file], [NODE, '-e', '0']);
    expect(said.code).toBe(2);
    expect(said.stderr).toContain(`--param lr stands in ${file}, too`);
    expect(existsSync(place.path)).toBe(false);
  });

  test('git’s commit is headrace’s own, or changed files pass for committed ones', async () => {
    const place = new RunsPlace();
    const repository = newFolder();
    const git = (...args: string[]): string =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], {
        cwd: repository,
        encoding: 'utf8',
      });
    const path = script(repository, 'train.cjs', '0');
    git('init', '--quiet');
    git('add', '.');
    git('commit', '--quiet', '-m', 'first');
    const commit = git('rev-parse', 'HEAD').trim();
    await exec(place, [], [NODE, path]);
    writeFileSync(join(repository, 'notes.txt'), 'git does not know it');
    await exec(place, [], [NODE, path]);
    writeFileSync(path, '1');
    await exec(place, [], [NODE, path]);
    const found = place
      .runs()
      .map(({ tags }) => [tags['mlflow.source.git.commit'], tags['headrace.git.dirty'], tags['mlflow.source.name']]);
    expect(found).toEqual([
      [commit, 'false', path],
      [commit, 'false', path],
      [commit, 'true', path],
    ]);
    await exec(place, [], [NODE, '-e', '0']);
    const { tags } = place.runs().at(-1) ?? expect.unreachable();
    expect([tags['mlflow.source.git.commit'], tags['headrace.git.dirty'], tags['mlflow.source.name']]).toEqual([
      undefined,
      undefined,
      NODE,
    ]);
  });

  test('a password stands in the tags, or a plain argument does not', async () => {
    const place = new RunsPlace();
    const secrets = ['--password=hunter2', '--api-key', 'hunter2', 'DB_PASSWORD=hunter2', 'https://me:hunter2@example.org/x'];
    await exec(place, [], [NODE, '-e', '0', '--', ...secrets, '--max-tokens=100', 'a b']);
    const { tags } = place.only();
    expect(JSON.stringify(tags)).not.toContain('hunter2');
    expect(tags['headrace.command']).toMatch(/--max-tokens=100 'a b'$/);
    expect(tags['headrace.command']).toContain("--password=…' --api-key '…' ");
  });
});

describe('the command finds its run', () => {
  const MARKED = `
    import { createTracker } from ${JSON.stringify(INDEX)};
    const tracker = createTracker();
    const run = tracker.startRun();
    run.logParam('lr', 0.5);
    run.logParam('seen', process.env.HEADRACE_SEEN ?? 'nothing');
    run.logMetric('loss', 0.25, 1);
    await run.end();
    await tracker.close();
    process.exitCode = Number(process.argv[2] ?? 0);`;

  test('a program of headrace’s makes a run of its own, in another file from another folder, or its end stays', async () => {
    const place = new RunsPlace();
    const path = script(place.folder, 'elsewhere/train.mjs', MARKED);
    const line = `cd elsewhere && ${JSON.stringify(NODE)} ${JSON.stringify(path)} 4`;
    const args = ['exec', '--uri', 'sqlite:///runs.db', '--param', 'lr=0.5', '--', 'sh', '-c', line];
    const said = await headrace(place.folder, args);
    expect(said.code).toBe(4);
    expect(place.only()).toMatchObject({ status: 'FAILED', params: { lr: '0.5', seen: 'nothing' } });
  });

  test('on a server it gets our id and not the server’s, or a password is shown', async () => {
    const served = await Served.start();
    const password = 'correct-horse';
    served.fake.authorization = `Basic ${Buffer.from(`me:${password}`).toString('base64')}`;
    const uri = served.fake.url.replace('//', `//me:${password}@`);
    const path = script(served.journals, 'train.mjs', MARKED);
    const said = await headrace(served.journals, ['exec', '--uri', uri, '--experiment', 'digits', '--', NODE, path]);
    expect([said.code, said.stdout]).toEqual([0, '']);
    expect(said.stderr).not.toContain(password);
    const [run, ...others] = served.fake.state.activeRuns();
    expect(others).toEqual([]);
    expect(run).toMatchObject({ status: 'FINISHED' });
    expect(run?.params.get('lr')).toBe('0.5');
    expect(said.stderr).toContain(`(${run?.id}) in ${served.fake.url}`);
    expect(JSON.stringify([...(run?.tags ?? [])])).not.toContain(password);
  });

  test('a run within a run takes the outer one’s place', async () => {
    const place = new RunsPlace();
    const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
    const inner = [NODE, main, 'exec', '--name', 'inner', '--', NODE, '-e', '0'];
    expect((await exec(place, ['--name', 'outer'], inner)).code).toBe(0);
    const [outer, within] = place.runs();
    expect([outer?.name, within?.name]).toEqual(['outer', 'inner']);
    expect(within?.tags['mlflow.parentRunId']).toBe(outer?.id);
  });

  test('the command is kept from running by HEADRACE_DISABLED', async () => {
    const place = new RunsPlace();
    const said = await exec(place, [], [NODE, '-p', 'process.env.MLFLOW_RUN_ID'], { HEADRACE_DISABLED: '1' });
    expect(said).toEqual({ code: 0, stdout: 'undefined\n', stderr: '' });
    expect(existsSync(place.path)).toBe(false);
  });
});

describe('a store that does not take the run', () => {
  test('has the command started without one', async () => {
    const folder = newFolder();
    const args = ['exec', '--uri', 'http://127.0.0.1:9', '--wait', '0.5', '--', NODE, '-p', '1'];
    const { code, stdout, stderr } = await headrace(folder, args);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /^headrace: http:\/\/127\.0\.0\.1:9 has not made the run within 0\.5 s, and nothing was started: .*ECONNREFUSED/m,
    );
  });

  test('takes the command’s exit code away when it goes while the command runs', async () => {
    const served = await Served.start();
    const gone = join(served.journals, 'gone');
    const text = `const { existsSync } = require('fs'); const t = setInterval(() => { if (existsSync(${JSON.stringify(gone)})) process.exit(5); }, 20)`;
    const called = new Called(served.journals, ['exec', '--uri', served.fake.url, '--', NODE, '-e', text], {
      HEADRACE_DIR: served.journals,
    });
    let told = '';
    called.child.stderr.on('data', (chunk: string) => {
      told += chunk;
    });
    await until('the command to start', () => told.includes('headrace: run '));
    served.fake.fault({ path: 'runs/update' }, { answer: { status: 503, body: 'away' } }, 2);
    writeFileSync(gone, '');
    expect((await called.ended).code).toBe(5);
    expect(served.fake.state.activeRuns().map(({ status }) => status)).toEqual(['FAILED']);
  });
});
