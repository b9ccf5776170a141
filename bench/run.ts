/** `npm run bench [-- caller paced …] [-- --quick]`: asks every question, or those named, and prints one table. */
import { readArguments } from './arguments.js';
import { inFreshProcess } from './fresh-process.js';
import { QUESTIONS, type QuestionName } from './questions.js';
import { type Asked, machineNow, report, timed } from './report.js';

// Its keys are its names.
const asked = readArguments('bench', Object.keys(QUESTIONS) as QuestionName[]);
const machine = machineNow();
const answers: Asked[] = [];
for (const name of asked.names) {
  const { question } = await QUESTIONS[name]();
  const ask = () => question.ask((scenario, input) => inFreshProcess({ question: name, scenario, input }), asked.scale);
  answers.push(await timed(name, `${name}: ${question.title}`, ask));
}
report('', asked, machine, '', answers);
