/** `npm run bench:scale [-- sqlite postgres server connection growth] [-- --quick]`: rows a second against processes, and a picture of it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { PINNED_MLFLOW } from '../../test/mlflow/python-env.js';
import { readArguments } from '../arguments.js';
import { type Asked, machineNow, report, timed } from '../report.js';
import { ask as askConnection, TITLE as CONNECTION } from './connection.js';
import { ask as askGrowth, TITLE as GROWTH } from './growth.js';
import { pictureOf } from './picture.js';
import { ask, PROCESSES, STORES, type StoreName } from './processes.js';

const PICTURE = new URL('../../../docs/pictures/scale.svg', import.meta.url);

// Its keys are its names.
const names = Object.keys(STORES) as StoreName[];
const others = {
  connection: { title: CONNECTION, ask: askConnection },
  growth: { title: GROWTH, ask: askGrowth },
} as const;
const asked = readArguments('bench:scale', [...names, 'connection', 'growth']);
const machine = machineNow();
const answers: Asked[] = [];
for (const name of asked.names) {
  answers.push(
    name === 'connection' || name === 'growth'
      ? await timed(name, `${name}: ${others[name].title}`, () => others[name].ask(asked.scale))
      : await timed(name, `${name}: rows a second, by processes that log at once`, () => ask(name, asked.scale)),
  );
}
report('scale-', asked, machine, `MLflow ${PINNED_MLFLOW}, `, answers);
if (asked.whole) {
  const lines = answers.flatMap(({ name, rows }) => {
    const store = names.find((each) => each === name);
    if (store === undefined) return [];
    // One row for each number, in their order.
    const points = rows.flatMap(({ median }, i) =>
      PROCESSES[i] === undefined ? [] : [{ processes: PROCESSES[i], rowsPerSecond: median }],
    );
    return [{ name: STORES[store].name, points }];
  });
  const subtitle = `metrics of 4 runs in each process, until all have landed; ${machine.cores} cores for writers and store together, ${machine.date.slice(0, 10)}`;
  mkdirSync(new URL('.', PICTURE), { recursive: true });
  writeFileSync(PICTURE, pictureOf(lines, 'Rows a second, by processes that log at once', subtitle));
}
