/** The tables of the report. */

import { numberIdentity } from '../../params/number-text.js';
import type { ComparedMetric, ComparedParam, Comparison, Correlation } from '../comparison.js';
import { type ParamLine, paramLines } from '../param-tree.js';
import { correlatedParams } from '../sections.js';
import { durationText, figure, goalWord, MISSING, rhoText, startText, statusWords } from '../wording.js';
import { type Markup, markup } from './markup.js';
import type { Shades } from './shades.js';

/** Beyond it a column for each run says less than how often each value occurs, and the runs' table holds what varies. */
const MOST_COLUMNS = 24;
const MOST_VALUES = 12;
/** Longer values are folded: one of 6000 characters would push all others off the page. */
const MOST_LETTERS = 160;

export function runTable({ runs, params, metrics }: Comparison, shades: Shades): Markup {
  const varying = runs.length > MOST_COLUMNS ? params.filter(({ status }) => status !== 'equal') : [];
  const order = [...shades.order].reverse();
  return markup`<div class="table"><table id="runs"><thead><tr><th class="n">#</th><th class="first">run</th><th>status</th><th>start</th><th class="n">took</th>
${metrics.map((metric) => markup`<th class="n">${metric.key}<small>best: ${goalWord(metric)}</small></th>`)}${varying.map(({ key }) => markup`<th>${key}</th>`)}</tr></thead><tbody>
${order.map((run, place) => {
  const compared = runs[run];
  if (compared === undefined) return markup``;
  const { label, status, id, experiment } = compared;
  return markup`<tr data-run="${run}"><td class="n">${place + 1}</td><th scope="row" class="first"><span title="${experiment} / ${id}">${swatch(shades, run)}${label}</span></th><td class="status${status === 'FAILED' || status === 'KILLED' ? ' bad' : ''}">${status.toLowerCase()}</td><td class="nowrap">${startText(compared)}</td><td class="n">${durationText(compared)}</td>
${metrics.map((metric) => bestCell(metric, run))}${varying.map((param) => valueCell(param.values[run] ?? null, run, false))}</tr>
`;
})}</tbody></table></div>`;
}

function bestCell({ summaries, bestRun }: ComparedMetric, run: number): Markup {
  const summary = summaries[run] ?? null;
  if (summary === null) return markup`<td class="n missing">${MISSING}</td>`;
  const { best, notFinite } = summary;
  return markup`<td class="n${run === bestRun ? ' best' : ''}">${best === null ? 'no number' : figure(best)}${notFinite === 0 ? markup`` : markup`<small>${notFinite} not finite</small>`}</td>`;
}

export function paramTable(comparison: Comparison, shades: Shades, view: 'flat' | 'nested', onlyDifferent: boolean): Markup {
  const { runs, params } = comparison;
  const isWide = runs.length > MOST_COLUMNS;
  const columns = isWide
    ? [markup`<th>values</th>`]
    : runs.map(({ label }, run) => markup`<th data-run="${run}">${swatch(shades, run)}${label}</th>`);
  return markup`<div class="table"><table id="params" class="${onlyDifferent ? 'only' : ''}" data-count="${params.length}"><thead><tr><th class="first">param</th><th>is</th>${columns}</tr></thead><tbody>
${paramLines(params, view).map((line) => paramRow(line, runs.length, isWide))}</tbody></table></div>`;
}

function paramRow({ text, depth, param }: ParamLine, runs: number, isWide: boolean): Markup {
  const name = markup`<th scope="row" class="first depth-${Math.min(depth, 8)}">${text}</th>`;
  if (param === undefined)
    return markup`<tr class="branch">${name}<td colspan="${isWide ? 2 : runs + 1}"></td></tr>
`;
  const { key, status, values } = param;
  const usual = majority(values);
  const cells = isWide
    ? [markup`<td>${counted(values)}</td>`]
    : values.map((value, run) => valueCell(value, run, usual !== undefined && identityOf(value) !== usual));
  return markup`<tr class="${status}" data-key="${key}">${name}<td class="is"><span>${statusWords(param)}</span></td>${cells}</tr>
`;
}

