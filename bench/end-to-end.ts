import Database from 'better-sqlite3';
import { createTracker } from '../src/index.js';
import { expectRows, FILE, URI } from './database.js';
import { type Answer, ask, atLeast, type Question, type Row } from './question.js';
import { median, range } from './statistics.js';

/** Rows of a run come one after the other, as a program logs them; every run logs the same keys. */
interface Rows {
  readonly runs: number;
  readonly keys: number;
  /** 1 for params, which don't change. */
  readonly steps: number;
}

interface Landed {
  /** From the first call until everything is committed. */
  readonly seconds: number;
  /** Of that, in logging calls. */
  readonly callerSeconds: number;
  readonly rows: number;
}

/** What one transaction of the hand-written loop holds. */
const TRANSACTION_ROWS = 1000;

/** Time goes on from step to step and from run to run. */
const FIRST_TIMESTAMP = 1_700_000_000_000;

const scenarios = {
  async paramsByHeadrace(size: Rows): Promise<Landed> {
    const keys = keysOf(size);
    const { runs, values, tracker } = await started(size);
    const start = performance.now();
    let i = 0;
    for (const run of runs) for (const key of keys) run.logParam(key, values[i++] as number); // one for each
    const called = performance.now();
    await tracker.flush();
    const end = performance.now();
    const rows = expectRows('params', values.length);
    await tracker.close();
    return { seconds: (end - start) / 1000, callerSeconds: (called - start) / 1000, rows };
  },

  async metricsByHeadrace(size: Rows): Promise<Landed> {
    const keys = keysOf(size);
    const { runs, values, tracker } = await started(size);
    const start = performance.now();
    let i = 0;
    let now = FIRST_TIMESTAMP;
    for (const run of runs) {
      for (let step = 0; step < size.steps; step++, now++) {
        for (const key of keys) run.logMetric(key, values[i++] as number, step, now); // one for each
      }
    }
    const called = performance.now();
    await tracker.flush();
    const end = performance.now();
    const rows = expectRows('metrics', values.length);
    expectRows('latest_metrics', size.runs * size.keys);
    await tracker.close();
    return { seconds: (end - start) / 1000, callerSeconds: (called - start) / 1000, rows };
  },

  async paramsByHand(size: Rows): Promise<Landed> {
    const keys = keysOf(size);
    const { ids, values, database } = await emptyRuns(size);
    const insert = database.prepare('INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)');
    const start = performance.now();
    let i = 0;
    for (const id of ids) {
      for (const key of keys) {
        if (i % TRANSACTION_ROWS === 0) database.exec(i === 0 ? 'BEGIN IMMEDIATE' : 'COMMIT; BEGIN IMMEDIATE');
        insert.run(key, String(values[i++]), id);
      }
    }
    database.exec('COMMIT');
    const seconds = (performance.now() - start) / 1000;
    const rows = expectRows('params', values.length);
    database.close();
    return { seconds, callerSeconds: seconds, rows };
  },

  async metricsByHand(size: Rows): Promise<Landed> {
    const keys = keysOf(size);
    const { ids, values, database } = await emptyRuns(size);
    const insert = database.prepare(
      'INSERT INTO metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, ?, 0, ?)',
    );
    const upsert = database.prepare(
      `INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, ?, 0, ?)
       ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value, timestamp = excluded.timestamp, step = excluded.step`,
    );
    // A loop that knows its steps to grow need not compare: the last of each key in a transaction is the latest.
    const latest = new Map<string, number>();
    const start = performance.now();
    let i = 0;
    let began = 0;
    const commit = (id: string): void => {
      for (const [key, at] of latest) {
        const stepOfAll = Math.floor(at / keys.length);
        upsert.run(key, values[at], FIRST_TIMESTAMP + stepOfAll, stepOfAll % size.steps, id);
      }
      latest.clear();
      database.exec('COMMIT');
      began = 0;
    };
    let now = FIRST_TIMESTAMP;
    for (const id of ids) {
      for (let step = 0; step < size.steps; step++, now++) {
        for (const key of keys) {
          if (began++ === 0) database.exec('BEGIN IMMEDIATE');
          latest.set(key, i);
          insert.run(key, values[i++], now, step, id);
          if (began === TRANSACTION_ROWS) commit(id);
        }
      }
      if (began > 0) commit(id);
    }
    const seconds = (performance.now() - start) / 1000;
    const rows = expectRows('metrics', values.length);
    expectRows('latest_metrics', size.runs * size.keys);
    database.close();
    return { seconds, callerSeconds: seconds, rows };
  },
};

