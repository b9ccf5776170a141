/** What a store must hold of a run, kept in the plainest way: what was logged, by MLflow's rules. */
import type { Rows } from '../store/database-rows.js';

/** MLflow stores the largest double for an infinity. */
function stored(value: number): number {
  if (Number.isNaN(value)) return 0;
  return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value));
}

interface Point {
  readonly step: number;
  readonly timestamp: number;
  readonly value: number;
}

export class RunModel {
  readonly params: Map<string, string> = new Map();
  readonly tags: Map<string, string> = new Map();
  readonly #metrics = new Set<string>();
  readonly #latest = new Map<string, Point>();

  /** False: there is another value. */
  param(key: string, value: string): boolean {
    const known = this.params.get(key);
    if (known === undefined) this.params.set(key, value);
    return known === undefined || known === value;
  }

  /** The same twice is stored once. */
  metric(key: string, value: number, step: number, timestamp: number): void {
    this.#metrics.add(line(key, Number.isNaN(value), stored(value), step, timestamp));
    const point = { step, timestamp, value: stored(value) };
    const latest = this.#latest.get(key);
    if (latest === undefined || isGreater(point, latest)) this.#latest.set(key, point);
  }

  /** How the rows of the run differ. */
  differences(rows: Rows, id: string): { lost: string[]; wrong: string[] } {
    const result = { lost: [] as string[], wrong: [] as string[] };
    const compare = (what: string, expected: ReadonlySet<string>, found: readonly string[]): void => {
      const left = new Set(expected);
      for (const each of found) if (!left.delete(each)) result.wrong.push(`${what} ${each}`);
      for (const each of left) result.lost.push(`${what} ${each}`);
    };
    const pairs = (map: ReadonlyMap<string, string>): Set<string> => new Set([...map].map(([key, value]) => `${key} = ${value}`));
    const text = ({ key, value }: ReturnType<Rows>[number]): string => `${String(key)} = ${String(value)}`;
    compare('param', pairs(this.params), rows('SELECT key, value FROM params WHERE run_uuid = ?', id).map(text));
    const own = "key NOT LIKE 'mlflow.%' AND key NOT LIKE 'headrace.%'";
    compare('tag', pairs(this.tags), rows(`SELECT key, value FROM tags WHERE run_uuid = ? AND ${own}`, id).map(text));
    const metrics = rows('SELECT * FROM metrics WHERE run_uuid = ?', id);
    compare(
      'metric',
      this.#metrics,
      metrics.map((row) =>
        line(String(row.key), Number(row.is_nan) === 1, Number(row.value), Number(row.step), Number(row.timestamp)),
      ),
    );
    const latest = [...this.#latest].map(([key, { step, timestamp, value }]) => line(key, false, value, step, timestamp));
    compare(
      'latest metric',
      new Set(latest),
      rows('SELECT * FROM latest_metrics WHERE run_uuid = ?', id).map((row) =>
        line(String(row.key), false, Number(row.value), Number(row.step), Number(row.timestamp)),
      ),
    );
    return result;
  }
}

function line(key: string, isNan: boolean, value: number, step: number, timestamp: number): string {
  return `${key} ${isNan ? 'NaN' : value} at ${step}, ${timestamp}`;
}

function isGreater(one: Point, other: Point): boolean {
  if (one.step !== other.step) return one.step > other.step;
  if (one.timestamp !== other.timestamp) return one.timestamp > other.timestamp;
  return one.value > other.value;
}
