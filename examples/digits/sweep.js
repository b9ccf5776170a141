// @ts-check
// Trains a few networks on handwritten digits and logs everything about them. From the project: npm start
import { createTracker } from 'headrace';
import { headraceCallback } from 'headrace/tfjs';
import { allDigits, split } from './data.js';
import { Classifier, startTensorFlow } from './model.js';
import { printPlace } from './place.js';
import { runProgram } from './program.js';
import { Progress } from './progress.js';
import { CONFIG_FILE, readSweep, stepsOf } from './settings.js';
import { Stopwatch } from './stopwatch.js';
import { resultTable } from './table.js';

/** @typedef {import('./settings.js').Settings} Settings */
/** @typedef {import('headrace').Run} Run */

/** Around every call of headrace: those that return at once, and those that are awaited. */
const logging = new Stopwatch();
const waiting = new Stopwatch();

async function main() {
  const sweep = readSweep(process.argv.slice(2));
  const digits = allDigits();
  const backend = await startTensorFlow();
  const sweepName = new Date().toISOString();
  const progress = new Progress(sweep.reduce((sum, { settings }) => sum + stepsOf(settings), 0));

  const start = performance.now();
  logging.start();
  const tracker = createTracker({ experiment: 'digits' });
  logging.stop();
  const results = [];
  for (const { name, settings } of sweep) {
    const runStart = performance.now();
    logging.start();
    const run = tracker.startRun({ name, tags: { sweep: sweepName, backend } });
    run.logConfig(CONFIG_FILE, { prefix: 'config' });
    run.logParams(settings);
    logging.stop();
    progress.startRun(name);
    // Should it throw: the process ends with an exit code that makes headrace mark the run FAILED.
    const accuracy = await trainRun(run, settings, digits, progress).finally(() => progress.stop());
    await waiting.during(() => run.end());
    const seconds = (performance.now() - runStart) / 1000;
    results.push({ name, settings, accuracy, seconds });
    console.log(`${name}: ${(100 * accuracy).toFixed(2)} % of the held-out digits right after ${seconds.toFixed(1)} s`);
  }
  await waiting.during(() => tracker.close());
  const total = performance.now() - start;

  console.log(resultTable(results));
  const share = (100 * (logging.milliseconds + waiting.milliseconds)) / total;
  console.log(
    `Logging took ${share.toFixed(2)} % of the time: of ${(total / 1000).toFixed(1)} s, ${logging.milliseconds.toFixed(1)} ms were spent in ` +
      `logging calls and ${waiting.milliseconds.toFixed(1)} ms waiting at the end of runs, measured around each of them.`,
  );
  printPlace('digits');
}

/**
 * @param {Run} run
 * @param {Settings} settings
 * @param {import('./data.js').Digits} digits
 * @param {Progress} progress
 */
async function trainRun(run, settings, digits, progress) {
  const classifier = new Classifier(settings);
  const toRun = logging.around(headraceCallback(run, { model: classifier.network }));
  const toTerminal = watchBatches(run, progress);
  const accuracy = await classifier.train(split(digits, settings.data), settings.training, [toRun, toTerminal]);
  classifier.dispose();
  logging.start();
  run.setTag('verdict', accuracy >= 0.9 ? 'good' : 'poor');
  logging.stop();
  return accuracy;
}

/**
 * Moves the bar, and logs what TensorFlow.js does not know: how fast it is.
 * @param {Run} run
 * @param {Progress} progress
 */
function watchBatches(run, progress) {
  let step = 0;
  let since = 0;
  return {
    onBatchBegin: () => {
      since = performance.now();
    },
    /**
     * @param {number} _batch
     * @param {{ [name: string]: number }} [logs]
     */
    onBatchEnd: (_batch, { size = 0, loss = 0 } = {}) => {
      const seconds = (performance.now() - since) / 1000;
      logging.start();
      run.logMetric('batch.images_per_second', size / seconds, step);
      logging.stop();
      step += 1;
      progress.step(step, loss);
    },
  };
}

await runProgram('digits', main);
