/** `npm run bench:postgres [-- throughput server idle] [-- --quick]`: asks a PostgreSQL of its own, prints one table. */
import { PINNED_MLFLOW } from '../../test/mlflow/python-env.js';
import { readArguments } from '../arguments.js';
import { type Asked, machineNow, report, timed } from '../report.js';
import { question as server } from './beside-server.js';
import { withPostgres } from './databases.js';
import { question as idle } from './idle.js';
import { question as throughput } from './throughput.js';

const QUESTIONS = { throughput, server, idle } as const;

// Its keys are its names.
const asked = readArguments('bench:postgres', Object.keys(QUESTIONS) as (keyof typeof QUESTIONS)[]);
const machine = machineNow();
const answers: Asked[] = [];
await withPostgres(async (postgres) => {
  for (const name of asked.names) {
    const { title, ask } = QUESTIONS[name];
    answers.push(await timed(name, `${name}: ${title}`, () => ask(postgres, asked.scale)));
  }
  report('postgres-', asked, machine, `PostgreSQL ${postgres.version} as it is by default, MLflow ${PINNED_MLFLOW}, `, answers);
});
