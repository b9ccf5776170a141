/**
 * Many processes into one PostgreSQL, while MLflow reads from it and some of them are killed. `HEADRACE_LONG=1` for the
 * whole of it; the short form is the same with fewer.
 */
import { join } from 'node:path';
import Table from 'cli-table3';
import { expect, onTestFinished, test } from 'vitest';
import { createTracker } from '../../src/index.js';
import { Child, useChildren } from '../exit/child.js';
import { sendLeftovers } from '../faults/journals.js';
import { isLong, SEED } from '../mlflow/fault-work.js';
import { MlflowServer } from '../mlflow/mlflow-server.js';
import { pythonOf } from '../mlflow/mlflow-versions.js';
import { newFolder } from '../store/place.js';
import { until } from '../tracker/waiting.js';
import type { RivalPlan, RivalReport } from './children/rival.js';
import { COMMON_VALUE, METRIC_PLACE, METRIC_VALUE, METRICS, PARAM_PLACE, PARAM_VALUE, PARAMS, RECORDS } from './logged-run.js';
import { MlflowDatabase } from './mlflow-database.js';
import { MlflowReader } from './mlflow-reader.js';
import { ownCluster } from './shared-server.js';
import { numbersOf, recordsOf, writeRuns } from './writers.js';

const PROCESSES = isLong ? 32 : 8;
const RUNS = isLong ? 1000 : 100;
const KILLS = isLong ? 12 : 3;
/** Of the run that all share, half of them contended. */
const KEYS = isLong ? 1000 : 200;
const STEPS = isLong ? 1000 : 300;
const TIMEOUT_MS = isLong ? 60 * 60_000 : 10 * 60_000;

useChildren(join(import.meta.dirname, 'children'));

interface Place {
  readonly database: MlflowDatabase;
  readonly reader: MlflowReader;
  readonly journals: string;
  readonly experiment: string;
}

/** A server of PostgreSQL with room for all, and one of MLflow that is asked all the time. */
async function place(experiment: string): Promise<Place> {
  const cluster = await ownCluster({ max_connections: 500 });
  onTestFinished(() => cluster.remove());
  const database = await MlflowDatabase.make(cluster.address);
  const mlflow = await MlflowServer.start(await pythonOf(), newFolder(), database.mlflowUri);
  onTestFinished(() => mlflow.stop());
  const reader = new MlflowReader(mlflow, await mlflow.createExperiment(experiment));
  onTestFinished(() => reader.stop());
  return { database, reader, journals: join(newFolder(), 'journals'), experiment };
}

function show(title: string, figures: Readonly<Record<string, string | number>>): void {
  const table = new Table({ style: { head: [], border: [], compact: true } });
  for (const [name, figure] of Object.entries(figures)) {
    table.push([name, typeof figure === 'number' ? figure.toLocaleString('en-US', { maximumFractionDigits: 0 }) : figure]);
  }
  process.stdout.write(`\n${title}\n${table.toString()}\n`);
}

