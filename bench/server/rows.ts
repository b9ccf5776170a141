/** What is logged: the same rows by headrace and by the generator, in every round, each time into new runs. */

export interface Rows {
  readonly kind: 'params' | 'metrics';
  readonly runs: number;
  readonly keys: number;
  /** 1 for params, which don't change. */
  readonly steps: number;
}

/** What a scenario that lands rows found. */
export interface Landed {
  /** From the first call or request until the server has answered for the last row. */
  readonly seconds: number;
  /** The server's ids of the runs, in the order of their rows. */
  readonly runIds: readonly string[];
  readonly requests: number;
}

/** Time goes on from step to step. */
export const FIRST_TIMESTAMP = 1_700_000_000_000;

/** As many requests of each side are under way at most. It is headrace's default, and MLflow's. */
export const CONNECTIONS = 10;

/** Landing everything at the slowest server may take this long. */
export const PATIENCE_MS = 15 * 60_000;

export function keysOf({ keys }: Rows): string[] {
  return Array.from({ length: keys }, (_, i) => `group_${i % 20}.option_${i}`);
}

/** Of all rows: those of a run behind each other, in it those of a step. Looks random and is the same everywhere. */
export function valuesOf(rows: Rows): Float64Array {
  return Float64Array.from({ length: countOf(rows) }, (_, i) => (Math.imul(i, 0x9e37_79b1) >>> 0) / 2 ** 32);
}

export function countOf({ runs, keys, steps }: Rows): number {
  return runs * keys * steps;
}
