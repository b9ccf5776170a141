/** A comparison as tables of text; how a table is drawn is the affair of the outputs. */
import type { ComparedMetric, Comparison } from './comparison.js';
import { paramLines } from './param-tree.js';
import { durationText, figure, goalWord, MISSING, rhoText, startText, statusWords } from './wording.js';

export interface FormatOptions {
  /** Leaves out params that are equal in all runs; default false. */
  readonly onlyDifferent?: boolean | undefined;
  /** Params by their whole keys, or as the tree that they were flattened from. Default: flat. */
  readonly view?: 'flat' | 'nested' | undefined;
}

export interface Section {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly numeric: readonly boolean[];
  /** Columns at the left that say what a row is; the others may stand in further tables below. */
  readonly fixed: number;
  /** What the table does not show. */
  readonly note: string;
}

export function sectionsOf(comparison: Comparison, options: FormatOptions = {}): Section[] {
  const sections = [runSection(comparison), paramSection(comparison, options)];
  if (comparison.metrics.length > 0) sections.push(metricSection(comparison));
  if (correlatedParams(comparison).length > 0) sections.push(correlationSection(comparison));
  return sections;
}

function runSection({ runs }: Comparison): Section {
  return {
    title: 'Runs',
    head: ['run', 'id', 'experiment', 'status', 'start', 'took'],
    rows: runs.map((run) => [run.label, run.id, run.experiment, run.status, startText(run), durationText(run)]),
    numeric: [false, false, false, false, false, true],
    fixed: 1,
    note: '',
  };
}

function paramSection({ runs, params }: Comparison, { onlyDifferent = false, view = 'flat' }: FormatOptions): Section {
  const shown = onlyDifferent ? params.filter(({ status }) => status !== 'equal') : params;
  const rows = paramLines(shown, view).map(({ depth, text, param }) => [
    '  '.repeat(depth) + text,
    param === undefined ? '' : statusWords(param),
    ...runs.map((_, run) => (param === undefined ? '' : (param.values[run] ?? MISSING))),
  ]);
  const hidden = params.length - shown.length;
  return {
    title: 'Params',
    head: ['param', 'is', ...runs.map(({ label }) => label)],
    rows,
    numeric: [false, false, ...runs.map((_, run) => shown.every((param) => param.numeric || param.values[run] === null))],
    fixed: 2,
    note: hidden === 0 ? '' : `${hidden} of ${params.length} params are equal and not shown.`,
  };
}

function metricSection({ runs, metrics }: Comparison): Section {
  return {
    title: 'Metrics',
    head: ['metric', 'value', ...runs.map(({ label }) => label)],
    rows: metrics.flatMap(metricRows),
    numeric: [false, false, ...runs.map(() => true)],
    fixed: 2,
    note: '',
  };
}

function metricRows(metric: ComparedMetric): string[][] {
  const { key, summaries } = metric;
  const row = (name: string, what: string, of: (summary: NonNullable<(typeof summaries)[number]>) => string): string[] => [
    name,
    what,
    ...summaries.map((summary) => (summary === null ? MISSING : of(summary))),
  ];
  return [
    row(key, `best (${goalWord(metric)})`, ({ best }) => figure(best)),
    row('', 'at step', ({ bestStep }) => figure(bestStep)),
    row('', 'last', ({ last }) => figure(last)),
    row('', 'min', ({ min }) => figure(min)),
    row('', 'max', ({ max }) => figure(max)),
    row('', 'count', ({ count }) => figure(count)),
  ];
}

/** Of a param without any correlation there is nothing to show but that. */
export function correlatedParams({ correlations }: Comparison): string[] {
  return [...new Set(correlations.filter(({ rho }) => rho !== null).map(({ param }) => param))];
}

function correlationSection(comparison: Comparison): Section {
  const { metrics, correlations } = comparison;
  const params = correlatedParams(comparison);
  return {
    title: 'Rank correlation with the best value (runs it rests on)',
    head: ['param', ...metrics.map(({ key }) => key)],
    rows: params.map((key) => [key, ...correlations.filter(({ param }) => param === key).map(rhoText)]),
    numeric: [false, ...metrics.map(() => true)],
    fixed: 1,
    note: '',
  };
}
