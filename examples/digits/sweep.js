// @ts-check
// Trains a few networks on handwritten digits and logs everything about them. From the project: npm start
import { isAbsolute, resolve } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createTracker } from 'headrace';
import { allDigits, pick, split } from './data.js';
import { Classifier, startTensorFlow } from './model.js';
import { Progress } from './progress.js';
import { shuffledIndexes } from './random.js';
import { CONFIG_FILE, readSweep, SettingsError } from './settings.js';
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
  printPlace();
}

/**
 * @param {Run} run
 * @param {Settings} settings
 * @param {import('./data.js').Digits} digits
 * @param {Progress} progress
 */
async function trainRun(run, settings, digits, progress) {
  const { train, heldOut } = split(digits, settings.data);
  const { epochs, batch, seed } = settings.training;
  const classifier = new Classifier(settings);
  logging.start();
  run.logParam('model.parameters', classifier.parameters);
  logging.stop();
  let step = 0;
  let accuracy = 0;
  for (let epoch = 1; epoch <= epochs; epoch += 1) {
    const order = shuffledIndexes(train.count, seed + epoch);
    for (let at = 0; at < train.count; at += batch) {
      const images = pick(train, order.slice(at, at + batch));
      const stepStart = performance.now();
      const loss = classifier.train(images);
      const milliseconds = performance.now() - stepStart;
      step += 1;
      logging.start();
      run.logMetric('train.loss', loss, step);
      run.logMetric('train.images_per_second', (1000 * images.count) / milliseconds, step);
      logging.stop();
      progress.step(step, loss);
      // A turn of the event loop, for the bar and for Ctrl-C.
      await nextTurn();
    }
    const verdict = classifier.evaluate(heldOut);
    accuracy = verdict.accuracy;
    logging.start();
    run.logMetrics({ epoch, 'held_out.accuracy': verdict.accuracy, 'held_out.loss': verdict.loss }, step);
    logging.stop();
  }
  classifier.dispose();
  logging.start();
  run.setTag('verdict', accuracy >= 0.9 ? 'good' : 'poor');
  logging.stop();
  return accuracy;
}

/** @param {Settings} settings */
function stepsOf({ data, training }) {
  return training.epochs * Math.ceil(data.train / training.batch);
}

function printPlace() {
  const uri = process.env['MLFLOW_TRACKING_URI'] || 'sqlite:///mlflow.db';
  const [, name] = /^sqlite:\/\/\/(.*)$/.exec(uri) ?? [];
  if (name === undefined) {
    // Whoever reads the terminal need not see a password.
    console.log(`The runs are in the experiment digits of ${uri.replace(/\/\/[^/]*@/, '//')}`);
    return;
  }
  const path = isAbsolute(name) ? name : resolve(name);
  console.log(`The runs are in ${path}. To look at them:\n  mlflow ui --backend-store-uri sqlite:///${path}`);
}

try {
  await main();
} catch (error) {
  // What the person can mend needs no stack: settings, and what headrace says of the database or the options.
  const expected =
    error instanceof SettingsError || (error instanceof Error && 'code' in error && String(error.code).startsWith('HEADRACE_'));
  console.error(expected && error instanceof Error ? `digits: ${error.message}` : error);
  process.exitCode = 1;
}
