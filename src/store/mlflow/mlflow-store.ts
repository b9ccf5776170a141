/** Runs on an MLflow tracking server, over its REST API. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchLimits } from '../../options.js';
import type { Batch, NewRun, Outcome, Pulse, RunEnd, Store } from '../store.js';
import { MlflowApi } from './api.js';
import { Batches } from './batches.js';
import { Experiments } from './experiments.js';
import { Runs } from './runs.js';
import type { ServerSettings } from './server-settings.js';

/** What is on its way when a lane stops may still have its answer; the end of the process waits 500 ms for the worker. */
const CLOSE_MS = 250;

export interface MlflowStoreOptions {
  readonly server: ServerSettings;
  /** Of one request. */
  readonly limits: BatchLimits;
  readonly pulse: Pulse;
}

export class MlflowStore implements Store {
  readonly remote = true;
  private readonly pulse: Pulse;
  private readonly api: MlflowApi;
  private readonly runs: Runs;
  private readonly batches: Batches;
  private readonly calls = new Set<Promise<unknown>>();

  constructor({ server, limits, pulse }: MlflowStoreOptions) {
    this.pulse = pulse;
    this.api = new MlflowApi(server);
    this.runs = new Runs(this.api, new Experiments(this.api));
    this.batches = new Batches(this.api, this.runs, limits);
  }

  async open(): Promise<void> {
    this.api.open(this.pulse);
  }

  createRun(run: NewRun): Promise<string> {
    return this.underway(this.makeRun(run));
  }

  land(batch: Batch): Promise<readonly Outcome[]> {
    return this.underway(this.batches.land(batch));
  }

  endRun(end: RunEnd): Promise<void> {
    return this.underway(this.finishRun(end));
  }

  find(ownId: string): Promise<string | undefined> {
    return this.underway(this.runs.find(ownId));
  }

  async close(): Promise<void> {
    const late = new AbortController();
    await Promise.race([Promise.allSettled(this.calls), sleep(CLOSE_MS, undefined, { signal: late.signal })]);
    late.abort();
    await this.api.close();
  }

  private async makeRun(run: NewRun): Promise<string> {
    if (!run.resume) return this.runs.create(run);
    const id = await this.runs.resume(run);
    const items = run.tags.map(([key, value]) => ({ kind: 'tag', key, value }) as const);
    if (items.length > 0) await this.batches.land({ runId: id, items });
    return id;
  }

  private async finishRun(end: RunEnd): Promise<void> {
    await this.batches.settleTags(this.runs.state(end.runId));
    await this.runs.end(end);
    this.runs.forget(end.runId);
  }

  private async underway<T>(call: Promise<T>): Promise<T> {
    this.calls.add(call);
    try {
      return await call;
    } finally {
      this.calls.delete(call);
    }
  }
}
