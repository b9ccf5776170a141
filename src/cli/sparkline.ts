/** A metric's course in one line of text. */
const LEVELS = '▁▂▃▄▅▆▇█';

const WIDTH = 24;

/** By the order of the values, not by their steps. Empty: there is no course in less than two. */
export function sparkline(values: readonly number[], width: number = WIDTH): string {
  if (values.length < 2) return '';
  const count = Math.min(width, values.length);
  const start = (column: number): number => Math.floor((column * values.length) / count);
  const columns = Array.from({ length: count }, (_, column) => level(values.slice(start(column), start(column + 1))));
  const finite = columns.filter(Number.isFinite);
  const least = Math.min(...finite);
  // Halves: the distance of the largest numbers is none itself.
  const span = Math.max(...finite) / 2 - least / 2;
  return columns.map((value) => mark(value, span === 0 ? 0.5 : (value / 2 - least / 2) / span)).join('');
}

/** The mean of what is finite. What isn't shows only where there is nothing else. */
function level(values: readonly number[]): number {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return values.at(-1) ?? Number.NaN;
  return finite.reduce((mean, value) => mean + value / finite.length, 0);
}

function mark(value: number, height: number): string {
  if (Number.isNaN(value)) return '×';
  if (!Number.isFinite(value)) return value > 0 ? '↑' : '↓';
  return LEVELS[Math.min(LEVELS.length - 1, Math.floor(height * LEVELS.length))] ?? '';
}
