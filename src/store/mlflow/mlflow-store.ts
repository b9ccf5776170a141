/** Runs on an MLflow tracking server, over its REST API. */
import type { BatchLimits } from '../../options.js';
import type { Batch, NewRun, Outcome, RunEnd, Store } from '../store.js';
import { MlflowApi } from './api.js';
import { Batches } from './batches.js';
import { Experiments } from './experiments.js';
import { Runs } from './runs.js';
import type { ServerSettings } from './server-settings.js';

export interface MlflowStoreOptions {
  readonly server: ServerSettings;
  /** Of one request. */
  readonly limits: BatchLimits;
}

export class MlflowStore implements Store {
  readonly remote = true;
  private readonly api: MlflowApi;
  private readonly runs: Runs;
  private readonly batches: Batches;

  constructor({ server, limits }: MlflowStoreOptions) {
    this.api = new MlflowApi(server);
    this.runs = new Runs(this.api, new Experiments(this.api));
    this.batches = new Batches(this.api, this.runs, limits);
  }

  open(): Promise<void> {
    return this.api.open();
  }

  async createRun(run: NewRun): Promise<string> {
    if (!run.resume) return this.runs.create(run);
    const id = await this.runs.resume(run);
    const items = run.tags.map(([key, value]) => ({ kind: 'tag', key, value }) as const);
    if (items.length > 0) await this.batches.land({ runId: id, items });
    return id;
  }

  land(batch: Batch): Promise<readonly Outcome[]> {
    return this.batches.land(batch);
  }

  async endRun(end: RunEnd): Promise<void> {
    await this.batches.settleTags(this.runs.state(end.runId));
    await this.runs.end(end);
    this.runs.forget(end.runId);
  }

  close(): Promise<void> {
    return this.api.close();
  }
}
