/** Runs side by side: one line each, with what tells them apart. */
import { stripVTControlCharacters } from 'node:util';
import { PADDING } from '../borderless-table.js';
import { csvText, guardedFromFormulas } from '../csv.js';
import type { StoredRun } from '../reading/stored-run.js';
import { columnsOf } from '../text-columns.js';
import { coloursFor } from './colours.js';
import { statusText } from './status-text.js';
import { terminalWidth } from './terminal-width.js';
import { textTable } from './text-table.js';
import { keysOf, partsOf, varyingParams } from './varying-params.js';
import { cut, duration, figure, number, plain } from './words.js';

/** Keys that were asked for by name, in their order. */
export interface Asked {
  /** None: those that vary. */
  readonly params: readonly string[];
  /** None: those that most of the runs have. */
  readonly metrics: readonly string[];
  /** All that vary and all metrics, however wide that is. */
  readonly isWhole: boolean;
}

interface Column {
  readonly key: string;
  readonly title: string;
  readonly cells: readonly string[];
}

/** More beside each other nobody reads. For each metric there is room for two params. */
const MOST_METRICS = 4;
const WIDTH_OF_NO_TERMINAL = 160;
const CELL_LETTERS = 30;
/** Of a cell in a narrow terminal. */
const FEW_LETTERS = 16;
const NARROW = 100;
const ID_DIGITS = 8;
/** Of a line that says what is left out. */
const LEAST_TOLD = 60;

/** `width`: of the terminal. What was asked for is there even where it is too wide. */
export function runsTable(
  runs: readonly StoredRun[],
  { params, metrics, isWhole }: Asked,
  width: number = terminalWidth() ?? WIDTH_OF_NO_TERMINAL,
): string {
  const colours = coloursFor(process.stdout);
  const letters = width < NARROW && !isWhole ? FEW_LETTERS : CELL_LETTERS;
  const fixed = fixedColumns(runs, letters);
  const areParamsSure = isWhole || params.length > 0;
  const areMetricsSure = isWhole || metrics.length > 0;
  const paramColumns = (params.length > 0 ? params : varyingParams(runs)).map(
    (key): Column => column(key, letters, runs, (run) => cut(plain(run.params.get(key) ?? '-'), letters)),
  );
  const metricColumns = (metrics.length > 0 ? metrics : commonMetrics(runs)).map(
    (key): Column => column(key, letters, runs, (run) => metricText(run, key)),
  );
  const shown = new Set([...(areParamsSure ? paramColumns : []), ...(areMetricsSure ? metricColumns : [])]);
  let room = width - widthOf([...fixed, ...shown]);
  for (const each of byInterest(areParamsSure ? [] : paramColumns, areMetricsSure ? [] : metricColumns)) {
    const taken = widthOf([each]);
    if (taken > room) continue;
    shown.add(each);
    room -= taken;
  }
  const right = metricColumns.filter((each) => shown.has(each));
  const columns = [...fixed, ...paramColumns.filter((each) => shown.has(each)), ...right];
  const [head = '', ...lines] = textTable(
    columns.map(({ title }) => title),
    runs.map((_, index) => columns.map(({ cells }) => cells[index] ?? '')),
    right.map((_, index) => columns.length - right.length + index),
  );
  const notes = [
    ...leftOut(paramColumns, shown, ['param more varies', 'params more vary'], '--param'),
    ...leftOut(metricColumns, shown, ['metric more', 'metrics more'], '--metric'),
  ];
  const told = notes.map((note) => colours.faint(cut(note, Math.max(width, LEAST_TOLD))));
  return `${[colours.bold(head), ...lines, ...told].join('\n')}\n`;
}

function fixedColumns(runs: readonly StoredRun[], letters: number): Column[] {
  const colours = coloursFor(process.stdout);
  const isOneExperiment = new Set(runs.map(({ experimentId }) => experimentId)).size === 1;
  const fixed: Column[] = [
    column('run', letters, runs, ({ id }) => plain(id).slice(0, ID_DIGITS)),
    column('name', letters, runs, ({ name }) => cut(plain(name), letters)),
    column('experiment', letters, runs, ({ experimentName }) => cut(plain(experimentName), letters)),
    column('status', letters, runs, ({ status }) => statusText(status, colours)),
    column('age', letters, runs, ({ startTime }) => (startTime === undefined ? '-' : duration(Date.now() - startTime))),
  ];
  return fixed.filter(({ key }) => key !== 'experiment' || !isOneExperiment);
}

function column(key: string, letters: number, runs: readonly StoredRun[], cell: (run: StoredRun) => string): Column {
  return { key, title: cutInFront(plain(key), letters), cells: runs.map(cell) };
}

/** What comes of runs and what was chosen for them, by turns. */
function byInterest(params: readonly Column[], metrics: readonly Column[]): Column[] {
  return Array.from({ length: MOST_METRICS }, (_, i) => [...metrics.slice(i, i + 1), ...params.slice(2 * i, 2 * i + 2)]).flat();
}

function widthOf(columns: readonly Column[]): number {
  return columns.reduce((sum, { title, cells }) => {
    const widest = cells.reduce((most, cell) => Math.max(most, columnsOf(stripVTControlCharacters(cell))), columnsOf(title));
    return sum + widest + PADDING;
  }, 0);
}

function leftOut(
  columns: readonly Column[],
  shown: ReadonlySet<Column>,
  [one, several]: readonly [string, string],
  flag: string,
): string[] {
  const keys = columns.filter((each) => !shown.has(each)).map(({ key }) => plain(key));
  if (keys.length === 0) return [];
  return [`${keys.length === 1 ? `1 ${one}` : `${number(keys.length)} ${several}`} (--all, ${flag}): ${keys.join(', ')}`];
}

/** The end of a key says more than its beginning. */
function cutInFront(key: string, letters: number): string {
  const all = [...key];
  return all.length > letters ? `…${all.slice(1 - letters).join('')}` : key;
}

function metricText(run: StoredRun, key: string): string {
  const value = run.metrics.get(key)?.value;
  return value === undefined ? '-' : figure(value);
}

/** All params and metrics, or those that were asked for, by MLflow's names of columns. */
export function runsCsv(runs: readonly StoredRun[], asked: Asked): string {
  const params = asked.params.length > 0 ? asked.params : keysOf(runs.map((run) => run.params));
  const metrics = asked.metrics.length > 0 ? asked.metrics : keysOf(runs.map((run) => run.metrics));
  const head = ['run_id', 'run_name', 'experiment', 'status', 'start_time', 'end_time'];
  const rows = runs.map((run) => [
    run.id,
    run.name,
    run.experimentName,
    run.status,
    timeText(run.startTime),
    timeText(run.endTime),
    ...params.map((key) => run.params.get(key) ?? null),
    ...metrics.map((key) => run.metrics.get(key)?.value.toString() ?? null),
  ]);
  const titles = [...head, ...params.map((key) => `params.${key}`), ...metrics.map((key) => `metrics.${key}`)];
  return csvText([titles, ...rows].map((row) => row.map((cell) => (cell === null ? null : guardedFromFormulas(cell)))));
}

/** Those that most runs have, and of them `loss` before `batch.loss`. */
export function commonMetrics(runs: readonly StoredRun[]): string[] {
  const counts = new Map<string, number>();
  for (const { metrics } of runs) for (const key of metrics.keys()) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || partsOf(a) - partsOf(b) || (a < b ? -1 : 1)).map(([key]) => key);
}

function timeText(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}
