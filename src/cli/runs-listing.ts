/** Runs side by side: one line each, with what tells them apart. */
import { stripVTControlCharacters } from 'node:util';
import { csvText } from '../csv.js';
import { numberIdentity } from '../params/number-text.js';
import type { StoredRun } from '../reading/stored-run.js';
import { type Colours, coloursFor } from './colours.js';
import { statusText } from './status-text.js';
import { textTable } from './text-table.js';
import { amount, cut, duration, figure, plain } from './words.js';

/** What fits beside each other; the others are named below. */
const MOST_PARAMS = 8;
const MOST_METRICS = 4;
const CELL_LETTERS = 30;
const ID_DIGITS = 8;

/** `metrics`: those that were asked for, in their order; none: those that most of the runs have. `width`: of the terminal. */
export function runsTable(runs: readonly StoredRun[], metrics: readonly string[], width: number = terminalWidth()): string {
  const colours = coloursFor(process.stdout);
  const varying = varyingParams(runs);
  const shown = metrics.length > 0 ? metrics : commonMetrics(runs).slice(0, MOST_METRICS);
  for (let count = Math.min(MOST_PARAMS, varying.length); ; count--) {
    const lines = tableLines(runs, varying.slice(0, count), shown, colours);
    if (count > 0 && lines.some((line) => stripVTControlCharacters(line).length > width)) continue;
    return `${[...lines, ...leftOut(varying.slice(count), colours)].join('\n')}\n`;
  }
}

function tableLines(
  runs: readonly StoredRun[],
  params: readonly string[],
  metrics: readonly string[],
  colours: Colours,
): string[] {
  const severalExperiments = new Set(runs.map(({ experimentId }) => experimentId)).size > 1;
  const fixed = ['run', 'name', ...(severalExperiments ? ['experiment'] : []), 'status', 'age'];
  const rows = runs.map((run) => [
    plain(run.id).slice(0, ID_DIGITS),
    cell(run.name),
    ...(severalExperiments ? [cell(run.experimentName)] : []),
    statusText(run.status, colours),
    run.startTime === undefined ? '-' : duration(Date.now() - run.startTime),
    ...params.map((key) => cell(run.params.get(key) ?? '-')),
    ...metrics.map((key) => metricText(run, key)),
  ]);
  const right = metrics.map((_, index) => fixed.length + params.length + index);
  const [titles = '', ...lines] = textTable([...fixed, ...params, ...metrics].map(cell), rows, right);
  return [colours.bold(titles), ...lines];
}

function terminalWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
}

/** All params and metrics, by MLflow's names of columns. */
export function runsCsv(runs: readonly StoredRun[], metrics: readonly string[]): string {
  const params = keysOf(runs.map((run) => run.params));
  const shown = metrics.length > 0 ? metrics : keysOf(runs.map((run) => run.metrics));
  const head = ['run_id', 'run_name', 'experiment', 'status', 'start_time', 'end_time'];
  const rows = runs.map((run) => [
    run.id,
    run.name,
    run.experimentName,
    run.status,
    timeText(run.startTime) || null,
    timeText(run.endTime) || null,
    ...params.map((key) => run.params.get(key) ?? null),
    ...shown.map((key) => run.metrics.get(key)?.value.toString() ?? null),
  ]);
  return csvText([[...head, ...params.map((key) => `params.${key}`), ...shown.map((key) => `metrics.${key}`)], ...rows]);
}

export function commonMetrics(runs: readonly StoredRun[]): string[] {
  const counts = new Map<string, number>();
  for (const { metrics } of runs) for (const key of metrics.keys()) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([key]) => key);
}

/** One that some runs have and others don't varies, too; one number in two spellings does not. */
function varyingParams(runs: readonly StoredRun[]): string[] {
  const identity = (text: string | undefined): string | undefined => (text === undefined ? text : (numberIdentity(text) ?? text));
  return keysOf(runs.map(({ params }) => params)).filter(
    (key) => new Set(runs.map(({ params }) => identity(params.get(key)))).size > 1,
  );
}

function keysOf(maps: readonly ReadonlyMap<string, unknown>[]): string[] {
  return [...new Set(maps.flatMap((map) => [...map.keys()]))].sort();
}

function metricText(run: StoredRun, key: string): string {
  const value = run.metrics.get(key)?.value;
  return value === undefined ? '-' : figure(value);
}

function cell(text: string): string {
  return cut(plain(text), CELL_LETTERS);
}

function timeText(time: number | undefined): string {
  return time === undefined ? '' : new Date(time).toISOString();
}

function leftOut(keys: readonly string[], { faint }: Colours): string[] {
  return keys.length === 0
    ? []
    : [
        faint(
          `${amount(keys.length, 'param')} more ${keys.length === 1 ? 'varies' : 'vary'} (--csv has all): ${cut(plain(keys.join(', ')), 100)}`,
        ),
      ];
}
