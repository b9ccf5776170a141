/** `npm run bench:server [-- throughput idle …] [-- --quick]`: asks servers of one worker and of four, prints one table. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { mlflowPython, PINNED_MLFLOW } from '../../test/mlflow/python-env.js';
import type { Answer, Scale } from '../question.js';
import { renderTable } from '../table.js';
import { question as idle } from './idle.js';
import { question as outage } from './outage.js';
import { question as python } from './python-client.js';
import { withServer } from './server.js';
import { question as throughput } from './throughput.js';

const RESULTS = new URL('../../../bench/results/', import.meta.url);

const QUESTIONS = { throughput, idle, python, outage } as const;
type QuestionName = keyof typeof QUESTIONS;

/** One, and what MLflow starts when it isn't told. */
const WORKERS = [1, 4] as const;

interface Asked extends Answer {
  readonly name: QuestionName;
  readonly workers: number;
  readonly title: string;
  readonly seconds: number;
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { quick: { type: 'boolean', default: false } } });
const isQuestion = (name: string): name is QuestionName => Object.hasOwn(QUESTIONS, name);
const unknown = positionals.filter((name) => !isQuestion(name));
if (unknown.length > 0) {
  console.error(`bench:server: no question ${unknown.join(', ')}; there are ${Object.keys(QUESTIONS).join(', ')}`);
  process.exit(1);
}
const named = positionals.filter(isQuestion);
// Its keys are its names.
const names = named.length > 0 ? named : (Object.keys(QUESTIONS) as QuestionName[]);
const scale: Scale = values.quick ? { name: 'quick', of: (_full, quick) => quick } : { name: 'full', of: (full, _quick) => full };

const machine = {
  date: new Date().toISOString(),
  scale: scale.name,
  node: process.version,
  mlflow: PINNED_MLFLOW,
  cores: availableParallelism(),
  processor: cpus()[0]?.model ?? 'unknown',
  // Of the minute before: what others did on the machine.
  load: loadavg()[0] ?? 0,
};

const interpreter = await mlflowPython(PINNED_MLFLOW);
const answers: Asked[] = [];
for (const workers of WORKERS) {
  await withServer(interpreter, workers, async (server) => {
    for (const name of names) {
      const { title } = QUESTIONS[name];
      process.stderr.write(`${name}, server of ${workers}: ${title} …`);
      const startedAt = performance.now();
      const answer = await QUESTIONS[name].ask(server, scale);
      const seconds = (performance.now() - startedAt) / 1000;
      process.stderr.write(` ${seconds.toFixed(0)} s\n`);
      answers.push({ name, workers, title, seconds, ...answer });
    }
  });
}

const { date, node, mlflow, cores, processor, load } = machine;
console.log(
  `${date}, ${scale.name}, Node ${node}, MLflow ${mlflow} on SQLite, ${cores} cores (${processor}), load average before ${load.toFixed(2)}`,
);
for (const { name, sizes } of answers.filter(({ workers }) => workers === WORKERS[0])) {
  const listed = Object.entries(sizes).map(
    ([size, value]) => `${size} ${typeof value === 'number' ? value.toLocaleString('en-US') : value}`,
  );
  console.log(`${name}: ${listed.join(', ')}`);
}
const sections = answers.map(({ name, workers, title, rows }) => ({
  title: `${name}, server with ${workers} ${workers === 1 ? 'worker' : 'workers'}: ${title}`,
  // Notes stand below the table, where no title says which server is meant.
  rows: rows.map((row) => (row.note === undefined ? row : { ...row, note: `${row.note} (server of ${workers})` })),
}));
console.log(renderTable(sections, !values.quick));
console.log(values.quick ? 'Every record landed. Too little was measured to judge the targets.' : verdict());

// A whole run at full scale is worth keeping in the repository; anything else is a local look (see .gitignore).
const file = named.length === 0 && !values.quick ? 'server-latest.json' : `server-${named.join('-') || scale.name}.local.json`;
mkdirSync(RESULTS, { recursive: true });
writeFileSync(new URL(file, RESULTS), `${JSON.stringify({ ...machine, questions: answers }, undefined, 2)}\n`);

function verdict(): string {
  const missed = answers.flatMap(({ workers, rows }) =>
    rows.flatMap(({ what, target }) => (target?.reached === false ? [`${what} (server of ${workers})`] : [])),
  );
  if (missed.length === 0) return 'Every record landed, every target is reached.';
  return `Every record landed. ${missed.length} not reached: ${missed.join('; ')}`;
}
