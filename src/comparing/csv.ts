/** A comparison for spreadsheets and data frames: RFC 4180, a row for each run. */
import { csvText, guardedFromFormulas } from '../csv.js';
import type { ComparedRun, Comparison } from './comparison.js';

export interface CsvOptions {
  /** Leaves out params that are equal in all runs; default false. */
  readonly onlyDifferent?: boolean | undefined;
  /**
   * A text that a spreadsheet would compute gets an apostrophe in front. False: cells are what was logged, for programs
   * that compute nothing. Default true.
   */
  readonly guardFormulas?: boolean | undefined;
}

type Cell = string | number | null;

const RUN_COLUMNS = ['run_id', 'name', 'experiment', 'status', 'start_time', 'end_time', 'user'];

function runCells({ id, name, experiment, status, startTime, endTime, user }: ComparedRun): Cell[] {
  return [id, name, experiment, status, time(startTime), time(endTime), user];
}

export function formatCsv(comparison: Comparison, options: CsvOptions = {}): string {
  const { onlyDifferent = false, guardFormulas = true } = options;
  const { runs, metrics } = comparison;
  const params = onlyDifferent ? comparison.params.filter(({ status }) => status !== 'equal') : comparison.params;
  const head: Cell[] = [
    ...RUN_COLUMNS,
    ...params.map(({ key }) => `params.${key}`),
    ...metrics.flatMap(({ key }) => ['best', 'last', 'min', 'max', 'count'].map((what) => `metrics.${key}.${what}`)),
  ];
  const rows = runs.map((run, index): Cell[] => [
    ...runCells(run),
    ...params.map(({ values }) => values[index] ?? null),
    ...metrics.flatMap(({ summaries }): Cell[] => {
      const summary = summaries[index] ?? null;
      if (summary === null) return [null, null, null, null, null];
      return [summary.best, summary.last, summary.min, summary.max, summary.count];
    }),
  ]);
  return csvText([head, ...rows].map((cells) => cells.map((cell) => cellText(cell, guardFormulas))));
}

function time(milliseconds: number | null): string | null {
  return milliseconds === null ? null : new Date(milliseconds).toISOString();
}

function cellText(cell: Cell, guardFormulas: boolean): string | null {
  if (cell === null) return null;
  const text = String(cell);
  return guardFormulas ? guardedFromFormulas(text) : text;
}
