/** Parallel coordinates: an axis for each varying param and, at the right, the metric; a line for each run. */

import { numberIdentity, numberOf } from '../../params/number-text.js';
import type { ComparedMetric, ComparedParam, Comparison } from '../comparison.js';
import { figure, MISSING } from '../wording.js';
import { type Markup, markup } from './markup.js';
import { scaleOf, type Tick } from './scale.js';
import type { Shades } from './shades.js';

interface Axis {
  readonly key: string;
  readonly isMetric: boolean;
  readonly ticks: readonly Tick[];
  /** For each run its place from 0 to 1; null: it has none. */
  readonly places: readonly (number | null)[];
  /** What a run is said to have there. */
  readonly texts: readonly string[];
}

const MOST_PARAMS = 10;
const TOP = 44;
const HEIGHT = 300;
/** Where lines go that have no value on an axis: below its end. */
const GAP_LANE = TOP + HEIGHT + 28;
const SIDE = 84;
const CLOSEST_TICKS = 14 / HEIGHT;
/** How far apart lines through one value are, and all of them together at most. */
const LINE_GAP = 3;
const BUNDLE = 24;
/** Lines of more runs are thin and let each other through. */
const MANY = 40;

export function parallelPicture(comparison: Comparison, metric: ComparedMetric | undefined, shades: Shades): Markup {
  const varying = comparison.params.filter(({ status }) => status !== 'equal');
  const axes = [...chosen(varying, comparison, metric).map(paramAxis), ...(metric === undefined ? [] : [metricAxis(metric)])];
  if (comparison.runs.length < 2) return markup`<p class="note">One run: there is nothing to hold it against.</p>`;
  if (axes.length < 2) {
    return markup`<p class="note">${varying.length === 0 ? 'No param varies' : 'No metric to set the param against'}, so there is no picture.</p>`;
  }
  const gap = Math.max(112, Math.min(240, 1096 / (axes.length - 1)));
  const width = 2 * SIDE + gap * (axes.length - 1);
  const xOf = (axis: number): number => SIDE + gap * axis;
  const hasGaps = axes.some(({ places }) => places.includes(null));
  const height = (hasGaps ? GAP_LANE : TOP + HEIGHT) + 20;
  const heights = axes.map((axis) => heightsOf(axis, shades.order));
  const lines = comparison.runs.map((_, run) =>
    heights.map((of, axis) => `${px(xOf(axis))},${px(of[run] ?? GAP_LANE)}`).join(' '),
  );
  const more =
    varying.length > MOST_PARAMS
      ? ` ${MOST_PARAMS} of ${varying.length} varying params are shown: those that go with the metric most.`
      : '';
  return markup`<figure class="picture${comparison.runs.length > MANY ? ' many' : ''}" id="parallel">
<svg viewBox="0 0 ${px(width)} ${height}" width="${px(width)}" height="${height}" role="img" aria-label="Parallel coordinates: varying params and ${metric?.key ?? 'no metric'}">
${shades.order.map((run) => line(comparison, axes, lines[run] ?? '', run, shades.classes[run] ?? ''))}
${axes.map((axis, index) => axisMarkup(axis, xOf(index), gap, hasGaps && axis.places.includes(null)))}
</svg>
<figcaption>${caption(metric)}${more}</figcaption>
</figure>`;
}

function caption(metric: ComparedMetric | undefined): string {
  const colours =
    metric === undefined
      ? 'No run has a metric, so all lines have one colour.'
      : `The stronger its colour, the better a run’s best ${metric.key} (${metric.goal === 'max' ? 'highest' : 'lowest'} is best).`;
  return `A line is a run; point at it to see which. ${colours}`;
}

/** Those that go with the metric most, nearest to it; without a number they come first. */
function chosen(
  varying: readonly ComparedParam[],
  { correlations }: Comparison,
  metric: ComparedMetric | undefined,
): ComparedParam[] {
  const strength = (param: ComparedParam): number => {
    const found = correlations.find((correlation) => correlation.param === param.key && correlation.metric === metric?.key);
    return Math.abs(found?.rho ?? 0);
  };
  return [...varying].sort((a, b) => strength(a) - strength(b)).slice(-MOST_PARAMS);
}