test(
  'records of many processes are lost or doubled, or a run is neither complete nor KILLED, while MLflow reads and some are killed',
  async () => {
    const { database, reader, journals, experiment } = await place('load');
    const options = { uri: database.uri, experiment, journal: { dir: journals } };
    const report = await writeRuns({ options, processes: PROCESSES, runs: RUNS, atOnce: 4, kills: KILLS, seed: SEED });
    await sendLeftovers(database.uri, journals);
    await reader.stop();

    const stored = await database.rows<{ id: string; name: string; status: string }>(
      'SELECT run_uuid AS id, runs.name, status FROM runs JOIN experiments USING (experiment_id) WHERE experiments.name = $1',
      experiment,
    );
    const counts = await database.rows<{ id: string; places: number[]; records: number; wrong: number }>(`
      SELECT run_uuid AS id, array_agg(DISTINCT place) AS places, count(*)::int AS records, count(*) FILTER (WHERE NOT is_right)::int AS wrong
      FROM (
        SELECT run_uuid, ${PARAM_PLACE} AS place, value = ${PARAM_VALUE} AS is_right FROM params JOIN runs USING (run_uuid)
        UNION ALL
        SELECT run_uuid, ${METRIC_PLACE}, value = ${METRIC_VALUE} FROM metrics JOIN runs USING (run_uuid)
      ) AS logged GROUP BY run_uuid`);
    const [differing] = await database.rows<{ latest: number }>(`
      SELECT count(*)::int AS latest FROM latest_metrics l
      FULL JOIN (SELECT run_uuid, key, max(step) AS step FROM metrics GROUP BY run_uuid, key) m USING (run_uuid, key)
      WHERE l.step IS DISTINCT FROM m.step`);
    const countOf = new Map(counts.map((count) => [count.id, count]));
    const statusOf = new Map(stored.map(({ id, status }) => [id, status]));
    const findings: string[] = [...report.refused, ...report.ends, ...reader.findings];
    let [lost, doubled, wrong, killed] = [0, 0, differing?.latest ?? Number.NaN, 0];
    for (const { number, id, durable, landed, isDone } of report.runs) {
      const places = new Set(countOf.get(id)?.places ?? []);
      const promised = Math.max(durable, landed);
      lost += numbersOf(promised).filter((at) => !places.has(at)).length;
      const status = statusOf.get(id);
      if (status === 'KILLED') killed++;
      const isComplete = status === 'FINISHED' && places.size === RECORDS;
      // One that died before its run was made has promised nothing.
      const isRight = isComplete || (!isDone && (status === 'KILLED' || (status === undefined && promised === 0)));
      if (isRight) continue;
      wrong++;
      findings.push(`run ${number} (${id}) is ${status}, has ${places.size} records, told ${durable} durable, ${landed} landed`);
    }
    for (const { records, places, wrong: values } of counts) {
      doubled += records - places.length;
      wrong += values;
    }
    const told = new Set(report.runs.map(({ id }) => id));
    doubled += stored.filter(({ id }) => !told.has(id)).length;
    const complete = new Set(stored.filter(({ status }) => status === 'FINISHED').map(({ name }) => name));

    show(`${PROCESSES} processes, ${RUNS} runs of ${PARAMS} params and ${METRICS} metrics`, {
      'processes killed and started again': report.kills,
      'records told durable': recordsOf(report.runs, 'durable'),
      'records told landed': recordsOf(report.runs, 'landed'),
      'records stored': counts.reduce((sum, { records }) => sum + records, 0),
      'runs complete': complete.size,
      'runs KILLED': killed,
      lost,
      doubled,
      wrong,
      'answers of MLflow meanwhile': reader.answers,
      seconds: report.seconds,
      'records a second': recordsOf(report.runs, 'landed') / report.seconds,
    });
    expect({ lost, doubled, wrong, findings: findings.slice(0, 20) }).toEqual({ lost: 0, doubled: 0, wrong: 0, findings: [] });
    expect([complete.size, report.kills]).toEqual([RUNS, KILLS]);
    expect(killed).toBeGreaterThan(0);
    expect(reader.answers).toBeGreaterThan(10);
  },
  TIMEOUT_MS,
);

