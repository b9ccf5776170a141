/** What a program under load had said, and what is stored of it. */
import type { Rows } from '../store/database-rows.js';
import { recordOf, runOf, TAG } from './record.js';

/** Records that a program had logged, or was about to. */
export interface Logged {
  /** Own ids. */
  readonly runs: readonly string[];
  readonly begun: number;
}

type Range = readonly [from: number, to: number];

/** Reads the words of `load.ts`, as they come. */
export class Account implements Logged {
  runs: readonly string[] = [];
  begun = 0;
  /** How often the store was told to be away. */
  outages = 0;
  /** Bytes, ten times a second. */
  readonly rss: number[] = [];
  readonly refused: string[] = [];
  end: { readonly accepted: number; readonly landed: number; readonly pending: number; readonly failed: number } | undefined;
  readonly #durable: Range[] = [];
  readonly #landed: Range[] = [];
  #read = 0;

  /** `words`: all of them. What it has read before is not read again. */
  read(words: string): this {
    const whole = words.lastIndexOf('\n') + 1;
    for (const line of words.slice(this.#read, whole).split('\n')) this.#take(line);
    this.#read = whole;
    return this;
  }

  /** By number: 1 when its `durable()` had resolved. */
  get durable(): Uint8Array {
    return this.#marked(this.#durable);
  }

  /** By number: 1 when its receipt had resolved. */
  get landed(): Uint8Array {
    return this.#marked(this.#landed);
  }

  /** A record of that number, or a later one, has come so far. */
  has(state: 'durable' | 'landed', number: number): boolean {
    const ranges = state === 'durable' ? this.#durable : this.#landed;
    return (ranges.at(-1)?.[0] ?? -1) >= number;
  }

  #take(line: string): void {
    const [word, ...rest] = line.split(' ');
    switch (word) {
      case 'runs':
        this.runs = rest;
        break;
      case 'begun':
        this.begun = Number(rest[0]);
        break;
      case 'durable':
        this.#durable.push([Number(rest[0]), Number(rest[1])]);
        break;
      case 'landed':
        this.#landed.push([Number(rest[0]), Number(rest[1])]);
        break;
      case 'down':
        this.outages++;
        break;
      case 'rss':
        this.rss.push(Number(rest[0]));
        break;
      case 'refused':
        this.refused.push(rest.join(' '));
        break;
      case 'end':
        // Its own report.
        this.end = JSON.parse(rest.join(' ')) as NonNullable<Account['end']>;
    }
  }

  #marked(ranges: readonly Range[]): Uint8Array {
    const numbers = new Uint8Array(this.begun);
    for (const [from, to] of ranges) numbers.fill(1, from, to);
    return numbers;
  }
}

export interface Verdict {
  readonly landed: number;
  /** Promised, and not there. */
  readonly lost: number;
  readonly doubled: number;
  /** Not what was logged, or by nobody. */
  readonly wrong: number;
  /** What was found, the first few. */
  readonly findings: readonly string[];
}

/** `promised`: numbers whose records must be there. `statuses`: those that a run may have. */
export function judge(rows: Rows, { runs, begun }: Logged, promised: Uint8Array, statuses: readonly string[]): Verdict {
  const there = new Uint8Array(begun);
  const findings: string[] = [];
  let [doubled, wrong] = [0, 0];
  const find = (text: string): void => {
    if (findings.length < 10) findings.push(text);
  };
  const isOf = (n: number, run: number): boolean => Number.isInteger(n) && n >= 0 && n < begun && runOf(n, runs.length) === run;
  const isWrong = (what: string): void => {
    wrong++;
    find(`wrong: ${what}`);
  };
  const take = (n: number, what: string): void => {
    if (there[n] === 1) {
      doubled++;
      find(`doubled: ${what}`);
    }
    there[n] = 1;
  };

  for (const [run, ownId] of runs.entries()) {
    const [id, ...surplus] = storeIds(rows, ownId);
    if (id === undefined) continue;
    if (surplus.length > 0) {
      doubled += surplus.length;
      find(`doubled: run ${ownId} as ${[id, ...surplus].join(', ')}`);
    }
    const [{ status } = {}] = rows('SELECT status FROM runs WHERE run_uuid = ?', id);
    if (!statuses.includes(String(status))) isWrong(`run ${id} is ${String(status)}`);

    const latest = new Map<string, number>();
    for (const { key, value, step, timestamp } of rows('SELECT * FROM metrics WHERE run_uuid = ?', id)) {
      const n = Number(step);
      const record = recordOf(n, runs.length);
      const isRight =
        isOf(n, run) &&
        record.kind === 'metric' &&
        record.key === key &&
        record.value === value &&
        (record.timestamp === undefined || record.timestamp === Number(timestamp));
      if (isRight) take(n, `metric ${n}`);
      else isWrong(`metric ${String(key)} of step ${n}: ${String(value)} at ${String(timestamp)}`);
      latest.set(String(key), Math.max(n, latest.get(String(key)) ?? 0));
    }
    for (const { key, step } of rows('SELECT key, step FROM latest_metrics WHERE run_uuid = ?', id)) {
      if (latest.get(String(key)) !== Number(step)) isWrong(`the latest of ${String(key)} is of step ${String(step)}`);
      latest.delete(String(key));
    }
    for (const key of latest.keys()) isWrong(`${key} has no latest`);
    for (const { key, value } of rows('SELECT key, value FROM params WHERE run_uuid = ?', id)) {
      const n = Number(String(key).slice(1));
      const record = recordOf(n, runs.length);
      if (isOf(n, run) && record.kind === 'param' && record.key === key && record.value === value) take(n, `param ${n}`);
      else isWrong(`param ${String(key)}: ${String(value)}`);
    }
    const [{ value: tag } = {}] = rows('SELECT value FROM tags WHERE run_uuid = ? AND key = ?', id, TAG);
    if (tag === undefined) continue;
    const last = Number(tag);
    if (!isOf(last, run) || recordOf(last, runs.length).kind !== 'tag') isWrong(`tag ${String(tag)}`);
    // Those before it have been there.
    for (let n = run; n <= Math.min(last, begun - 1); n += runs.length) if (recordOf(n, runs.length).kind === 'tag') there[n] = 1;
  }

  let [lost, landed] = [0, 0];
  for (let n = 0; n < begun; n++) {
    if (there[n] === 1) landed++;
    else if (promised[n] === 1) {
      lost++;
      find(`lost: ${recordOf(n, runs.length).kind} ${n}`);
    }
  }
  return { landed, lost, doubled, wrong, findings };
}

/** A server chooses its own. */
export function storeIds(rows: Rows, ownId: string): string[] {
  const own = rows('SELECT run_uuid AS id FROM runs WHERE run_uuid = ?', ownId);
  const tagged = rows(
    "SELECT run_uuid AS id FROM tags JOIN runs USING (run_uuid) WHERE tags.key = 'headrace.run_id' AND tags.value = ? AND lifecycle_stage = 'active'",
    ownId,
  );
  return [...new Set([...own, ...tagged].map(({ id }) => String(id)))];
}

export function count(marked: Uint8Array): number {
  return marked.reduce((sum, one) => sum + one, 0);
}

export function everything({ begun }: Pick<Logged, 'begun'>): Uint8Array {
  return new Uint8Array(begun).fill(1);
}
