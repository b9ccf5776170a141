/** The sweep of examples/sweep, as a person runs it: its processes are killed, it is stopped, and started again. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Rows, rowsOf } from '../store/database-rows.js';
import { newFolder } from '../store/place.js';
import { until } from '../tracker/waiting.js';
import { isAlive, Sweep, TRIALS } from './sweep.js';

/** Two cores may have other tests to run. */
const PATIENCE_MS = 120_000;

interface StoredTrial {
  readonly trial: string;
  readonly pid: number;
  readonly status: string;
}

/** Asked again and again, from before there is a file. */
function storedTrials(rows: Rows): StoredTrial[] {
  try {
    return rows(`
      SELECT t.value AS trial, p.value AS process, status FROM runs
      JOIN tags t ON t.run_uuid = runs.run_uuid AND t.key = 'sweep.trial'
      JOIN tags p ON p.run_uuid = runs.run_uuid AND p.key = 'sweep.process'`).map(({ trial, process, status }) => ({
      trial: String(trial),
      pid: Number(String(process).split(':').at(-1)),
      status: String(status),
    }));
  } catch (error) {
    if (/no such table|unable to open/.test(String(error))) return [];
    throw error;
  }
}

function statusesOf(rows: Rows): string[] {
  return rows('SELECT status FROM runs').map(({ status }) => String(status));
}

function counts(trials: readonly StoredTrial[], status: string): number[] {
  const byTrial = new Map(trials.map(({ trial }) => [trial, 0]));
  for (const each of trials) if (each.status === status) byTrial.set(each.trial, (byTrial.get(each.trial) ?? 0) + 1);
  return [...byTrial.values()];
}

test('a trial that was killed is lost, or one that has landed is run again, by a sweep that was stopped half-way', async () => {
  const folder = newFolder();
  const rows = rowsOf(join(folder, 'mlflow.db'));
  const first = new Sweep(folder);
  const of = (status: string): StoredTrial[] => storedTrials(rows).filter((trial) => trial.status === status);
  await until('a trial that runs', () => of('RUNNING').length > 0, PATIENCE_MS);
  const victim = of('RUNNING')[0]?.pid ?? Number.NaN;
  process.kill(victim, 'SIGKILL');
  await until('the killed trial to be marked', () => of('KILLED').some(({ pid }) => pid === victim), PATIENCE_MS);
  await until(
    'two trials that have landed, and one that runs',
    () => of('FINISHED').length >= 2 && of('RUNNING').length > 0,
    PATIENCE_MS,
  );
  const interruptedAt = performance.now();
  first.process.kill('SIGINT');
  expect(await first.ended, first.stderr).toEqual({ code: null, signal: 'SIGINT' });
  expect(performance.now() - interruptedAt).toBeLessThan(PATIENCE_MS / 2);
  expect(first.stdout).toContain('start the sweep again to go on');

  // Nothing goes on without the sweep, or says so.
  const half = storedTrials(rows);
  expect(half.filter(({ pid }) => isAlive(pid))).toEqual([]);
  expect(statusesOf(rows).filter((status) => status === 'RUNNING')).toEqual([]);
  const landed = half.filter(({ status }) => status === 'FINISHED').length;
  expect(landed).toBeLessThan(TRIALS);
  expect(half.filter(({ status }) => status !== 'FINISHED' && status !== 'KILLED')).toEqual([]);

  const second = new Sweep(folder);
  expect(await second.ended, second.stderr).toEqual({ code: 0, signal: null });
  expect(second.stdout).toContain(`${TRIALS} trials: ${landed} have landed before, ${TRIALS - landed} to run`);
  expect(second.stdout).toMatch(/\nBest: hidden=16 lr=[\d.]+ batch=\d+, \d\d\.\d\d % /);
  // A pipe has lines and nothing that moves a cursor.
  for (const mover of ['\r', '\u001b']) expect(second.stdout).not.toContain(mover);
  const all = storedTrials(rows);
  expect(counts(all, 'FINISHED')).toEqual(Array.from({ length: TRIALS }, () => 1));
  expect(all.length).toBe(half.length + TRIALS - landed);
  expect(all.filter(({ status }) => status !== 'FINISHED' && status !== 'KILLED')).toEqual([]);
  expect(statusesOf(rows).toSorted()).toEqual([...all.map(({ status }) => status), 'KILLED', 'FINISHED'].toSorted());

  const third = new Sweep(folder);
  expect(await third.ended, third.stderr).toEqual({ code: 0, signal: null });
  expect(third.stdout).toContain(`${TRIALS} have landed before, 0 to run`);
  expect(storedTrials(rows).length).toBe(all.length);
}, 300_000);

test('the trials of a sweep that was killed train on for nobody, or stay RUNNING for ever', async () => {
  const folder = newFolder();
  const rows = rowsOf(join(folder, 'mlflow.db'));
  const sweep = new Sweep(folder);
  const running = (): StoredTrial[] => storedTrials(rows).filter(({ status }) => status === 'RUNNING');
  await until('two trials that run', () => running().length >= 2, PATIENCE_MS);
  const pids = running().map(({ pid }) => pid);
  sweep.process.kill('SIGKILL');
  await until('its trials to end', () => !pids.some(isAlive), PATIENCE_MS);
  expect(running()).toEqual([]);
  const next = new Sweep(folder);
  expect(await next.ended, next.stderr).toEqual({ code: 0, signal: null });
  expect(counts(storedTrials(rows), 'FINISHED')).toEqual(Array.from({ length: TRIALS }, () => 1));
  expect(statusesOf(rows)).not.toContain('RUNNING');
}, 300_000);
