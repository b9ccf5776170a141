/** One run for a person to read. */
import type { ConfigTree } from '../reading/config.js';
import type { MetricPoint, StoredRun } from '../reading/stored-run.js';
import { columnsOf } from '../text-columns.js';
import { type Colours, coloursFor } from './colours.js';
import { isTree, leafText } from './config-leaves.js';
import { sparkline } from './sparkline.js';
import { statusText } from './status-text.js';
import { terminalWidth } from './terminal-width.js';
import { textTable } from './text-table.js';
import { amount, cut, duration, figure, number, plain } from './words.js';

const LINE_LETTERS = 200;

/** `width`: of the terminal. */
export async function runText(
  run: StoredRun,
  withAllTags: boolean,
  width: number | undefined = terminalWidth(),
): Promise<string> {
  const colours = coloursFor(process.stdout);
  const { id, name, status, params, metrics } = run;
  const lines = [`${colours.bold(plain(name))}  ${statusText(status, colours)}`, ...facts(run), ''];
  lines.push(colours.bold(params.size === 0 ? 'no params' : 'params'), ...treeLines(run.config(), '  '), '');
  lines.push(
    colours.bold(metrics.size === 0 ? 'no metrics' : 'metrics'),
    ...(await metricLines(run, width ?? Number.POSITIVE_INFINITY)),
  );
  const tags = [...run.tags].filter(([key]) => withAllTags || !/^(?:mlflow|headrace)\./.test(key));
  if (tags.length > 0) lines.push('', colours.bold('tags'), ...pairLines(tags));
  lines.push(...hint(run.tags.size - tags.length, id, colours));
  return `${lines.join('\n')}\n`;
}

function facts({ id, experimentName, experimentId, startTime, endTime, user }: StoredRun): string[] {
  const times = startTime === undefined ? [] : [['started', started(startTime, endTime)]];
  const rows = [['id', plain(id)], ['experiment', `${plain(experimentName)} (${plain(experimentId)})`], ...times];
  if (user !== '') rows.push(['user', plain(user)]);
  return rows.map(([what = '', words]) => `${what.padEnd(12)}${words}`);
}

function started(startTime: number, endTime: number | undefined): string {
  const ago = `${new Date(startTime)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z/, ' UTC')}, ${duration(Date.now() - startTime)} ago`;
  return endTime === undefined ? ago : `${ago}; took ${duration(endTime - startTime)}`;
}

function treeLines(tree: ConfigTree, indent: string): string[] {
  const entries = Object.entries(tree);
  const width = Math.max(0, ...entries.map(([name]) => [...plain(name)].length));
  return entries.flatMap(([name, value]) =>
    isTree(value) && Object.keys(value).length > 0
      ? [`${indent}${plain(name)}`, ...treeLines(value, `${indent}  `)]
      : [`${indent}${plain(name).padEnd(width)}  ${cut(plain(leafText({ path: [name], value })), LINE_LETTERS)}`],
  );
}

/** Where lines would be broken, a value has fewer digits, and then the range goes. */
async function metricLines(run: StoredRun, width: number): Promise<string[]> {
  const rows: { readonly exact: string[]; readonly short: string[]; readonly range: string }[] = [];
  for (const [key, { value, step }] of run.metrics) {
    const history = await run.history(key);
    const course = [`step ${number(step)}`, sparkline(valuesOf(history))];
    rows.push({
      exact: [plain(key), String(value), ...course],
      short: [plain(key), figure(value), ...course],
      range: range(history),
    });
  }
  if (rows.length === 0) return [];
  const linesOf = (cells: readonly string[][]): string[] =>
    textTable(['', 'last', '', '', ''], cells, [1]).map((line) => `  ${line}`.trimEnd());
  const whole = linesOf(rows.map((row) => [...row.exact, row.range]));
  if (fits(whole, width)) return whole;
  const shorter = linesOf(rows.map((row) => [...row.short, row.range]));
  return fits(shorter, width) ? shorter : linesOf(rows.map((row) => [...row.short, '']));
}

function fits(lines: readonly string[], width: number): boolean {
  return lines.every((line) => columnsOf(line) <= width);
}

function valuesOf(history: readonly MetricPoint[]): number[] {
  return history.map(({ value }) => value);
}

function range(history: readonly MetricPoint[]): string {
  const finite = valuesOf(history).filter(Number.isFinite);
  if (finite.length < 2) return '';
  // Not by Math.min of all: a history may have more values than a call has room for.
  const least = finite.reduce((a, b) => Math.min(a, b));
  const most = finite.reduce((a, b) => Math.max(a, b));
  return `${figure(least)} to ${figure(most)}, ${amount(history.length, 'value')}`;
}

function pairLines(pairs: readonly (readonly [key: string, value: string])[]): string[] {
  const width = Math.max(...pairs.map(([key]) => [...plain(key)].length));
  return pairs.map(([key, value]) => `  ${plain(key).padEnd(width)}  ${cut(plain(value), LINE_LETTERS)}`);
}

function hint(hidden: number, id: string, { faint }: Colours): string[] {
  return hidden === 0
    ? []
    : ['', faint(`${amount(hidden, 'tag')} of MLflow's and headrace's own: headrace show ${id.slice(0, 8)} --all`)];
}
