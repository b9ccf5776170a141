/** Runs beside each other: which params vary, what the metrics came to, and what goes with what. */
import { NoRunsError, OptionError } from '../errors.js';
import { numberIdentity, numberOf } from '../params/number-text.js';
import type { StoredRun } from '../reading/stored-run.js';
import type { ComparedMetric, ComparedParam, ComparedRun, Comparison, Correlation, Goal } from './comparison.js';
import { curveOf, LEAST_POINTS } from './curve.js';
import { type KeyPattern, matches } from './key-patterns.js';
import { goalOf } from './metric-goal.js';
import { summarize } from './metric-summary.js';
import { rankCorrelation } from './rank-correlation.js';

export interface CompareOptions {
  /** Params and metrics that are left out; default: none. */
  readonly ignore?: readonly KeyPattern[] | undefined;
  /** Whether less or more is better, by metric; keys may be globs. Default: by the metric's name. */
  readonly goal?: Readonly<Record<string, Goal>> | undefined;
  /** How many points of a metric's history are kept for its curve; 0: no curves. Default 1000. */
  readonly curvePoints?: number | undefined;
}

/** Histories that are read at once: enough for a server's round trips, few enough for its other users. */
const READS_AT_ONCE = 8;

export async function compareRuns(runs: readonly StoredRun[], options: CompareOptions = {}): Promise<Comparison> {
  if (runs.length === 0) throw new NoRunsError();
  const { ignore = [], goal = {}, curvePoints = 1000 } = options;
  checkCurvePoints(curvePoints);
  const isIgnored = (key: string): boolean => ignore.some((pattern) => matches(key, pattern));

  const paramKeys = keysOf(runs.map(({ params }) => params)).filter((key) => !isIgnored(key));
  const metricKeys = keysOf(runs.map(({ metrics }) => metrics)).filter((key) => !isIgnored(key));
  const params = paramKeys.map((key) => comparedParam(key, runs));
  const metrics: ComparedMetric[] = [];
  for (const key of metricKeys) metrics.push(await comparedMetric(key, runs, goalOf(key, goal), curvePoints));
  return {
    runs: comparedRuns(runs),
    params,
    varying: params.filter(({ status }) => status !== 'equal').map(({ key }) => key),
    constant: params.filter(({ status }) => status === 'equal').map(({ key }) => key),
    metrics,
    correlations: correlations(params, metrics),
  };
}

function checkCurvePoints(points: number): void {
  if (points === 0 || (Number.isInteger(points) && points >= LEAST_POINTS)) return;
  throw new OptionError({
    option: 'curvePoints',
    received: String(points),
    expected: `0, or an integer from ${LEAST_POINTS} on`,
  });
}

function keysOf(maps: readonly ReadonlyMap<string, unknown>[]): string[] {
  return [...new Set(maps.flatMap((map) => [...map.keys()]))].sort();
}

function comparedRuns(runs: readonly StoredRun[]): ComparedRun[] {
  const ids = new Map<string, Set<string>>();
  for (const { name, id } of runs) ids.set(name, (ids.get(name) ?? new Set<string>()).add(id));
  return runs.map(({ id, name, experimentName, status, startTime, endTime, user }) => ({
    id,
    name,
    label: label(name, id, (ids.get(name)?.size ?? 0) > 1),
    experiment: experimentName,
    status,
    startTime: startTime ?? null,
    endTime: endTime ?? null,
    user,
  }));
}

function label(name: string, id: string, isShared: boolean): string {
  if (name === '') return id.slice(0, 8);
  return isShared ? `${name} (${id.slice(0, 8)})` : name;
}

function comparedParam(key: string, runs: readonly StoredRun[]): ComparedParam {
  const values = runs.map(({ params }) => params.get(key) ?? null);
  const texts = new Set(values.filter((value) => value !== null));
  const numbers = new Set([...texts].map(numberIdentity).filter((identity) => identity !== undefined));
  const words = [...texts].filter((text) => numberIdentity(text) === undefined).length;
  return {
    key,
    status: values.includes(null) ? 'missing' : numbers.size + words > 1 ? 'different' : 'equal',
    values,
    sameNumber: numbers.size + words < texts.size,
    numeric: words === 0,
  };
}

async function comparedMetric(key: string, runs: readonly StoredRun[], goal: Goal, curvePoints: number): Promise<ComparedMetric> {
  const read = await inTurns(runs, async (run) => {
    const latest = run.metrics.get(key);
    if (latest === undefined) return { summary: null, curve: null };
    const history = await run.history(key);
    // A store may have the latest value alone.
    const points = history.length === 0 ? [latest] : history;
    return { summary: summarize(points, latest, goal), curve: curvePoints === 0 ? null : curveOf(points, curvePoints) };
  });
  const summaries = read.map(({ summary }) => summary);
  return { key, goal, summaries, curves: read.map(({ curve }) => curve), bestRun: bestRun(summaries, goal) };
}

function bestRun(summaries: ComparedMetric['summaries'], goal: Goal): number | null {
  let found: number | null = null;
  let record = Number.NEGATIVE_INFINITY;
  for (const [run, summary] of summaries.entries()) {
    if (summary === null || summary.best === null) continue;
    const merit = goal === 'max' ? summary.best : -summary.best;
    if (found === null || merit > record) [found, record] = [run, merit];
  }
  return found;
}

function correlations(params: readonly ComparedParam[], metrics: readonly ComparedMetric[]): Correlation[] {
  const numeric = params.filter(({ status, numeric }) => status !== 'equal' && numeric);
  return numeric.flatMap((param) => metrics.map((metric) => correlation(param, metric)));
}

function correlation(param: ComparedParam, metric: ComparedMetric): Correlation {
  const pairs = param.values.flatMap((text, run): [number, number][] => {
    const x = text === null ? undefined : numberOf(text);
    const y = metric.summaries[run]?.best ?? null;
    return x === undefined || Number.isNaN(x) || y === null ? [] : [[x, y]];
  });
  return { param: param.key, metric: metric.key, rho: rankCorrelation(pairs) ?? null, runs: pairs.length };
}

async function inTurns<In, Out>(items: readonly In[], work: (item: In) => Promise<Out>): Promise<Out[]> {
  const done: Out[] = [];
  for (let start = 0; start < items.length; start += READS_AT_ONCE) {
    done.push(...(await Promise.all(items.slice(start, start + READS_AT_ONCE).map(work))));
  }
  return done;
}
