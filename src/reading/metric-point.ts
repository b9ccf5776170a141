import type { MetricPoint } from './stored-run.js';

/** MLflow keeps an infinity as the largest double. */
export function storedNumber(value: number): number {
  return Math.abs(value) === Number.MAX_VALUE ? value * 2 : value;
}

/** By step, then timestamp, then value; NaN last. */
export function inOrder(points: readonly MetricPoint[]): readonly MetricPoint[] {
  return [...points].sort((a, b) => a.step - b.step || a.timestamp - b.timestamp || compareNumbers(a.value, b.value));
}

function compareNumbers(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a < b ? -1 : a > b ? 1 : 0;
}
