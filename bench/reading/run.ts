/** `npm run bench:reading [-- search] [-- --quick]`: asks a file of many runs, and prints one table. */
import { readArguments } from '../arguments.js';
import { type Asked, machineNow, report, timed } from '../report.js';
import { question as search } from './search.js';

const QUESTIONS = { search } as const;

// Its keys are its names.
const asked = readArguments('bench:reading', Object.keys(QUESTIONS) as (keyof typeof QUESTIONS)[]);
const machine = machineNow();
const answers: Asked[] = [];
for (const name of asked.names) {
  const { title, ask } = QUESTIONS[name];
  answers.push(await timed(name, `${name}: ${title}`, () => ask(asked.scale)));
}
report('reading-', asked, machine, '', answers, 'Both ways found the same runs with the same params, metrics and tags');