function paramAxis({ key, values, numeric }: ComparedParam): Axis {
  const texts = values.map((value) => value ?? MISSING);
  if (numeric) {
    const numbers = values.map((value) => (value === null ? Number.NaN : (numberOf(value) ?? Number.NaN)));
    return { ...numericAxis(numbers), key, isMetric: false, texts };
  }
  const names = new Map<string, string>();
  for (const value of values) if (value !== null) names.set(nameOf(value), names.get(nameOf(value)) ?? value);
  const order = [...names.keys()].sort();
  const placeOf = (name: string): number => (order.length === 1 ? 0.5 : 1 - order.indexOf(name) / (order.length - 1));
  return {
    key,
    isMetric: false,
    ticks: order.map((name) => ({ at: placeOf(name), text: names.get(name) ?? name })),
    places: values.map((value) => (value === null ? null : placeOf(nameOf(value)))),
    texts,
  };
}

function nameOf(value: string): string {
  return numberIdentity(value) ?? value;
}

function metricAxis({ key, summaries }: ComparedMetric): Axis {
  const numbers = summaries.map((summary) => summary?.best ?? Number.NaN);
  return {
    ...numericAxis(numbers),
    key,
    isMetric: true,
    texts: numbers.map((value) => (Number.isNaN(value) ? MISSING : figure(value))),
  };
}

function numericAxis(numbers: readonly number[]): Pick<Axis, 'ticks' | 'places'> {
  const { ticks, place } = scaleOf(numbers, 100);
  const distinct = [...new Set(numbers.filter(Number.isFinite))].sort((a, b) => a - b);
  // The values themselves are the best marks of a sweep over a few.
  const marks = distinct.length <= 6 ? distinct.map((value) => ({ at: place(value), text: figure(value) })) : ticks;
  return { ticks: marks, places: numbers.map((value) => (Number.isNaN(value) ? null : place(value))) };
}

/** Runs that share a value stand beside each other there, the best on top: one line would hide all others. */
function heightsOf({ places, isMetric }: Axis, order: readonly number[]): number[] {
  const heights = places.map(yOf);
  if (isMetric) return heights;
  const bundles = new Map<number, number[]>();
  for (const run of order) {
    const height = heights[run] ?? GAP_LANE;
    bundles.set(height, [...(bundles.get(height) ?? []), run]);
  }
  for (const [height, runs] of bundles) {
    const gap = Math.min(LINE_GAP, BUNDLE / runs.length);
    for (const [index, run] of runs.entries()) heights[run] = height + ((runs.length - 1) / 2 - index) * gap;
  }
  return heights;
}

function line(comparison: Comparison, axes: readonly Axis[], points: string, run: number, shade: string): Markup {
  const about = [comparison.runs[run]?.label ?? '', ...axes.map(({ key, texts }) => `${key}: ${cut(texts[run] ?? '', 60)}`)].join(
    '\n',
  );
  return markup`<g class="run ${shade}" data-run="${run}"><title>${about}</title><path class="reach" d="M${points}"/><polyline points="${points}"/></g>
`;
}

function axisMarkup({ key, isMetric, ticks, places }: Axis, x: number, gap: number, hasGap: boolean): Markup {
  const shown: Tick[] = [];
  for (const tick of [...ticks].sort((a, b) => a.at - b.at)) {
    if (tick.at - (shown.at(-1)?.at ?? -1) >= CLOSEST_TICKS) shown.push(tick);
  }
  // The room to the next axis, at some six units a letter.
  const letters = Math.floor((gap - 16) / 6.2);
  return markup`<g class="axis${isMetric ? ' metric' : ''}"><title>${key}</title><text class="name" x="${px(x)}" y="${TOP - 18}">${tail(key, letters)}</text><path d="M${px(x)} ${TOP}V${TOP + HEIGHT}"/>
${shown.map(({ at, text }) => markup`<path d="M${px(x - 4)} ${px(yOf(at))}h8"/><text x="${px(x + 8)}" y="${px(yOf(at) + 4)}">${cut(text, letters)}</text>`)}
${hasGap ? markup`<text class="gap" x="${px(x + 8)}" y="${GAP_LANE + 4}">none (${places.filter((place) => place === null).length})</text>` : markup``}</g>
`;
}

function yOf(place: number | null): number {
  return place === null ? GAP_LANE : TOP + HEIGHT * (1 - place);
}

function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function cut(text: string, letters: number): string {
  const all = [...text];
  return all.length > letters ? `${all.slice(0, letters - 1).join('')}…` : text;
}

/** The end of a key tells more than its start. */
function tail(text: string, letters: number): string {
  const all = [...text];
  return all.length > letters ? `…${all.slice(1 - letters).join('')}` : text;
}
