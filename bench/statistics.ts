/** `share` from 0 to 1; interpolates between neighbours. */
export function quantile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) throw new RangeError('a quantile of no values');
  const place = share * (sorted.length - 1);
  const low = sorted[Math.floor(place)] as number; // within the array: share is at most 1
  const high = sorted[Math.ceil(place)] as number; // as above
  return low + (high - low) * (place - Math.floor(place));
}

export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5);
}

export function range(values: ArrayLike<number>): [low: number, high: number] {
  return [quantile(values, 0), quantile(values, 1)];
}

export interface Tail {
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export function tailOf(values: ArrayLike<number>): Tail {
  return { p99: quantile(values, 0.99), p999: quantile(values, 0.999), max: quantile(values, 1) };
}

/** The usual tail of a round, and the longest call of all rounds. */
export function overRounds(tails: readonly Tail[]): Tail {
  return {
    p99: median(tails.map(({ p99 }) => p99)),
    p999: median(tails.map(({ p999 }) => p999)),
    max: Math.max(...tails.map(({ max }) => max)),
  };
}

/** Mean without the lowest and highest fifth: a machine that stalls does not decide it, and all the rest does. */
export function trimmedMean(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const cut = Math.floor(sorted.length / 5);
  const kept = sorted.subarray(cut, sorted.length - cut);
  return kept.reduce((sum, value) => sum + value, 0) / kept.length;
}

const RESAMPLES = 2000;

/** 95 % bootstrap confidence interval of the trimmed mean. */
export function confidence(values: readonly number[]): [low: number, high: number] {
  const means = new Float64Array(RESAMPLES);
  const sample = new Float64Array(values.length);
  for (let i = 0; i < RESAMPLES; i++) {
    for (let j = 0; j < sample.length; j++) sample[j] = values[Math.floor(Math.random() * values.length)] as number; // within
    means[i] = trimmedMean(sample);
  }
  return [quantile(means, 0.025), quantile(means, 0.975)];
}
