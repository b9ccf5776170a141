/** Random operations on many runs, into a real store: it holds what a plain model of it holds, and refuses what that refuses. */
import { join } from 'node:path';
import { expect, inject, onTestFailed, onTestFinished, test } from 'vitest';
import { createTracker, HeadraceError, type Receipt, type Run, type Tracker } from '../../src/index.js';
import { randomFrom } from '../mlflow/fault-schedule.js';
import { isLong, SEED } from '../mlflow/fault-work.js';
import { rowsOf } from '../store/database-rows.js';
import { newFolder } from '../store/place.js';
import { storeIds } from './account.js';
import { judgeRow } from './fault-row.js';
import { RunModel } from './run-model.js';

const FIRST_TIMESTAMP = 1_700_000_000_000;
const OPEN_RUNS = 6;
/** A real server takes some thousand of them a second. */
const WAIT_MS = isLong ? 600_000 : 60_000;

/** An operation that must be refused, and by which error. */
const CONFLICT = 'HEADRACE_PARAM_CONFLICT';
const INVALID_KEY = 'HEADRACE_INVALID_KEY';

interface Logged {
  readonly receipt: Receipt;
  /** The code of the error that must refuse it. */
  readonly refusal: string | undefined;
  readonly what: string;
}

class Player {
  readonly logged: Logged[] = [];
  readonly runs: { readonly run: Run; readonly model: RunModel }[] = [];
  readonly #tracker: Tracker;
  readonly #random: () => number;
  readonly #open: { run: Run; readonly model: RunModel }[] = [];
  #keys = 0;

  constructor(tracker: Tracker, random: () => number) {
    this.#tracker = tracker;
    this.#random = random;
  }

  async play(): Promise<void> {
    const dice = this.#random();
    if (this.#open.length === 0 || (dice < 0.001 && this.#open.length < OPEN_RUNS)) return this.#start();
    if (dice < 0.0015) return await this.#resume();
    const { run, model } = this.#one(this.#open);
    if (dice < 0.5) this.#metric(run, model);
    else if (dice < 0.65) this.#param(run, model, `param ${this.#keys++}`, this.#value());
    else if (dice < 0.8 && model.params.size > 0) {
      const [key, value] = this.#one([...this.#recent(model.params)]);
      this.#param(run, model, key, this.#random() < 0.5 ? value : `${value}, changed`);
    } else if (dice < 0.9) this.#tag(run, model);
    else if (dice < 0.94) this.#tree(run, model);
    else if (dice < 0.96) this.#took(run.logParam('a//b', 1), INVALID_KEY, 'a//b');
    else this.#metrics(run, model);
  }

  #start(): void {
    const run = this.#tracker.startRun({ tags: { made: 'at random' } });
    const model = new RunModel();
    model.tags.set('made', 'at random');
    this.runs.push({ run, model });
    this.#open.push({ run, model });
  }

  async #resume(): Promise<void> {
    const each = this.#one(this.#open);
    await each.run.end('FINISHED', { throwOnFailure: false });
    if (this.#random() < 0.3) this.#open.splice(this.#open.indexOf(each), 1);
    else each.run = this.#tracker.startRun({ runId: each.run.id });
  }

  #metric(run: Run, model: RunModel): void {
    // Few enough that the same comes again.
    const [key, step, timestamp] = [`metric ${this.#below(5)}`, this.#below(50), FIRST_TIMESTAMP + this.#below(3)];
    const value = this.#number();
    model.metric(key, value, step, timestamp);
    this.#took(run.logMetric(key, value, step, timestamp), undefined, `${key} ${value}`);
  }