function valueCell(value: string | null, run: number, isOdd: boolean): Markup {
  const odd = isOdd ? ' odd' : '';
  if (value === null) return markup`<td data-run="${run}" class="missing${odd}">${MISSING}</td>`;
  return markup`<td data-run="${run}" class="${numberIdentity(value) === undefined ? 'text' : 'n'}${odd}">${folded(value)}</td>`;
}

function folded(value: string): Markup {
  const letters = [...value];
  if (letters.length <= MOST_LETTERS) return markup`${value}`;
  return markup`<details><summary>${letters.slice(0, MOST_LETTERS / 2).join('')}… (${letters.length} characters)</summary>${value}</details>`;
}

/** What more than half of the runs have; the others are what a reader looks for. */
function majority(values: ComparedParam['values']): string | undefined {
  const [usual] = countsOf(values);
  return usual !== undefined && usual.count * 2 > values.length ? usual.identity : undefined;
}

function counted(values: ComparedParam['values']): Markup {
  const counts = countsOf(values);
  const more =
    counts.length > MOST_VALUES ? markup` <span class="missing">and ${counts.length - MOST_VALUES} more</span>` : markup``;
  return markup`${counts.slice(0, MOST_VALUES).map(({ text, count }) => markup`<span class="value${text === null ? ' missing' : ''}">${folded(text ?? MISSING)} <small>×${count}</small></span> `)}${more}`;
}

interface Counted {
  readonly identity: string;
  readonly text: string | null;
  readonly count: number;
}

function countsOf(values: ComparedParam['values']): Counted[] {
  const counts = new Map<string, Counted>();
  for (const text of values) {
    const identity = identityOf(text);
    const known = counts.get(identity);
    counts.set(identity, { identity, text: known?.text ?? text, count: (known?.count ?? 0) + 1 });
  }
  return [...counts.values()].sort((a, b) => b.count - a.count);
}

function identityOf(value: string | null): string {
  if (value === null) return 'missing';
  return `=${numberIdentity(value) ?? JSON.stringify(value)}`;
}

export function metricTable({ runs, metrics }: Comparison, shades: Shades): Markup {
  const order = [...shades.order].reverse();
  return markup`<div class="table"><table id="figures"><thead><tr><th class="first">metric</th><th>run</th><th class="n">best</th><th class="n">at step</th><th class="n">last</th><th class="n">min</th><th class="n">max</th><th class="n">count</th></tr></thead><tbody>
${metrics.flatMap(({ key, summaries }) =>
  order.map((run) => {
    const summary = summaries[run] ?? null;
    if (summary === null) return markup``;
    const { best, bestStep, last, min, max, count } = summary;
    return markup`<tr data-run="${run}"><th scope="row" class="first">${key}</th><td>${swatch(shades, run)}${runs[run]?.label ?? ''}</td>${[best, bestStep, last, min, max, count].map((value) => markup`<td class="n">${figure(value)}</td>`)}</tr>
`;
  }),
)}</tbody></table></div>`;
}

export function correlationTable(comparison: Comparison): Markup {
  const { correlations, metrics } = comparison;
  const params = correlatedParams(comparison);
  return markup`<div class="table"><table id="correlations"><thead><tr><th class="first">param</th>${metrics.map(({ key }) => markup`<th class="n">${key}</th>`)}</tr></thead><tbody>
${params.map(
  (
    key,
  ) => markup`<tr><th scope="row" class="first">${key}</th>${correlations.filter(({ param }) => param === key).map(correlationCell)}</tr>
`,
)}</tbody></table></div>`;
}

function correlationCell(correlation: Correlation): Markup {
  const { rho } = correlation;
  const strength = rho === null ? 'missing' : `${rho < 0 ? 'falls' : 'rises'}-${Math.round(Math.abs(rho) * 4)}`;
  return markup`<td class="n ${strength}">${rhoText(correlation)}</td>`;
}

export function swatch(shades: Shades, run: number): Markup {
  return markup`<i class="swatch ${shades.classes[run] ?? ''}"></i>`;
}
