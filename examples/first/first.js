import { createTracker } from 'headrace';

const tracker = createTracker(); // sqlite:///mlflow.db, or MLFLOW_TRACKING_URI
const run = tracker.startRun({ experiment: 'iris', tags: { kind: 'demo' } });

run.logParams({ optimizer: { name: 'adam', lr: 1e-3 }, layers: [64, 10] }); // returns at once
for (let step = 0; step < 1000; step++) run.logMetric('loss', 1 / (step + 1), step);
await run.logParam('seed', 42); // resolves when the row is in the file

console.log(await run.end()); // rejects if anything above did not land
await tracker.close();
