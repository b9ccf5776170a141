/** A run that keeps account of what it logs, and of what MLflow must show of it. */
import { expect } from 'vitest';
import type { Receipt, Run, StartRunOptions, Tracker } from '../../src/index.js';
import type { Random } from './fault-schedule.js';
import type { MlflowApi } from './mlflow-api.js';
import { type LatestMetric, type MetricPoint, type SeenRun, sorted } from './seen.js';

export interface RoundSize {
  readonly params: number;
  readonly steps: number;
}

const METRICS = ['loss', 'accuracy', 'lr/group 0', 'grad.norm', 'Ünicode'] as const;
const FIRST_TIMESTAMP = 1_700_000_000_000;

/** MLflow stores the largest double for an infinity. */
const STORED_INFINITY = Number.MAX_VALUE;

export class LoggedRun {
  readonly run: Run;
  readonly parent: LoggedRun | undefined;
  readonly receipts: Receipt[] = [];
  /** Records that the tracker should count. */
  records = 0;
  readonly #random: Random;
  readonly #params: [string, string][] = [];
  readonly #tags = new Map<string, string>();
  readonly #history: MetricPoint[] = [];
  #round = 0;
  #step = 0;

  constructor(tracker: Tracker, random: Random, parent?: LoggedRun, options: StartRunOptions = {}) {
    this.run = tracker.startRun(parent === undefined ? options : { ...options, parentRunId: parent.run.id });
    this.parent = parent;
    this.#random = random;
  }

  /** Params, metrics in five keys, and tags that change. */
  round({ params, steps }: RoundSize): void {
    this.#tag('phase', `begin ${this.#round}`);
    for (let i = 0; i < params; i++) {
      const [key, value] = [`layer ${this.#round}.unit ${i}`, `value ${i} of round ${this.#round}`];
      this.#params.push([key, value]);
      this.#took(this.run.logParam(key, value));
    }
    for (let i = 0; i < steps; i++) {
      for (const key of METRICS) this.#metric(key, this.#value(key));
      if (i === steps >>> 1) this.#tag('phase', `middle ${this.#round}`);
      this.#step++;
    }
    this.#tag('phase', `end ${this.#round}`);
    this.#tag(`only in ${this.#round % 3}`, `round ${this.#round}`);
    this.#round++;
  }

  /** What a receipt says is true at that moment: the server has a param of the last round. */
  async expectReceiptTrue(api: MlflowApi): Promise<void> {
    const [key, value] = [`checked after round ${this.#round}`, String(this.#random())];
    this.#params.push([key, value]);
    const receipt = this.run.logParam(key, value);
    this.#took(receipt);
    await receipt;
    expect((await api.content(await this.run.storeId)).params[key]).toBe(value);
  }

  /** Once each, with their last values. */
  expectIn(seen: SeenRun, parentId: string | undefined): void {
    expect(seen.status).toBe('FINISHED');
    expect(seen.endTime).toEqual(expect.any(Number));
    expect(seen.params).toEqual(sorted(this.#params));
    expect(seen.history).toEqual(sorted(this.#history));
    expect(seen.metrics).toEqual(this.#latest());
    const tags = Object.fromEntries(seen.tags);
    expect(tags).toMatchObject({ ...Object.fromEntries(this.#tags), 'headrace.run_id': this.run.id });
    expect(tags['mlflow.parentRunId']).toBe(parentId);
  }

  #value(key: string): number {
    if (key === 'accuracy' && this.#step % 61 === 3) return Number.NaN;
    if (key === 'grad.norm' && this.#step % 29 === 5)
      return this.#step % 2 === 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    return this.#random() * 10 - 3;
  }

  #metric(key: string, value: number): void {
    // One key's steps go down, another one's stand still: the latest is not simply the last.
    const step = key === 'loss' ? 1000 - this.#step : key === 'lr/group 0' ? 7 : this.#step;
    const timestamp = FIRST_TIMESTAMP + this.#step;
    const stored = Number.isFinite(value) || Number.isNaN(value) ? value : Math.sign(value) * STORED_INFINITY;
    this.#history.push([key, step, timestamp, stored]);
    this.#took(this.run.logMetric(key, value, step, timestamp));
  }

  #tag(key: string, value: string): void {
    this.#tags.set(key, value);
    this.#took(this.run.setTag(key, value));
  }

  #took(receipt: Receipt): void {
    this.records++;
    this.receipts.push(receipt);
  }

  /** MLflow: the greatest by step, timestamp and value, where NaN counts as 0. No two here have step and timestamp alike. */
  #latest(): LatestMetric[] {
    const latest = new Map<string, MetricPoint>();
    for (const point of this.#history) {
      const [key, step, timestamp] = point;
      const [, otherStep, otherTimestamp] = latest.get(key) ?? [key, Number.NEGATIVE_INFINITY, 0];
      if (step > otherStep || (step === otherStep && timestamp > otherTimestamp)) latest.set(key, point);
    }
    return sorted([...latest.values()].map(([key, , , value]) => [key, value]));
  }
}
