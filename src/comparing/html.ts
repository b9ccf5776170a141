/** A comparison as one HTML file that needs nothing else: no network, no other file, no script but its own. */
import { createHash } from 'node:crypto';
import { OptionError, quote } from '../errors.js';
import type { ComparedMetric, Comparison } from './comparison.js';
import { curvePicture } from './report/curve-picture.js';
import { type Markup, markup, raw } from './report/markup.js';
import { parallelPicture } from './report/parallel-picture.js';
import { SCRIPT } from './report/script.js';
import { SHADES, type Shades, shadesOf } from './report/shades.js';
import { STYLE } from './report/style.js';
import { correlationTable, metricTable, paramTable, runTable, swatch } from './report/tables.js';
import { correlatedParams, type FormatOptions } from './sections.js';
import { amount, countsText } from './wording.js';

export interface HtmlOptions extends FormatOptions {
  /** Default: of which experiments, and how many runs. */
  readonly title?: string | undefined;
  /** The metric that colours and orders the runs. Default: of those that the most runs have, one of validation or test data. */
  readonly metric?: string | undefined;
}

/** Of all curves together: more makes a page that no browser scrolls smoothly. */
const MOST_POINTS = 200_000;
const LEAST_POINTS_A_CURVE = 60;
const MOST_POINTS_A_CURVE = 1000;
/** Beyond it names would fill the page; a run is found by pointing at its line. */
const MOST_IN_LEGEND = 30;

export function formatHtml(comparison: Comparison, options: HtmlOptions = {}): string {
  const { onlyDifferent = false, view = 'flat' } = options;
  const metric = chosenMetric(comparison, options.metric);
  const shades = shadesOf(comparison, metric);
  const title = options.title ?? defaultTitle(comparison);
  const policy = `default-src 'none'; style-src '${hash(STYLE)}'; script-src '${hash(SCRIPT)}'; base-uri 'none'; form-action 'none'`;
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p class="sub">${countsText(comparison)}</p>
${parallelPicture(comparison, metric, shades)}
<h2>Runs</h2>
${runTable(comparison, shades)}
${paramPart(comparison, shades, view, onlyDifferent)}
${metricPart(comparison, shades, metric)}
${correlationPart(comparison)}
</main>
<div id="tip" hidden></div>
<script>${raw(SCRIPT)}</script>
</body>
</html>
`;
  return page.text;
}

function hash(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function defaultTitle({ runs }: Comparison): string {
  const experiments = [...new Set(runs.map(({ experiment }) => experiment))];
  const where = experiments.length > 3 ? amount(experiments.length, 'experiment') : experiments.join(', ');
  return `${where}: ${amount(runs.length, 'run')}${runs.length > 1 ? ' compared' : ''}`;
}

function chosenMetric({ metrics }: Comparison, name: string | undefined): ComparedMetric | undefined {
  if (name === undefined) return [...metrics].sort((a, b) => relevance(b) - relevance(a))[0];
  const found = metrics.find(({ key }) => key === name);
  if (found !== undefined) return found;
  const known = metrics.slice(0, 20).map(({ key }) => quote(key));
  throw new OptionError({
    option: 'metric',
    received: quote(name),
    expected: known.length === 0 ? 'none: these runs have no metrics' : `a metric of these runs: ${known.join(', ')}`,
  });
}

/** How much a metric says about the outcome. `sort` keeps the order of those that say the same. */
function relevance({ key, summaries }: ComparedMetric): number {
  const runs = summaries.filter((summary) => (summary?.best ?? null) !== null).length;
  if (key.startsWith('system/')) return runs - summaries.length;
  return runs + (/(?:^|[^a-z])(?:val|valid|validation|test|eval)/i.test(key) ? 0.5 : 0);
}

function paramPart(comparison: Comparison, shades: Shades, view: 'flat' | 'nested', onlyDifferent: boolean): Markup {
  const { params } = comparison;
  if (params.length === 0) return markup`<h2>Params</h2><p class="note">The runs have no params.</p>`;
  const checked = onlyDifferent ? markup` checked` : markup``;
  return markup`<h2>Params</h2>
<div class="tools"><label><input type="checkbox" id="only-different"${checked}> only different</label><input type="search" id="wanted" placeholder="part of a key" aria-label="Show params whose key has this part"><output id="left">${amount(params.length, 'param')}</output></div>
${paramTable(comparison, shades, view, onlyDifferent)}`;
}

function metricPart(comparison: Comparison, shades: Shades, metric: ComparedMetric | undefined): Markup {
  const { metrics } = comparison;
  if (metrics.length === 0) return markup`<h2>Metrics</h2><p class="note">The runs have no metrics.</p>`;
  const curves = metrics.reduce((count, each) => count + each.curves.filter((curve) => curve !== null).length, 0);
  const limit = Math.max(LEAST_POINTS_A_CURVE, Math.min(MOST_POINTS_A_CURVE, Math.floor(MOST_POINTS / Math.max(1, curves))));
  const pictures = metrics.flatMap((each) => curvePicture(comparison, each, shades, limit) ?? []);
  return markup`<h2>Metrics</h2>
${pictures.length === 0 ? markup`<p class="note">No metric has more than one value, so there are no curves.</p>` : legend(comparison, shades, metric)}
<div class="curves">${pictures}</div>
<details class="all"><summary>Best, last, lowest and highest of each</summary>${metricTable(comparison, shades)}</details>`;
}

function legend({ runs }: Comparison, shades: Shades, metric: ComparedMetric | undefined): Markup {
  if (runs.length > MOST_IN_LEGEND && metric !== undefined) {
    const ramp = Array.from({ length: SHADES }, (_, shade) => markup`<i class="swatch shade-${shade}"></i>`);
    return markup`<p class="ramp">worst ${metric.key} ${ramp} best</p>`;
  }
  const entries = [...shades.order]
    .reverse()
    .map((run) => markup`<li data-run="${run}">${swatch(shades, run)}${runs[run]?.label ?? ''}</li>`);
  return markup`<ul class="legend">${entries}</ul>`;
}

function correlationPart(comparison: Comparison): Markup {
  if (correlatedParams(comparison).length === 0) return markup``;
  return markup`<h2>What goes with what</h2>
<p class="note">Spearman’s rank correlation of each varying numeric param with a run’s best value of the metric, and how many runs it rests on. +1: the higher the param, the higher the metric; −1: the lower. On few runs chance alone makes large ones.</p>
${correlationTable(comparison)}`;
}
