/** Runs on an MLflow tracking server, over its REST API. */
import type { BatchLimits } from '../../options.js';
import type { Batch, NewRun, Outcome, RunEnd, Store } from '../store.js';
import type { ServerSettings } from './server-settings.js';

export interface MlflowStoreOptions {
  readonly server: ServerSettings;
  /** The store's name in messages: its address without secrets. */
  readonly display: string;
  /** Of one request. */
  readonly limits: BatchLimits;
}

export class MlflowStore implements Store {
  readonly remote = true;

  constructor(_options: MlflowStoreOptions) {}

  async open(): Promise<void> {}

  async createRun(_run: NewRun): Promise<string> {
    throw new Error('not yet');
  }

  async land(_batch: Batch): Promise<readonly Outcome[]> {
    throw new Error('not yet');
  }

  async endRun(_end: RunEnd): Promise<void> {}

  async close(): Promise<void> {}
}
