/** A metric's values over its steps, a line for each run, with gaps where it was NaN or infinite. */
import type { ComparedMetric, Comparison, Curve } from '../comparison.js';
import { thinned } from '../curve.js';
import { goalWord } from '../wording.js';
import { type Markup, markup } from './markup.js';
import { type Scale, scaleOf } from './scale.js';
import type { Shades } from './shades.js';

const WIDTH = 560;
const HEIGHT = 260;
const LEFT = 62;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 36;

interface Placed {
  readonly run: number;
  readonly curve: Curve;
}

/** Undefined: no run has more than one value of it, which is no curve. */
export function curvePicture(comparison: Comparison, metric: ComparedMetric, shades: Shades, limit: number): Markup | undefined {
  const curves = shades.order.flatMap((run): Placed[] => {
    const curve = metric.curves[run] ?? null;
    return curve === null ? [] : [{ run, curve: thinned(curve, limit) }];
  });
  if (!curves.some(({ curve }) => curve.values.length > 1)) return undefined;
  const across = scaleOf(
    curves.flatMap(({ curve }) => curve.at),
    Number.POSITIVE_INFINITY,
  );
  const up = scaleOf(
    curves.flatMap(({ curve }) => curve.values),
    1000,
  );
  const along = curves.some(({ curve }) => curve.along === 'order') ? 'value logged (all at one step)' : 'step';
  return markup`<figure class="picture curve">
<figcaption><b>${metric.key}</b> ${goalWord(metric)} is best</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${metric.key} over steps">
<g class="grid"><path d="M${LEFT} ${HEIGHT - BOTTOM}H${WIDTH - RIGHT}"/>${up.ticks.map(({ at, text }) => markup`<path d="M${LEFT} ${px(yOf(at))}H${WIDTH - RIGHT}"/><text class="left" x="${LEFT - 8}" y="${px(yOf(at) + 4)}">${text}</text>`)}
${across.ticks.map(({ at, text }) => markup`<text class="middle" x="${px(xOf(at))}" y="${HEIGHT - BOTTOM + 16}">${text}</text>`)}<text class="middle" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 4}">${along}</text></g>
${curves.map(({ run, curve }) => curveLine(comparison, run, curve, shades.classes[run] ?? '', across, up))}
</svg>
</figure>`;
}

function curveLine({ runs }: Comparison, run: number, curve: Curve, shade: string, across: Scale, up: Scale): Markup {
  const { drawn, gaps } = paths(curve, across, up);
  const holes = gaps === '' ? markup`` : markup`<path class="hole" d="${gaps}"/>`;
  return markup`<g class="run ${shade}" data-run="${run}"><title>${runs[run]?.label ?? ''}</title><path class="reach" d="${drawn}"/><path class="line" d="${drawn}"/>${holes}</g>
`;
}

/** A value between two gaps has no line to be seen by: a line of no length with round ends is a dot. */
function paths({ at, values }: Curve, across: Scale, up: Scale): { readonly drawn: string; readonly gaps: string } {
  const drawn: string[] = [];
  let gaps = '';
  let length = 0;
  const endPiece = (): void => {
    if (length === 1) drawn.push('h0');
    length = 0;
  };
  for (const [index, value] of values.entries()) {
    const x = px(xOf(across.place(at[index] ?? 0)));
    if (!Number.isFinite(value)) {
      endPiece();
      gaps += `M${x} ${HEIGHT - BOTTOM - 5}v5`;
      continue;
    }
    drawn.push(`${length === 0 ? 'M' : 'L'}${x} ${px(yOf(up.place(value)))}`);
    length++;
  }
  endPiece();
  return { drawn: drawn.join(''), gaps };
}

function xOf(place: number): number {
  return LEFT + place * (WIDTH - LEFT - RIGHT);
}

function yOf(place: number): number {
  return TOP + (1 - place) * (HEIGHT - TOP - BOTTOM);
}

function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}
