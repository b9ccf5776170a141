/** The sweep of examples/sweep where its records go through a journal. */
import { expect, onTestFinished, test } from 'vitest';
import { isAlive, Sweep, TRIALS } from '../examples/sweep.js';
import { newFolder } from '../store/place.js';
import { freshDatabase } from './shared-server.js';

/** Two cores may have other tests to run. */
const PATIENCE_MS = 120_000;

const TRIAL_RUNS = `
  SELECT t.value AS trial, split_part(p.value, ':', 2)::int AS pid, status FROM runs
  JOIN tags t ON t.run_uuid = runs.run_uuid AND t.key = 'sweep.trial'
  JOIN tags p ON p.run_uuid = runs.run_uuid AND p.key = 'sweep.process'`;

interface TrialRun {
  readonly trial: string;
  readonly pid: number;
  readonly status: string;
}

test('a trial that was killed is lost, or stays RUNNING, or is run twice, where all is journaled first', async () => {
  const database = await freshDatabase();
  onTestFinished(() => database.drop());
  const folder = newFolder();
  const env = { MLFLOW_TRACKING_URI: database.uri };
  const runs = (): Promise<TrialRun[]> => database.rows<TrialRun>(TRIAL_RUNS);
  const first = new Sweep(folder, env);
  const deadline = performance.now() + PATIENCE_MS;
  let victim: TrialRun | undefined;
  while (victim === undefined) {
    if (performance.now() > deadline) throw new Error(`no trial ran: ${first.stderr}`);
    victim = (await runs()).find(({ status }) => status === 'RUNNING');
  }
  process.kill(victim.pid, 'SIGKILL');
  while (!(await runs()).some(({ status }) => status === 'FINISHED')) {
    if (performance.now() > deadline) throw new Error(`no trial has landed: ${first.stderr}`);
  }
  first.process.kill('SIGINT');
  expect(await first.ended, first.stderr).toEqual({ code: null, signal: 'SIGINT' });
  const half = await runs();
  expect(half.filter(({ pid }) => isAlive(pid))).toEqual([]);
  expect(half.find(({ pid }) => pid === victim.pid)?.status).toBe('KILLED');

  const second = new Sweep(folder, env);
  expect(await second.ended, second.stderr).toEqual({ code: 0, signal: null });
  const all = await runs();
  const finished = all.filter(({ status }) => status === 'FINISHED').map(({ trial }) => trial);
  expect([finished.length, new Set(finished).size]).toEqual([TRIALS, TRIALS]);
  expect(all.filter(({ status }) => status !== 'FINISHED' && status !== 'KILLED')).toEqual([]);
  // A password is in the uri.
  for (const { stdout, stderr } of [first, second]) expect(stdout + stderr).not.toContain(database.server.password);
}, 300_000);
