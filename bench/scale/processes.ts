import type { Answer, Row, Scale } from '../question.js';
import { row } from '../server/row.js';
import { countOf, type Rows } from '../server/rows.js';
import { median } from '../statistics.js';
import { type Opened, withMlflowServer, withPostgres, withSqlite } from './places.js';
import { secondsOf } from './writers.js';

export const PROCESSES = [1, 2, 4, 8, 16] as const;

export const STORES = {
  sqlite: { name: 'SQLite', open: withSqlite, share: 1, rounds: 3 },
  postgres: { name: 'PostgreSQL', open: withPostgres, share: 1, rounds: 3 },
  // It takes a fraction of what the others take.
  server: { name: 'MLflow server', open: withMlflowServer, share: 0.2, rounds: 1 },
} as const satisfies Readonly<Record<string, { name: string; open: Opened; share: number; rounds: number }>>;

export type StoreName = keyof typeof STORES;

/** Runs of each process, side by side. */
const RUNS = 4;
const KEYS = 10;
/** Steps that each process logs before, for code that is compiled and connections that are open. */
const WARM_STEPS = 50;

/** For one store. The rows of all processes together are as many whatever the number of processes. */
export async function ask(store: StoreName, scale: Scale): Promise<Answer> {
  const { name, open, share, rounds: full } = STORES[store];
  const rounds = scale.of(full, 1);
  const steps = Math.round(share * scale.of(2400, 800));
  const rowsOf = (processes: number): Rows => ({ kind: 'metrics', runs: RUNS, keys: KEYS, steps: steps / processes });
  const warm: Rows = { kind: 'metrics', runs: RUNS, keys: KEYS, steps: Math.max(1, share * WARM_STEPS) };
  const rates = new Map<number, number[]>(PROCESSES.map((processes) => [processes, []]));
  await open(async (place) => {
    // The first one makes the file or the experiment; it is nobody's.
    await secondsOf(1, { uri: place.uri, rows: warm, warm }, place.folder);
    for (let round = 0; round < rounds; round++) {
      // The one that comes last meets the larger tables.
      for (const processes of round % 2 === 0 ? PROCESSES : PROCESSES.toReversed()) {
        const rows = rowsOf(processes);
        const count = processes * countOf(rows);
        const warmed = processes * countOf(warm);
        const before = await place.metrics();
        const seconds = await secondsOf(processes, { uri: place.uri, rows, warm }, place.folder);
        const found = (await place.metrics()) - before - warmed;
        if (found !== count) throw new Error(`${name}: ${count} rows were logged by ${processes} processes, ${found} are there`);
        rates.get(processes)?.push(count / seconds);
      }
    }
  });
  const one = median(rates.get(1) ?? []);
  return {
    sizes: { rounds, 'rows a round and number of processes': RUNS * KEYS * steps, 'runs of each process': RUNS },
    rows: [...rates].map(([processes, found]): Row => {
      const what = `${name}, ${processes} ${processes === 1 ? 'process' : 'processes'}`;
      return row(what, 'rows/s', found, processes === 1 ? {} : { note: `${(median(found) / one).toFixed(2)} times one process` });
    }),
  };
}
