/** Spearman's rank correlation; values that are equal share the mean of their ranks. */

/** Of pairs without NaN. Undefined: fewer than three, or one side has one value only. */
export function rankCorrelation(pairs: readonly (readonly [x: number, y: number])[]): number | undefined {
  if (pairs.length < 3) return undefined;
  const xs = ranks(pairs.map(([x]) => x));
  const ys = ranks(pairs.map(([, y]) => y));
  const mean = (pairs.length - 1) / 2;
  let both = 0;
  let left = 0;
  let right = 0;
  for (const [index, x] of xs.entries()) {
    const dx = x - mean;
    const dy = (ys[index] ?? mean) - mean;
    both += dx * dy;
    left += dx * dx;
    right += dy * dy;
  }
  if (left === 0 || right === 0) return undefined;
  // Rounding may lead a hair beyond one.
  return Math.max(-1, Math.min(1, both / Math.sqrt(left * right)));
}

/** From 0; ranks are halves at most, so that sums of them are exact. */
export function ranks(values: readonly number[]): number[] {
  const order = values.map((value, index) => ({ value, index })).sort((a, b) => compare(a.value, b.value));
  const found = new Array<number>(values.length).fill(0);
  let start = 0;
  while (start < order.length) {
    let end = start + 1;
    while (end < order.length && order[end]?.value === order[start]?.value) end++;
    for (const { index } of order.slice(start, end)) found[index] = (start + end - 1) / 2;
    start = end;
  }
  return found;
}

/** Not by subtraction: the difference of two infinities is NaN. */
function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
