/** Processes that log runs, some of which are killed in the middle and started again for what they had left. */

import type { TrackerOptions } from '../../src/index.js';
import { Child } from '../exit/child.js';
import { randomFrom } from '../mlflow/fault-schedule.js';
import type { WriterPlan } from './children/run-writer.js';
import { RECORDS } from './logged-run.js';

/** What a writer had told of a run. */
export interface ToldRun {
  readonly number: number;
  readonly id: string;
  /** Records, from the first on. */
  durable: number;
  landed: number;
  isDone: boolean;
}

const DEADLINE_MS = 30 * 60_000;

class Writer {
  readonly child: Child;
  readonly runs = new Map<number, ToldRun>();
  readonly refused: string[] = [];
  isKilled = false;
  #read = 0;

  constructor(plan: WriterPlan) {
    this.child = new Child('run-writer.ts', [JSON.stringify(plan)], { deadlineMs: DEADLINE_MS });
  }

  listen(): this {
    const { words } = this.child;
    const whole = words.lastIndexOf('\n') + 1;
    for (const line of words.slice(this.#read, whole).split('\n')) this.#take(line);
    this.#read = whole;
    return this;
  }

  /** It is in the middle of a run, and something of that is promised. */
  get isBusy(): boolean {
    return [...this.runs.values()].some(({ durable, isDone }) => !isDone && durable > 0);
  }

  #take(line: string): void {
    const [word = '', first = '', second = ''] = line.split(' ');
    if (word === 'refused') this.refused.push(line);
    if (word === 'run') this.runs.set(Number(first), { number: Number(first), id: second, durable: 0, landed: 0, isDone: false });
    const run = this.runs.get(Number(first));
    if (run === undefined) return;
    if (word === 'durable') run.durable = Number(second);
    if (word === 'landed') run.landed = Number(second);
    if (word === 'done') run.isDone = true;
  }
}

export interface WritersPlan {
  readonly options: TrackerOptions;
  readonly processes: number;
  readonly runs: number;
  readonly atOnce: number;
  readonly kills: number;
  readonly seed: number;
}

export interface WritersReport {
  /** Also of those that were killed. */
  readonly runs: readonly ToldRun[];
  readonly refused: readonly string[];
  readonly kills: number;
  readonly seconds: number;
  /** How processes ended that nobody had killed. */
  readonly ends: readonly string[];
}

/** Resolves when every run has been logged to its end by somebody. */
export async function writeRuns({ options, processes, runs, atOnce, kills, seed }: WritersPlan): Promise<WritersReport> {
  const random = randomFrom(seed);
  const start = performance.now();
  const all: Writer[] = [];
  const live = new Set<Writer>();
  const ends: string[] = [];
  let killed = 0;
  const begin = async (numbers: readonly number[]): Promise<void> => {
    const writer = new Writer({ options, runs: numbers, atOnce });
    all.push(writer);
    live.add(writer);
    const { code, signal, stderr } = await writer.child.ended;
    live.delete(writer);
    writer.listen();
    if (!writer.isKilled) {
      if (code !== 0) ends.push(`${code ?? signal}: ${stderr}`);
      return;
    }
    const left = numbers.filter((number) => writer.runs.get(number)?.isDone !== true);
    if (left.length > 0) await begin(left);
  };
  /** At about even distances of the whole. */
  const killSome = (): void => {
    const done = all.flatMap((writer) => [...writer.listen().runs.values()]).filter(({ isDone }) => isDone).length;
    if (killed >= kills || done < (runs * (killed + 1)) / (kills + 2)) return;
    const busy = [...live].filter((writer) => writer.isBusy && !writer.isKilled);
    const victim = busy[Math.floor(random() * busy.length)];
    if (victim === undefined) return;
    killed++;
    victim.isKilled = true;
    victim.child.process.kill('SIGKILL');
  };
  const killer = setInterval(killSome, 10);
  const shares = Array.from({ length: processes }, (_, i) => numbersOf(runs).filter((number) => number % processes === i));
  try {
    await Promise.all(shares.map(begin));
  } finally {
    clearInterval(killer);
  }
  return {
    runs: all.flatMap((writer) => [...writer.runs.values()]),
    refused: all.flatMap((writer) => writer.refused),
    kills: killed,
    seconds: (performance.now() - start) / 1000,
    ends,
  };
}

export function numbersOf(runs: number): number[] {
  return Array.from({ length: runs }, (_, number) => number);
}

export function recordsOf(runs: readonly ToldRun[], state: 'durable' | 'landed'): number {
  return runs.reduce((sum, run) => sum + Math.min(run[state], RECORDS), 0);
}
