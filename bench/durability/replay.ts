import { mlflowPython, PINNED_MLFLOW } from '../../test/mlflow/python-env.js';
import { type Answer, atLeast, type Row } from '../question.js';
import { inProcess } from '../server/process.js';
import { Relay } from '../server/relay.js';
import { ratios, row } from '../server/row.js';
import { CONNECTIONS, countOf, type Rows } from '../server/rows.js';
import { type FreshServer, withServer } from '../server/server.js';
import { median } from '../statistics.js';
import { inFolder } from './folder.js';
import { untilKilled } from './killed-process.js';
import type { DurabilityQuestion } from './question.js';
import type { Replayed } from './replayed-rows.js';

const LEFT_JOURNAL = new URL('./left-journal.js', import.meta.url);

/** One, and what MLflow starts when it isn't told. */
const WORKERS = [1, 4] as const;

/** A real server takes some thousand rows a second. */
const WARM = 2000;

interface Load {
  readonly what: string;
  readonly rows: Rows;
}

export const question: DurabilityQuestion = {
  title: `a journal that a killed process left, sent to MLflow ${PINNED_MLFLOW} on SQLite, beside a generator that posts the same rows`,
  async ask(scale): Promise<Answer> {
    const rounds = scale.of(3, 1);
    const calls = scale.of(30_000, 3000);
    const loads: readonly Load[] = [
      { what: 'metrics of 10 runs', rows: { kind: 'metrics', runs: 10, keys: 10, steps: scale.of(400, 50) } },
      { what: 'runs of 100 params', rows: { kind: 'params', runs: scale.of(100, 40), keys: 100, steps: 1 } },
    ];
    const interpreter = await mlflowPython(PINNED_MLFLOW);
    const rows: Row[] = [];
    for (const workers of WORKERS) {
      await withServer(interpreter, workers, async (server) => {
        const whose = `${workers} ${workers === 1 ? 'worker' : 'workers'}`;
        for (const load of loads) rows.push(...(await askLoad(server, load, rounds, whose)));
        rows.push(await askOutage(server, calls, whose));
      });
    }
    return {
      sizes: {
        connections: CONNECTIONS,
        rounds,
        'records of the outage': calls,
        ...Object.fromEntries(loads.map(({ what, rows: { runs, keys, steps } }) => [what, `${runs} × ${keys} × ${steps}`])),
      },
      rows,
    };
  },
};

async function askLoad(server: FreshServer, { what, rows }: Load, rounds: number, whose: string): Promise<Row[]> {
  const { url, stored } = server;
  const sent: Replayed[] = [];
  const posted: number[] = [];
  const send = (): Promise<readonly string[]> =>
    inFolder(async (folder) => {
      const runIds = JSON.parse(await untilKilled(LEFT_JOURNAL, { url, rows }, folder)) as string[]; // as it prints them
      stored.expectCount(rows.kind, runIds, 0);
      sent.push(await inProcess('replayedRows', { url, folder }, server.folder));
      return runIds;
    });
  const post = async (): Promise<readonly string[]> => {
    const { seconds, runIds } = await inProcess('postedRows', { url, rows }, server.folder);
    posted.push(seconds);
    return runIds;
  };
  for (let round = 0; round < rounds; round++) {
    // The one that comes second meets the larger tables.
    const first = round % 2 === 0 ? await send() : await post();
    const second = round % 2 === 0 ? await post() : await send();
    stored.expectCount(rows.kind, [...first, ...second], rows.keys * rows.steps);
    stored.expectSame(rows.kind, first, second);
  }
  const rates = (seconds: readonly number[]): number[] => seconds.map((each) => countOf(rows) / each);
  const landed = rates(sent.map((each) => each.landed));
  const times = ratios(landed, rates(posted));
  return [
    row(`${what}, the journal (${whose})`, 'rows/s', landed, {
      note: `${median(rates(sent.map(({ over }) => over))).toFixed(0)} with the ends of its runs, two requests each, and its removal`,
    }),
    row(`${what}, generator (${whose})`, 'rows/s', rates(posted)),
    row(`${what}, the journal beside the generator (${whose})`, 'times', times, {
      target: atLeast(median(times), 0.95, '≥ 0.95'),
    }),
  ];
}

/** The living process sends it, as in `outage`, where a server that only counts takes more than this one could. */
async function askOutage({ url, stored }: FreshServer, calls: number, whose: string): Promise<Row> {
  const relay = await Relay.to(url);
  try {
    const found = await inFolder((folder) =>
      inProcess('outageRecords', { url: relay.url, warm: WARM, calls }, folder, (wish) =>
        wish === 'up' ? relay.open() : relay.close(),
      ),
    );
    stored.expectCount('metrics', [found.runId], WARM + calls);
    return row(`one run after an outage (${whose})`, 'rows/s', [calls / found.landSeconds], {
      note: `${calls.toLocaleString('en-US')} records logged while nobody listened at the server's address`,
    });
  } finally {
    await relay.close();
  }
}
