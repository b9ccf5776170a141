/** Programs of their own, with the built package by its name: what they leave when they end, and that it is one package. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Stored } from '../tracker/stored.js';

const top = fileURLToPath(new URL('../..', import.meta.url));

function play(program: string, stored: Stored): { status: number | null; stderr: string } {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:MLFLOW|VITEST|NODE_)/.test(name)));
  return spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    // From here the package finds itself by its name.
    cwd: top,
    env: { ...env, MLFLOW_TRACKING_URI: stored.uri, HEADRACE_DIR: stored.journals },
    encoding: 'utf8',
    timeout: 30_000,
  });
}

function statuses(stored: Stored): unknown[] {
  return stored.rows('SELECT name, status FROM runs ORDER BY name').map(({ name, status }) => [name, status]);
}

test('a program that just ends leaves its runs FINISHED, with all that it logged', () => {
  const stored = new Stored();
  const { status, stderr } = play(
    `import { logParam, startRun, withRun } from 'headrace/fluent';
     startRun({ runName: 'outer' });
     startRun({ runName: 'inner', nested: true });
     for (let i = 0; i < 100; i++) logParam('p' + i, i);`,
    stored,
  );
  expect([status, stderr]).toEqual([0, '']);
  expect(statuses(stored)).toEqual([
    ['inner', 'FINISHED'],
    ['outer', 'FINISHED'],
  ]);
  expect(stored.count('params')).toBe(100);
});

test('a program that dies of an error leaves its runs FAILED', () => {
  const stored = new Stored();
  const { status, stderr } = play(
    `import { logParam, withRun } from 'headrace/fluent';
     await withRun({ runName: 'dies' }, async () => {
       logParam('lr', 0.1);
       setTimeout(() => { throw new Error('boom'); });
       await new Promise(() => setInterval(() => {}, 1000));
     });`,
    stored,
  );
  expect(status).toBe(1);
  expect(stderr).toContain('boom');
  expect(statuses(stored)).toEqual([['dies', 'FAILED']]);
  expect(stored.count('params')).toBe(1);
});

test('an error of headrace/fluent is an instance of the class that headrace exports', () => {
  const stored = new Stored();
  const { status, stderr } = play(
    `import { OptionError, RunActiveError } from 'headrace';
     import { logParam, setTrackingUri, startRun } from 'headrace/fluent';
     const thrown = (work) => { try { work(); } catch (error) { return error; } };
     if (!(thrown(() => setTrackingUri('./mlruns')) instanceof OptionError)) process.exitCode = 2;
     startRun();
     if (!(thrown(startRun) instanceof RunActiveError)) process.exitCode = 3;`,
    stored,
  );
  expect([status, stderr]).toEqual([0, '']);
});