export const question: Question = ask({
  title: 'rows a second into the SQLite file, beside a hand-written loop of 1000-row transactions on the main thread',
  scenarios,
  async ask(measure, scale): Promise<Answer> {
    const rounds = scale.of(4, 1);
    const params: Rows = { runs: scale.of(100, 20), keys: 1000, steps: 1 };
    const metrics: Rows = { runs: 10, keys: 10, steps: scale.of(10_000, 1000) };
    const found: Record<keyof typeof scenarios, Landed[]> = {
      paramsByHeadrace: [],
      paramsByHand: [],
      metricsByHeadrace: [],
      metricsByHand: [],
    };
    for (let round = 0; round < rounds; round++) {
      found.paramsByHeadrace.push(await measure('paramsByHeadrace', params));
      found.paramsByHand.push(await measure('paramsByHand', params));
      found.metricsByHeadrace.push(await measure('metricsByHeadrace', metrics));
      found.metricsByHand.push(await measure('metricsByHand', metrics));
    }
    return {
      sizes: {
        rounds,
        params: `${params.runs} runs × ${params.keys} keys`,
        metrics: `${metrics.runs} runs × ${metrics.keys} keys × ${metrics.steps} steps`,
      },
      rows: [
        ...rowsOf('params', found.paramsByHeadrace, found.paramsByHand),
        ...rowsOf('metrics', found.metricsByHeadrace, found.metricsByHand),
      ],
    };
  },
});

function rowsOf(what: string, headrace: readonly Landed[], hand: readonly Landed[]): Row[] {
  const rates = (landed: readonly Landed[]): number[] => landed.map(({ rows, seconds }) => rows / seconds);
  const row = (name: string, values: readonly number[], unit = 'rows/s'): Row => ({
    what: name,
    unit,
    clock: 'whole',
    median: median(values),
    range: range(values),
    rounds: values.length,
  });
  // Neighbours in time are compared: the machine may be slower in another round.
  const ratios = rates(headrace).map((rate, round) => rate / (rates(hand)[round] as number)); // as many of both
  const busy = median(headrace.map(({ seconds, callerSeconds }) => callerSeconds / seconds));
  return [
    row(`${what}, headrace`, rates(headrace)),
    row(`${what}, by hand`, rates(hand)),
    {
      ...row(`${what}, headrace beside by hand`, ratios, 'times'),
      target: atLeast(median(ratios), 1.2, '≥ 1.2'),
      note: `the caller's loop took ${(100 * busy).toFixed(0)} % of that time, most of it waiting for room in the ring`,
    },
  ];
}

function keysOf({ keys }: Rows): string[] {
  return Array.from({ length: keys }, (_, i) => `group_${i % 20}.option_${i}`);
}

function valuesOf({ runs, keys, steps }: Rows): Float64Array {
  return Float64Array.from({ length: runs * keys * steps }, () => Math.random());
}

async function started(size: Rows) {
  const tracker = createTracker({ uri: URI });
  const runs = Array.from({ length: size.runs }, () => tracker.startRun());
  await tracker.flush();
  return { tracker, runs, values: valuesOf(size) };
}

/** The same tables with the same runs in them, and the pragmas that headrace sets (src/store/sqlite/database-file.ts). */
async function emptyRuns(size: Rows) {
  const { tracker, runs, values } = await started(size);
  await tracker.close();
  const database = new Database(FILE);
  for (const pragma of [
    'journal_mode = WAL',
    'synchronous = NORMAL',
    'foreign_keys = OFF',
    'cache_size = -16384',
    'wal_autocheckpoint = 4000',
  ]) {
    database.pragma(pragma);
  }
  return { ids: runs.map(({ id }) => id), values, database };
}
