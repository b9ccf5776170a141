import { MlflowServer } from '../../test/mlflow/mlflow-server.js';
import { type Answer, atLeast, type Row, type Scale } from '../question.js';
import { inProcess } from '../server/process.js';
import { ratios, row } from '../server/row.js';
import { CONNECTIONS, countOf, type Rows } from '../server/rows.js';
import { allWorkersServe } from '../server/server.js';
import { median } from '../statistics.js';
import { expectCount, type Postgres, type PostgresQuestion } from './databases.js';

/** Every worker opens the database at its first requests: they are nobody's. */
const WARM_ROWS: Rows = { kind: 'params', runs: 40, keys: 50, steps: 1 };

interface Load {
  readonly what: string;
  readonly direct: Rows;
  /** It would take minutes for as many rows. */
  readonly posted: Rows;
}

export const question: PostgresQuestion = {
  title: 'rows a second, beside full requests to an MLflow server that keeps its runs in the same database',
  ask,
};

async function ask({ withDatabase, folder, python }: Postgres, scale: Scale): Promise<Answer> {
  const rounds = scale.of(3, 1);
  // What MLflow starts when it isn't told; each takes some 5 s of a core to import MLflow.
  const workers = scale.of(4, 1);
  const params = (runs: number, keys: number): Rows => ({ kind: 'params', runs, keys, steps: 1 });
  const metrics = (steps: number): Rows => ({ kind: 'metrics', runs: 10, keys: 10, steps });
  const loads: readonly Load[] = [
    { what: 'runs of many params', direct: params(10, scale.of(10_000, 1000)), posted: params(10, scale.of(1000, 200)) },
    { what: 'runs of 100 params', direct: params(scale.of(1000, 100), 100), posted: params(scale.of(100, 20), 100) },
    { what: 'metrics of runs side by side', direct: metrics(scale.of(2000, 500)), posted: metrics(scale.of(200, 50)) },
  ];
  const rows: Row[] = [];
  await withDatabase(async (database) => {
    const server = await MlflowServer.start(python, folder, database.mlflowUri, { workers });
    try {
      await allWorkersServe(server, workers);
      await inProcess('postedRows', { url: server.url, rows: WARM_ROWS }, folder);
      for (const { what, direct, posted } of loads) {
        const measure = async (scenario: 'headraceRows' | 'postedRows', url: string, load: Rows): Promise<number> => {
          const { runIds, seconds } = await inProcess(scenario, { url, rows: load }, folder);
          await expectCount(database, load, runIds);
          return countOf(load) / seconds;
        };
        const headrace: number[] = [];
        const generator: number[] = [];
        for (let round = 0; round < rounds; round++) {
          headrace.push(await measure('headraceRows', database.uri, direct));
          generator.push(await measure('postedRows', server.url, posted));
        }
        const times = ratios(headrace, generator);
        rows.push(
          row(`${what}, headrace to PostgreSQL`, 'rows/s', headrace),
          row(`${what}, full requests to the server`, 'rows/s', generator),
          row(`${what}, headrace beside the server`, 'times', times, { target: atLeast(median(times), 20, '≥ 20') }),
        );
      }
    } finally {
      await server.stop();
    }
  });
  const sizes = loads.map(({ what, direct, posted }): [string, string] => [
    what,
    `${countOf(direct).toLocaleString('en-US')} rows to PostgreSQL, ${countOf(posted).toLocaleString('en-US')} to the server`,
  ]);
  return { sizes: { rounds, 'workers of the server': workers, connections: CONNECTIONS, ...Object.fromEntries(sizes) }, rows };
}
