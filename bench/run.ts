/** `npm run bench [-- caller paced …] [-- --quick]`: asks every question, or those named, and prints one table. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { inFreshProcess } from './fresh-process.js';
import type { Answer, Scale } from './question.js';
import { isQuestion, QUESTIONS, type QuestionName } from './questions.js';
import { renderTable } from './table.js';

const RESULTS = new URL('../../bench/results/', import.meta.url);

interface Asked extends Answer {
  readonly name: QuestionName;
  readonly title: string;
  readonly seconds: number;
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { quick: { type: 'boolean', default: false } } });
const unknown = positionals.filter((name) => !isQuestion(name));
if (unknown.length > 0) {
  console.error(`bench: no question ${unknown.join(', ')}; there are ${Object.keys(QUESTIONS).join(', ')}`);
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
  cores: availableParallelism(),
  processor: cpus()[0]?.model ?? 'unknown',
  // Of the minute before: what others did on the machine.
  load: loadavg()[0] ?? 0,
};

const answers: Asked[] = [];
for (const name of names) {
  const { question } = await QUESTIONS[name]();
  process.stderr.write(`${name}: ${question.title} …`);
  const startedAt = performance.now();
  const answer = await question.ask((scenario, input) => inFreshProcess({ question: name, scenario, input }), scale);
  const seconds = (performance.now() - startedAt) / 1000;
  process.stderr.write(` ${seconds.toFixed(0)} s\n`);
  answers.push({ name, title: question.title, seconds, ...answer });
}

const { date, node, cores, processor, load } = machine;
console.log(`${date}, ${scale.name}, Node ${node}, ${cores} cores (${processor}), load average before ${load.toFixed(2)}`);
for (const { name, sizes } of answers) {
  const listed = Object.entries(sizes).map(
    ([size, value]) => `${size} ${typeof value === 'number' ? value.toLocaleString('en-US') : value}`,
  );
  console.log(`${name}: ${listed.join(', ')}`);
}
const sections = answers.map(({ name, title, rows }) => ({ title: `${name}: ${title}`, rows }));
console.log(renderTable(sections, !values.quick));
console.log(values.quick ? 'Every record landed. Too little was measured to judge the targets.' : verdict());

// A whole run at full scale is worth keeping in the repository; anything else is a local look (see .gitignore).
const file = new URL(
  named.length === 0 && !values.quick ? 'latest.json' : `${named.join('-') || scale.name}.local.json`,
  RESULTS,
);
mkdirSync(RESULTS, { recursive: true });
writeFileSync(file, `${JSON.stringify({ ...machine, questions: answers }, undefined, 2)}\n`);

function verdict(): string {
  const missed = answers.flatMap(({ rows }) => rows.filter(({ target }) => target?.reached === false));
  if (missed.length === 0) return 'Every record landed, every target is reached.';
  return `Every record landed. ${missed.length} not reached: ${missed.map(({ what }) => what).join('; ')}`;
}
