/** The records of a soak: both threads make the same ones from the same seed, and the reading one compares. */

export interface SoakRecord {
  readonly kind: 'metric' | 'wide' | 'number' | 'text' | 'bytes';
  readonly run: number;
  readonly key: string;
  readonly value: number;
  readonly step: number;
  readonly text: string;
}

const UNITS = ['a', 'Z', ' ', 'é', '学', '😀'];

/** mulberry32: 32 bits of state, so the two threads stay together. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

export function soakRecords(seed: number): () => SoakRecord {
  const next = random(seed);
  return () => {
    const dice = next();
    const run = next() & 0xffff;
    // Most keys are met again and enter the table, some never are.
    const key = dice % 8 === 0 ? `once.${next()}` : `layer.${next() % 50}.${dice % 2 === 0 ? 'weight' : 'bias'}`;
    const value = (next() - 2 ** 31) / 1000;
    const step = next() | 0;
    const kind =
      (['metric', 'metric', 'metric', 'wide', 'number', 'number', 'text', 'bytes'] as const)[(dice >>> 8) & 7] ?? 'metric';
    const unit = UNITS[(dice >>> 16) % UNITS.length] ?? 'a';
    // Mostly short; a few as long as a ring of 4 KiB takes.
    const length = (dice >>> 20) % 64 === 0 ? next() % 400 : next() % 30;
    return { kind, run, key, value, step, text: kind === 'text' || kind === 'bytes' ? unit.repeat(length) : '' };
  };
}