  #metrics(run: Run, model: RunModel): void {
    // Their time is the call's, which nobody else knows: not to be compared, so a tag stands for them.
    const value = `tagged ${this.#below(1000)}`;
    model.tags.set('a', value);
    model.tags.set('b', value);
    this.#took(run.setTags({ a: value, b: value }), undefined, value);
  }

  #param(run: Run, model: RunModel, key: string, value: string): void {
    const isTaken = model.param(key, value);
    this.#took(run.logParam(key, value), isTaken ? undefined : CONFLICT, `${key} = ${value}`);
  }

  #tag(run: Run, model: RunModel): void {
    const [key, value] = [`tag ${this.#below(4)}`, this.#value()];
    model.tags.set(key, value);
    this.#took(run.setTag(key, value), undefined, key);
  }

  #tree(run: Run, model: RunModel): void {
    const name = `tree ${this.#keys++}`;
    const [a, b] = [this.#below(100), this.#value()];
    model.param(`${name}.a`, String(a));
    model.param(`${name}.b.c`, b);
    this.#took(run.logParams({ [name]: { a, b: { c: b } } }), undefined, name);
  }

  #took(receipt: Receipt, refusal: string | undefined, what: string): void {
    this.logged.push({ receipt, refusal, what });
  }

  /** The last few, of which some are not stored yet. */
  #recent(params: ReadonlyMap<string, string>): [string, string][] {
    const keys = [...params.keys()].slice(-20);
    return keys.map((key) => [key, params.get(key) ?? '']);
  }

  #number(): number {
    const dice = this.#random();
    if (dice < 0.02) return Number.NaN;
    if (dice < 0.04) return dice < 0.03 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    return dice < 0.5 ? this.#below(20) - 9.5 : this.#random() * 1e6 - 5e5;
  }

  #value(): string {
    return this.#random() < 0.1 ? `wört ${this.#below(1e6)} 學 😀` : `value ${this.#below(1e6)}`;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #one<T>(list: readonly T[]): T {
    // Never empty where it is called.
    return list[this.#below(list.length)] as T;
  }
}

test.for([
  [
    'SQLite',
    isLong ? 1_000_000 : 60_000,
    () => {
      const path = join(newFolder(), 'mlflow.db');
      return { uri: `sqlite:///${path}`, path };
    },
  ],
  ['MLflow server', isLong ? 1_000_000 : 8000, () => ({ uri: inject('server').url, path: inject('server').path })],
] as const)('%s: after %i random operations the store differs from a plain model', async ([where, times, place], context) => {
  onTestFailed(() => console.error(`HEADRACE_SEED=${SEED} repeats what failed here`));
  const { uri, path } = place();
  const dir = join(newFolder(), 'journals');
  const tracker = createTracker({ uri, experiment: 'random operations', workers: 2, journal: { dir } });
  onTestFinished(async () => {
    await tracker.close({ timeoutMs: 1000, throwOnFailure: false }).catch(() => undefined);
  });
  const player = new Player(tracker, randomFrom(SEED));
  for (let i = 0; i < times; i++) {
    await player.play();
    if (i % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (i % 20_000 === 19_999) await tracker.flush({ throwOnFailure: false, timeoutMs: WAIT_MS });
  }
  await tracker.close({ throwOnFailure: false, timeoutMs: WAIT_MS });

  const findings: string[] = [];
  let [lost, doubled, wrong, refused] = [0, 0, 0, 0];
  for (const { receipt, refusal, what } of player.logged) {
    if (refusal !== undefined) refused++;
    const error =
      receipt.state === 'failed'
        ? await receipt.then(
            () => undefined,
            (reason: unknown) => reason,
          )
        : undefined;
    const code = error instanceof HeadraceError ? error.code : error;
    if (code === refusal && receipt.state === (refusal === undefined ? 'landed' : 'failed')) continue;
    wrong++;
    findings.push(`${what}: ${receipt.state}, ${String(error)}`);
  }
  const rows = rowsOf(path);
  for (const { run, model } of player.runs) {
    const [id = '', ...surplus] = storeIds(rows, run.id);
    doubled += surplus.length;
    const differences = model.differences(rows, id);
    lost += differences.lost.length;
    wrong += differences.wrong.length;
    findings.push(...differences.lost.map((text) => `lost: ${text}`), ...differences.wrong.map((text) => `wrong: ${text}`));
  }
  const landed = player.logged.length - refused;
  const note = `${player.runs.length} runs, ${refused} refused as they must be`;
  const row = { fired: times, logged: player.logged.length, landed, lost, doubled, wrong, note };
  judgeRow(context, { fault: 'random operations', where, ...row }, findings.slice(0, 20));
  expect(refused).toBeGreaterThan(0);
});
