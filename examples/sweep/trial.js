// @ts-check
// One trial in a process of its own, started by sweep.js: trains, logs, and ends its run. Argument: JSON of the trial.
import { createTracker } from 'headrace';
import { headraceCallback } from 'headrace/tfjs';
import { allDigits, split } from '../digits/data.js';
import { Classifier, startTensorFlow } from '../digits/model.js';
import { EXPERIMENT, PROCESS_TAG, TRIAL_TAG, thisProcess } from './names.js';

/** @typedef {{ step: number } | { accuracy: number }} Told */

/** What has not landed by then is in the journal, and the sweep is told. */
const PATIENCE_MS = 10 * 60_000;
const TELL_EVERY_MS = 200;

/** @type {import('./trials.js').Trial & { parentRunId: string }} */
const { id, name, settings, parentRunId } = JSON.parse(process.argv[2] ?? '');

// The sweep has died: nobody waits for this trial. headrace ends its run as KILLED.
const onDisconnect = () => process.kill(process.pid, 'SIGTERM');
process.on('disconnect', onDisconnect);

const backend = await startTensorFlow();
const digits = split(allDigits(), settings.data);
const tracker = createTracker({ experiment: EXPERIMENT });
const run = tracker.startRun({ name, parentRunId, tags: { [TRIAL_TAG]: id, [PROCESS_TAG]: thisProcess(), backend } });
run.logParams(settings);

let step = 0;
let toldAt = performance.now();
const progress = {
  onBatchEnd: () => {
    step += 1;
    if (performance.now() - toldAt < TELL_EVERY_MS) return;
    toldAt = performance.now();
    tell({ step });
  },
};
const classifier = new Classifier(settings);
const toRun = headraceCallback(run, { model: classifier.network });
// Should it throw: the process ends with an exit code that makes headrace mark the run FAILED.
const accuracy = await classifier.train(digits, settings.training, [toRun, progress]);
classifier.dispose();
await run.end('FINISHED', { timeoutMs: PATIENCE_MS });
await tracker.close();
tell({ accuracy });
process.off('disconnect', onDisconnect);
process.disconnect();

/** @param {Told} told */
function tell(told) {
  // The sweep may have died meanwhile, which the listener above is about to be told.
  process.send?.(told, () => {});
}
