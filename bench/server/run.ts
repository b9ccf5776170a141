/** `npm run bench:server [-- throughput idle …] [-- --quick]`: asks servers of one worker and of four, prints one table. */
import { mlflowPython, PINNED_MLFLOW } from '../../test/mlflow/python-env.js';
import { readArguments } from '../arguments.js';
import type { Answer } from '../question.js';
import { type Asked, machineNow, report, timed } from '../report.js';
import { question as idle } from './idle.js';
import { question as outage } from './outage.js';
import { question as python } from './python-client.js';
import { withServer } from './server.js';
import { question as throughput } from './throughput.js';

const QUESTIONS = { throughput, idle, python, outage } as const;

/** One, and what MLflow starts when it isn't told. */
const WORKERS = [1, 4] as const;

// Its keys are its names.
const asked = readArguments('bench:server', Object.keys(QUESTIONS) as (keyof typeof QUESTIONS)[]);
const machine = machineNow();
const interpreter = await mlflowPython(PINNED_MLFLOW);
const answers: Asked[] = [];
for (const workers of WORKERS) {
  const whose = `server of ${workers} ${workers === 1 ? 'worker' : 'workers'}`;
  await withServer(interpreter, workers, async (server) => {
    for (const name of asked.names) {
      const { title, ask } = QUESTIONS[name];
      answers.push(await timed(name, `${name}, ${whose}: ${title}`, async () => ofServer(await ask(server, asked.scale), whose)));
    }
  });
}
report('server-', asked, machine, `MLflow ${PINNED_MLFLOW} on SQLite, `, answers);

/** Notes and verdicts stand below the table, where no title says which server is meant. */
function ofServer(answer: Answer, whose: string): Answer {
  const rows = answer.rows.map((row) => ({
    ...row,
    ...(row.note === undefined ? {} : { note: `${row.note} (${whose})` }),
    ...(row.target?.reached === false ? { what: `${row.what} (${whose})` } : {}),
  }));
  return { ...answer, rows };
}