test(
  'a key of a run that many processes share has no winner, or a loser is told never or twice, though some are killed',
  async () => {
    const { database, reader, journals, experiment } = await place('shared');
    const options = { uri: database.uri, experiment, journal: { dir: journals } };
    const tracker = createTracker(options);
    onTestFinished(async () => {
      await tracker.close({ timeoutMs: 1000, throwOnFailure: false }).catch(() => undefined);
    });
    const run = tracker.startRun({ name: 'shared' });
    const runId = await run.storeId;
    const contended = Array.from({ length: KEYS / 2 }, (_, i) => `contended ${i}`);
    const agreed = contended.map((_, i) => `agreed ${i}`);
    const plans = Array.from({ length: PROCESSES }, (_, i): RivalPlan => {
      // From both ends, so that none is always first.
      const keys = i % 2 === 0 ? contended : contended.toReversed();
      return { name: `rival ${i}`, options, runId, contended: keys, agreed, steps: STEPS };
    });
    const started = plans.map((plan) => new Child('rival.ts', [JSON.stringify(plan)], { deadlineMs: TIMEOUT_MS }));
    await until('all of them', () => started.every(({ words }) => words.includes('ready')), 120_000);
    for (const child of started) child.say('go');
    const victims = started.slice(0, KILLS);
    const ended = await Promise.all(
      started.map(async (child, i) => {
        if (!victims.includes(child)) return child.ended;
        await child.said('half');
        child.process.kill('SIGKILL');
        await child.ended;
        const again = new Child('rival.ts', [JSON.stringify(plans[i])], { deadlineMs: TIMEOUT_MS });
        again.say('go');
        return again.ended;
      }),
    );
    expect(ended.filter(({ code }) => code !== 0)).toEqual([]);
    await run.end();
    // Its own journal would be no leftover while it lives.
    await tracker.close();
    await sendLeftovers(database.uri, journals);
    await reader.stop();

    const reports = ended.map(({ stdout }) => {
      const line = stdout.split('\n').find((each) => each.startsWith('{')) ?? '';
      // The rival's own words.
      return JSON.parse(line) as RivalReport;
    });
    const findings = [...reports.flatMap(({ errors }) => errors), ...reader.findings];
    const rows = await database.rows<{ key: string; value: string }>('SELECT key, value FROM params WHERE run_uuid = $1', runId);
    const stored = new Map(rows.map(({ key, value }) => [key, value]));
    let [lost, wrong, refused] = [0, 0, 0];
    for (const key of contended) {
      const value = stored.get(key);
      if (value === undefined) lost++;
      const winners = reports.filter(({ won }) => won.includes(key)).map(({ name }) => name);
      const losers = reports.filter(({ beaten }) => beaten[key] !== undefined);
      refused += losers.length;
      const isRight =
        winners.length === 1 &&
        winners[0] === value &&
        losers.length === PROCESSES - 1 &&
        losers.every(({ beaten, told }) => beaten[key] === value && told[key] === 1);
      if (isRight) continue;
      wrong++;
      findings.push(`${key} is ${value}; won by ${winners.join()}; ${losers.length} were told another`);
    }
    for (const key of agreed) {
      if (stored.get(key) === undefined) lost++;
      else if (stored.get(key) !== COMMON_VALUE) wrong++;
    }
    wrong += reports.filter((report) => report.agreed !== agreed.length).length;
    const metrics = await database.rows<{ key: string; records: number; different: number; wrong: number }>(
      `SELECT key, count(*)::int AS records, count(DISTINCT step)::int AS different,
         count(*) FILTER (WHERE value <> step / 8::float8)::int AS wrong FROM metrics WHERE run_uuid = $1 GROUP BY key`,
      runId,
    );
    const doubled = metrics.reduce((sum, { records, different }) => sum + records - different, 0);
    lost += PROCESSES * STEPS - metrics.reduce((sum, { different }) => sum + different, 0);
    wrong += metrics.reduce((sum, each) => sum + each.wrong, 0);
    const [{ status } = {}] = await database.rows('SELECT status FROM runs WHERE run_uuid = $1', runId);

    show(`one run that ${PROCESSES} processes share`, {
      'processes killed and started again': victims.length,
      'params contended': contended.length,
      'params that all agree on': agreed.length,
      'conflicts refused': refused,
      'metrics stored': metrics.reduce((sum, { records }) => sum + records, 0),
      lost,
      doubled,
      wrong,
      'answers of MLflow meanwhile': reader.answers,
    });
    expect({ lost, doubled, wrong, findings: findings.slice(0, 20) }).toEqual({ lost: 0, doubled: 0, wrong: 0, findings: [] });
    expect(status).toBe('FINISHED');
    expect(refused).toBe(contended.length * (PROCESSES - 1));
    // Else it was no race.
    expect(new Set(contended.map((key) => stored.get(key))).size).toBeGreaterThan(1);
    expect(reader.answers).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);
