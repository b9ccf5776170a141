import { type Answer, atLeast, type Row, type Scale } from '../question.js';
import { median } from '../statistics.js';
import { inProcess } from './process.js';
import { ratios, row } from './row.js';
import { CONNECTIONS, countOf, type Landed, type Rows } from './rows.js';
import type { FreshServer, ServerQuestion } from './server.js';

interface Load {
  readonly what: string;
  readonly rows: Rows;
  readonly rounds: number;
}

export const question: ServerQuestion = {
  title: 'rows a second, beside a generator that posts the same rows, encoded before, in full requests',
  ask,
};

async function ask(server: FreshServer, scale: Scale): Promise<Answer> {
  const rounds = scale.of(3, 1);
  // Together a million rows on each side: several rounds tell luck from habit, which one of a million would not.
  const metricRounds = scale.of(4, 1);
  const loads: readonly Load[] = [
    { what: 'one run of params', rows: { kind: 'params', runs: 1, keys: scale.of(10_000, 1000), steps: 1 }, rounds },
    { what: 'runs of 100 params', rows: { kind: 'params', runs: scale.of(100, 20), keys: 100, steps: 1 }, rounds },
    {
      what: 'metrics of runs side by side',
      rows: { kind: 'metrics', runs: 10, keys: 10, steps: scale.of(1_000_000 / metricRounds / 100, 100) },
      rounds: metricRounds,
    },
  ];
  const rows: Row[] = [];
  for (const load of loads) rows.push(...(await askLoad(server, load)));
  return {
    sizes: {
      connections: CONNECTIONS,
      ...Object.fromEntries(
        loads.map(({ what, rows: { runs, keys, steps }, rounds: times }) => {
          return [what, `${runs} runs × ${keys} keys × ${steps} steps in each of ${times} rounds`];
        }),
      ),
    },
    rows,
  };
}

async function askLoad(server: FreshServer, { what, rows, rounds }: Load): Promise<Row[]> {
  const { url, folder, stored } = server;
  const headrace: Landed[] = [];
  const posted: Landed[] = [];
  const measure = async (scenario: 'headraceRows' | 'postedRows', into: Landed[]): Promise<readonly string[]> => {
    const landed = await inProcess(scenario, { url, rows }, folder);
    stored.expectCount(rows.kind, landed.runIds, rows.keys * rows.steps);
    into.push(landed);
    return landed.runIds;
  };
  for (let round = 0; round < rounds; round++) {
    // The one that comes second meets the larger tables.
    const first = round % 2 === 0 ? await measure('headraceRows', headrace) : await measure('postedRows', posted);
    const second = round % 2 === 0 ? await measure('postedRows', posted) : await measure('headraceRows', headrace);
    stored.expectSame(rows.kind, first, second);
  }
  const rates = (landed: readonly Landed[]): number[] => landed.map(({ seconds }) => countOf(rows) / seconds);
  const requests = (landed: readonly Landed[]): string => landed.map((each) => each.requests.toLocaleString('en-US')).join(', ');
  const times = ratios(rates(headrace), rates(posted));
  return [
    row(`${what}, headrace`, 'rows/s', rates(headrace)),
    row(`${what}, generator`, 'rows/s', rates(posted)),
    row(`${what}, headrace beside the generator`, 'times', times, {
      target: atLeast(median(times), 0.95, '≥ 0.95'),
      note: `${requests(headrace)} batches beside ${requests(posted)} full requests`,
    }),
  ];
}
