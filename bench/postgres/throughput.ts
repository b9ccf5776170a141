import { type Answer, atLeast, type Row, type Scale } from '../question.js';
import { inProcess } from '../server/process.js';
import { ratios, row } from '../server/row.js';
import { countOf, type Landed, type Rows } from '../server/rows.js';
import { median } from '../statistics.js';
import { contentOf, type Postgres, type PostgresQuestion } from './databases.js';
import { ROWS_A_STATEMENT } from './rows-by-hand.js';

interface Load {
  readonly what: string;
  readonly rows: Rows;
  readonly rounds: number;
}

export const question: PostgresQuestion = {
  title: 'rows a second end to end, beside a loop of unnest statements written by hand, on one connection',
  ask,
};

async function ask(postgres: Postgres, scale: Scale): Promise<Answer> {
  const loads: readonly Load[] = [
    {
      what: 'runs of many params',
      rows: { kind: 'params', runs: scale.of(10, 4), keys: scale.of(10_000, 1000), steps: 1 },
      rounds: scale.of(5, 1),
    },
    {
      what: 'runs of 100 params',
      rows: { kind: 'params', runs: scale.of(1000, 40), keys: 100, steps: 1 },
      rounds: scale.of(5, 1),
    },
    {
      // A million on each side.
      what: 'metrics of runs side by side',
      rows: { kind: 'metrics', runs: 10, keys: 10, steps: scale.of(2000, 200) },
      rounds: scale.of(5, 1),
    },
  ];
  const rows: Row[] = [];
  for (const load of loads) rows.push(...(await askLoad(postgres, load)));
  return {
    sizes: {
      'rows of a statement at most': ROWS_A_STATEMENT,
      ...Object.fromEntries(
        loads.map(({ what, rows: { runs, keys, steps }, rounds }) => {
          return [what, `${runs} runs × ${keys} keys × ${steps} steps in each of ${rounds} rounds`];
        }),
      ),
    },
    rows,
  };
}

async function askLoad({ withDatabase, folder }: Postgres, { what, rows, rounds }: Load): Promise<Row[]> {
  const headrace: Landed[] = [];
  const byHand: Landed[] = [];
  const measure = (scenario: 'headraceRows' | 'rowsByHand', into: Landed[]): Promise<string> =>
    withDatabase(async (database) => {
      const landed = await inProcess(scenario, { url: database.uri, rows }, folder);
      into.push(landed);
      return contentOf(database, rows.kind, landed.runIds);
    });
  for (let round = 0; round < rounds; round++) {
    const first = round % 2 === 0 ? await measure('headraceRows', headrace) : await measure('rowsByHand', byHand);
    const second = round % 2 === 0 ? await measure('rowsByHand', byHand) : await measure('headraceRows', headrace);
    if (first !== second) throw new Error(`${what}: one side has written ${first}, the other ${second}`);
    if (!first.includes(`${countOf(rows)} rows`)) throw new Error(`${what}: ${first}, and not ${countOf(rows)}`);
  }
  const rates = (landed: readonly Landed[]): number[] => landed.map(({ seconds }) => countOf(rows) / seconds);
  const requests = (landed: readonly Landed[]): string => landed.map((each) => each.requests.toLocaleString('en-US')).join(', ');
  const times = ratios(rates(headrace), rates(byHand));
  return [
    row(`${what}, headrace`, 'rows/s', rates(headrace)),
    row(`${what}, by hand`, 'rows/s', rates(byHand)),
    row(`${what}, headrace beside the loop by hand`, 'times', times, {
      target: atLeast(median(times), 0.9, '≥ 0.9'),
      note: `${requests(headrace)} batches beside ${requests(byHand)} statements`,
    }),
  ];
}
