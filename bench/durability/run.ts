/** `npm run bench:durability [-- caller kill …] [-- --quick]`: asks every question, or those named, and prints one table. */
import { readArguments } from '../arguments.js';
import { type Asked, machineNow, report, timed } from '../report.js';
import { question as caller } from './caller.js';
import { question as journal } from './journal.js';
import { question as kill } from './kill.js';
import { question as outage } from './outage.js';
import { question as replay } from './replay.js';

const QUESTIONS = { caller, journal, outage, replay, kill } as const;

// The defaults are what is measured, in the processes that are started here, too.
for (const name of Object.keys(process.env)) if (name.startsWith('HEADRACE_')) delete process.env[name];

// Its keys are its names.
const asked = readArguments('bench:durability', Object.keys(QUESTIONS) as (keyof typeof QUESTIONS)[]);
const machine = machineNow();
const answers: Asked[] = [];
for (const name of asked.names) {
  const { title, ask } = QUESTIONS[name];
  answers.push(await timed(name, `${name}: ${title}`, () => ask(asked.scale)));
}
report('durability-', asked, machine, '', answers, 'Every record of a process that was not killed in its loop landed');
