// @ts-check
/**
 * A sweep over handwritten digits: every combination in grid.yaml is trained in a process of its own, and all of them
 * log to one store. From the project:
 *
 *   npm run sweep                                       into ./mlflow.db, as many at a time as there are cores
 *   MLFLOW_TRACKING_URI=http://host:5000 npm run sweep  or postgresql://…
 *   npm run sweep -- --jobs=4 training.epochs=1         settings that are changed for all trials
 *
 * Stop it with Ctrl-C, kill it or a trial, pull the plug: started again, it goes on. A trial is known by the tag
 * `sweep.trial`, made of its settings. One that has landed (its run is FINISHED) is not run again; one whose process was
 * killed is marked KILLED and tried again, here up to three times, and by the next start.
 *
 * Several machines may share the store. A trial that runs on another one is left to it; what it does not see is a trial that
 * another machine starts at the same moment, and a machine that is gone for good: its trials say RUNNING until somebody says
 * otherwise (`MlflowClient().set_terminated(run_id, 'KILLED')`).
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { createTracker, openRuns } from 'headrace';
import { printPlace } from '../digits/place.js';
import { runProgram } from '../digits/program.js';
import { SettingsError, stepsOf } from '../digits/settings.js';
import { EXPERIMENT, PROCESS_TAG, thisProcess } from './names.js';
import { Processes } from './processes.js';
import { Progress } from './progress.js';
import { takeStock } from './stock.js';
import { percent, summary } from './summary.js';
import { readTrials } from './trials.js';

/** @typedef {import('./trials.js').Trial} Trial */

/** How often a trial is tried whose process is killed, by the kernel for want of memory, say. */
const TRIES = 3;
const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM']);

/** @type {NodeJS.Signals | undefined} */
let stopped;

async function main() {
  const { jobs, args } = readCommand();
  const trials = readTrials(args);
  const processes = new Processes();
  /** @param {NodeJS.Signals} signal */
  const onSignal = (signal) => {
    // The second Ctrl-C: trials notice that the sweep is gone, and end themselves.
    if (stopped !== undefined) process.exit(1);
    stopped = signal;
    processes.stop();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);

  const tracker = createTracker({ experiment: EXPERIMENT });
  // MLflow's page shows the trials below the sweep that ran them.
  const sweep = tracker.startRun({ name: 'sweep', tags: { [PROCESS_TAG]: thisProcess() } });
  const sweepId = await sweep.storeId;
  const runs = openRuns();
  const before = await takeStock(runs, tracker);
  const open = trials.filter(({ id }) => !before.finished.has(id) && !before.elsewhere.has(id));
  const landed = trials.filter(({ id }) => before.finished.has(id)).length;
  const away = trials.length - open.length - landed;
  console.log(
    `${trials.length} trials: ${landed} have landed before${away > 0 ? `, ${away} run elsewhere` : ''}, ${open.length} to run, ${jobs} at a time`,
  );

  const progress = new Progress(open.reduce((sum, trial) => sum + stepsOf(trial.settings), 0));
  const queue = [...open];
  const next = async () => {
    for (let trial = queue.shift(); trial !== undefined && !processes.isStopped; trial = queue.shift()) {
      await runTrial(trial);
    }
  };
  /** @param {Trial} trial */
  const runTrial = async (trial) => {
    const start = performance.now();
    for (let tries = 1; tries <= TRIES && !processes.isStopped; tries++) {
      const { ended, accuracy } = await processes.run(trial, sweepId, (step) => progress.step(trial.id, step));
      if (ended === 'well') {
        const seconds = ((performance.now() - start) / 1000).toFixed(1);
        progress.step(trial.id, stepsOf(trial.settings));
        progress.say(`${trial.name}: ${percent(accuracy ?? 0)} of the held-out digits right after ${seconds} s`);
        return;
      }
      if (ended === 'failed') {
        progress.say(`${trial.name}: failed`);
        return;
      }
      if (processes.isStopped) return;
      progress.say(`${trial.name}: killed${tries < TRIES ? ', and tried again' : ` ${TRIES} times, and given up`}`);
      // Its last word may have been that it is done.
      if ((await takeStock(runs, tracker)).finished.has(trial.id)) return;
    }
  };
  await Promise.all(Array.from({ length: jobs }, next));
  progress.stop();

  const { finished } = await takeStock(runs, tracker);
  const done = trials.flatMap(({ id }) => finished.get(id) ?? []);
  if (done.length > 0) {
    const { table, best } = await summary(done);
    console.log(table);
    if (best !== undefined) {
      sweep.setTag('sweep.best', best.id);
      console.log(`Best: ${best.name}, ${best.accuracy} of the held-out digits right; run ${best.id}`);
    }
  }
  const isComplete = done.length === trials.length;
  console.log(`${done.length} of ${trials.length} trials have landed${isComplete ? '' : '; start the sweep again to go on'}`);
  await sweep.end(stopped !== undefined ? 'KILLED' : isComplete ? 'FINISHED' : 'FAILED');
  await runs.close();
  await tracker.close();
  for (const signal of SIGNALS) process.off(signal, onSignal);
  printPlace(EXPERIMENT);
  if (!isComplete) process.exitCode = 1;
}

function readCommand() {
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { jobs: { type: 'string' } } });
    const jobs = values.jobs === undefined ? availableParallelism() : Number(values.jobs);
    if (!(Number.isInteger(jobs) && jobs >= 1))
      throw new SettingsError(`--jobs: expected a whole number from 1, got ${values.jobs}`);
    return { jobs, args: positionals };
  } catch (error) {
    throw error instanceof TypeError ? new SettingsError(error.message) : error;
  }
}

await runProgram('sweep', main);
// As if nobody had listened, for whoever started it.
if (stopped !== undefined) process.kill(process.pid, stopped);
