/** From values to places along an axis, with marks that people can read. */
import { figure } from '../wording.js';

export interface Tick {
  /** From 0, the low end, to 1. */
  readonly at: number;
  readonly text: string;
}

export interface Scale {
  readonly ticks: readonly Tick[];
  /** From 0 to 1; infinities are at the ends. Not for NaN. */
  place(value: number): number;
}

/** Learning rates and diverging losses span powers of ten; on a linear axis all but one of them would share a place. */
export function scaleOf(values: Iterable<number>, logarithmicFrom: number): Scale {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low === Number.POSITIVE_INFINITY) return scale([], () => 0.5);
  if (low === high) return scale([low], () => 0.5);
  if (low > 0 && high / low >= logarithmicFrom) {
    const [start, end] = [Math.log10(low), Math.log10(high)];
    return scale(logarithmicTicks(low, high), (value) => (Math.log10(value) - start) / (end - start));
  }
  // Halves: the span of two doubles may be beyond them.
  return scale(linearTicks(low, high), (value) => (value / 2 - low / 2) / (high / 2 - low / 2));
}

function scale(marks: readonly number[], inside: (value: number) => number): Scale {
  const place = (value: number): number => (Number.isFinite(value) ? Math.max(0, Math.min(1, inside(value))) : value > 0 ? 1 : 0);
  return { place, ticks: marks.map((mark) => ({ at: place(mark), text: figure(mark) })) };
}

const MOST_TICKS = 8;

function linearTicks(low: number, high: number): number[] {
  const rough = (high / 2 - low / 2) / (MOST_TICKS / 2 - 0.5);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(low / step);
  const marks: number[] = [];
  for (let index = 0; index < MOST_TICKS; index++) {
    const mark = (first + index) * step;
    if (mark > high) break;
    marks.push(Number(mark.toPrecision(12)));
  }
  return marks;
}

function logarithmicTicks(low: number, high: number): number[] {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const stride = Math.max(1, Math.ceil((last - first + 1) / MOST_TICKS));
  const marks: number[] = [];
  for (let power = first; power <= last; power += stride) marks.push(Number(`1e${power}`));
  return marks;
}
