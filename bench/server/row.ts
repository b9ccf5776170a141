import type { Row } from '../question.js';
import { median, range } from '../statistics.js';

/** One figure for each round. */
export function row(
  what: string,
  unit: string,
  values: readonly number[],
  more: Partial<Pick<Row, 'clock' | 'tail' | 'target' | 'note'>> = {},
): Row {
  return { what, unit, clock: 'whole', median: median(values), range: range(values), rounds: values.length, ...more };
}

/** Of the figures of each round; neighbours in time, for the machine may be slower in another round. */
export function ratios(above: readonly number[], below: readonly number[]): number[] {
  return above.map((value, round) => value / (below[round] as number)); // as many of both
}
