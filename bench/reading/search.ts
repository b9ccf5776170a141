/** What a filtered search costs beside the best SQL that somebody would write for it by hand. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { openRuns, type RunSearch, type Runs } from '../../src/index.js';
import { type Answer, atMost, type Row, type Scale } from '../question.js';
import { median, range } from '../statistics.js';
import { askByHand, type ByHand, type Counted, type Form } from './by-hand.js';
import { writeRuns } from './many-runs.js';

interface Case {
  readonly search: RunSearch;
  readonly byHand: ByHand;
}

const param = (key: string, condition: string): string =>
  `r.run_uuid IN (SELECT run_uuid FROM params WHERE key = '${key}' AND ${condition})`;
const metric = (key: string, condition: string): string =>
  `r.run_uuid IN (SELECT run_uuid FROM latest_metrics WHERE key = '${key}' AND is_nan = 0 AND ${condition})`;

const ADAM = param('optimizer.name', "value = 'adam'");
const SMALL = param('optimizer.lr', 'CAST(value AS REAL) < 0.001');
const GOOD = metric('accuracy', 'value > 0.9');

const CASES: readonly Case[] = [
  { search: { filter: "params.optimizer.name = 'adam'" }, byHand: { where: ADAM } },
  { search: { filter: 'params.optimizer.lr < 0.001' }, byHand: { where: SMALL } },
  { search: { filter: 'metrics.accuracy > 0.9' }, byHand: { where: GOOD } },
  {
    search: { filter: "params.optimizer.name = 'adam' and metrics.accuracy > 0.9" },
    byHand: { where: `${ADAM} AND ${GOOD}` },
  },
  {
    search: { filter: "params.optimizer.name like 'ada%' or status = 'FAILED'" },
    byHand: { where: `(${param('optimizer.name', "value GLOB 'ada*'")} OR r.status = 'FAILED')` },
  },
  {
    search: { filter: "not (params.optimizer.lr < 0.001 or status = 'FAILED')" },
    byHand: { where: `NOT (${SMALL} OR r.status = 'FAILED')` },
  },
  {
    search: { filter: 'metrics.accuracy > 0.5', orderBy: 'metrics.accuracy DESC', limit: 20 },
    byHand: {
      where: metric('accuracy', 'value > 0.5'),
      rest: "ORDER BY (SELECT value FROM latest_metrics m WHERE m.key = 'accuracy' AND m.run_uuid = r.run_uuid) DESC, r.start_time DESC, r.run_uuid LIMIT 20",
    },
  },
  { search: { filter: "params.optimizer.name = 'none'" }, byHand: { where: param('optimizer.name', "value = 'none'") } },
  { search: {}, byHand: { where: 'TRUE' } },
];

const FORMS: readonly Form[] = ['rows', 'texts'];

export const question = {
  title: 'a search in a SQLite file, whole runs read',
  async ask(scale: Scale): Promise<Answer> {
    const folder = mkdtempSync(join(tmpdir(), 'headrace-bench-'));
    const path = join(folder, 'mlflow.db');
    const [runs, params, rounds] = [scale.of(10_000, 1000), 50, scale.of(9, 3)];
    try {
      await writeRuns(path, runs, params);
      const database = new Database(path, { readonly: true });
      await using opened = openRuns(`sqlite:///${path}`);
      const rows: Row[] = [];
      for (const each of CASES) rows.push(...(await ratioOf(each, database, opened, rounds)));
      database.close();
      return { sizes: { runs, params, rounds }, rows };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function ratioOf({ search, byHand }: Case, database: Database.Database, opened: Runs, rounds: number): Promise<Row[]> {
  const ours: number[] = [];
  const theirs: number[] = [];
  let found = 0;
  // The first round compiles the code and fills the caches.
  for (let round = 0; round <= rounds; round++) {
    const headrace = await took(() => ask(opened, search));
    found = headrace.result.ids.length;
    let best = Number.POSITIVE_INFINITY;
    for (const form of FORMS) {
      const { ms, result } = await took(async () => askByHand(database, byHand, form));
      expectSame(search, headrace.result, result);
      best = Math.min(best, ms);
    }
    if (round === 0) continue;
    ours.push(headrace.ms);
    theirs.push(best);
  }
  const ratios = ours.map((ms, i) => ms / (theirs[i] ?? Number.NaN));
  const what = [
    search.filter ?? 'no filter',
    search.orderBy && `by ${String(search.orderBy)}`,
    search.limit && `first ${search.limit}`,
  ]
    .filter(Boolean)
    .join(', ');
  const row = (name: string, unit: string, values: readonly number[]): Row => ({
    what: name,
    unit,
    clock: 'whole',
    median: median(values),
    range: range(values),
    rounds,
  });
  return [
    row(`${what}: by hand, ${found} runs`, 'ms', theirs),
    row(`${what}: headrace`, 'ms', ours),
    { ...row(`${what}: ratio`, '×', ratios), target: atMost(median(ratios), 1.5, '≤ 1.5 ×') },
  ];
}

async function took<T>(work: () => Promise<T>): Promise<{ readonly ms: number; readonly result: T }> {
  const from = performance.now();
  const result = await work();
  return { ms: performance.now() - from, result };
}

async function ask(opened: Runs, search: RunSearch): Promise<Counted> {
  const ids: string[] = [];
  const sum = { params: 0, metrics: 0, tags: 0 };
  for await (const run of opened.searchRuns(search)) {
    ids.push(run.id);
    sum.params += run.params.size;
    sum.metrics += run.metrics.size;
    sum.tags += run.tags.size;
  }
  return { ids, ...sum };
}

function expectSame(search: RunSearch, ours: Counted, theirs: Counted): void {
  if (JSON.stringify(ours) === JSON.stringify(theirs)) return;
  const { ids, ...sum } = theirs;
  throw new Error(
    `${JSON.stringify(search)}: ${ids.length} runs by hand (${JSON.stringify(sum)}), ${ours.ids.length} by headrace`,
  );
}
