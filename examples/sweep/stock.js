// @ts-check
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { EXPERIMENT, isGone, PROCESS_TAG, TRIAL_TAG } from './names.js';

/** @typedef {import('headrace').StoredRun} StoredRun */

const HEADRACE = fileURLToPath(new URL('cli/main.js', import.meta.resolve('headrace')));

/**
 * What is in the store, once dead trials are out of it: what they left in journals is sent, which a remote store's records go
 * through, and a run that still says RUNNING is ended as KILLED when its process is gone.
 * @param {import('headrace').Runs} runs
 * @param {import('headrace').Tracker} tracker
 */
export async function takeStock(runs, tracker) {
  await sendLeftovers();
  /** @type {Map<string, StoredRun>} */
  const finished = new Map();
  /** @type {StoredRun[]} */
  const dead = [];
  /** @type {Set<string>} */
  const elsewhere = new Set();
  for await (const run of runs.searchRuns({ experiment: EXPERIMENT, orderBy: 'start_time' })) {
    const trial = run.tags.get(TRIAL_TAG);
    if (run.status === 'RUNNING' && isGone(run.tags.get(PROCESS_TAG))) dead.push(run);
    else if (trial === undefined) continue;
    else if (run.status === 'RUNNING') elsewhere.add(trial);
    else if (run.status === 'FINISHED') finished.set(trial, run);
  }
  for (const { id } of dead) await tracker.startRun({ runId: id }).end('KILLED');
  return { finished, elsewhere };
}

/** By the command that does it; it tells on stderr what it can't send, and nothing is lost then. */
async function sendLeftovers() {
  const sync = spawn(process.execPath, [HEADRACE, 'sync', '--wait', '20'], { stdio: ['ignore', 'ignore', 'inherit'] });
  await once(sync, 'close');
}
