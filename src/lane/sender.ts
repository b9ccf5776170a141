import pRetry from 'p-retry';
import { HeadraceError, StoreUnavailableError } from '../errors.js';
import type { RetryOptions } from '../options.js';
import { type Outcome, type Store, StoreBusyError } from '../store/store.js';
import type { Creation, Ending, PendingBatch, Refused, RunQueue, Step } from './run-queue.js';
import { newRunOf } from './run-request.js';
import { Signal } from './signals.js';

/** How one step of a run ended. */
export interface Settlement {
  readonly failures: readonly Refused[];
  /** The same error for every record of the step. */
  readonly all: HeadraceError | undefined;
}

const LANDED: Settlement = { failures: [], all: undefined };

/** A lock held by another writer is everyday life; a store that is away for longer is worth an event. */
const DOWN_AFTER_MS = 1000;

export interface StoreWatcher {
  down(error: HeadraceError): void;
  up(): void;
}

/** Takes the steps of runs to the store, tries again what is busy, and tells how each record fared. */
export class Sender {
  private readonly store: Store;
  private readonly storeName: string;
  private readonly retry: Required<RetryOptions>;
  private readonly signals: Int32Array;
  private readonly watcher: StoreWatcher;
  private readonly abort = new AbortController();
  private opened = false;
  private isDown = false;

  constructor(parts: {
    store: Store;
    storeName: string;
    retry: Required<RetryOptions>;
    signals: Int32Array;
    watcher: StoreWatcher;
  }) {
    this.store = parts.store;
    this.storeName = parts.storeName;
    this.retry = parts.retry;
    this.signals = parts.signals;
    this.watcher = parts.watcher;
  }

  /** Ends every retry that is waiting; what it was for stays undone. */
  giveUp(): void {
    this.abort.abort();
  }

  async close(): Promise<void> {
    if (this.opened) await this.store.close();
  }

  /** Rejects only when the store could not tell what happened and there is no more time to ask. */
  async perform(queue: RunQueue, step: Step): Promise<Settlement> {
    try {
      switch (step.kind) {
        case 'create':
          return await this.create(queue, step);
        case 'batch':
          return await this.land(queue, step);
        case 'end':
          return await this.end(queue, step);
      }
    } catch (error) {
      if (error instanceof HeadraceError) return { failures: [], all: error };
      throw error;
    }
  }

  private async create(queue: RunQueue, step: Creation): Promise<Settlement> {
    try {
      // Without a seq it is the creation of a run that the worker's predecessor had begun.
      const run = await newRunOf(step.request, step.seq === undefined);
      queue.storeId = await this.attempt(async () => {
        // Here and not at the worker's start: a folder that was missing may be there for the next run.
        if (!this.opened) await this.store.open();
        this.opened = true;
        return this.store.createRun(run);
      });
      return LANDED;
    } catch (error) {
      if (error instanceof HeadraceError) queue.fatal = error;
      throw error;
    }
  }

  private async land(queue: RunQueue, batch: PendingBatch): Promise<Settlement> {
    if (queue.fatal !== undefined) return { failures: [], all: queue.fatal };
    if (batch.items.length === 0) return { failures: batch.refused, all: undefined };
    Atomics.add(this.signals, Signal.Batches, 1);
    let outcomes: readonly Outcome[];
    try {
      outcomes = await this.attempt(() => this.store.land({ runId: storeIdOf(queue), items: batch.items }));
    } catch (error) {
      if (!(error instanceof HeadraceError)) throw error;
      outcomes = batch.items.map(() => error);
    }
    const failures = refusals(batch, outcomes);
    return failures.length === 0 ? LANDED : { failures, all: undefined };
  }

  private async end(queue: RunQueue, step: Ending): Promise<Settlement> {
    if (queue.fatal !== undefined) return { failures: [], all: queue.fatal };
    await this.attempt(() => this.store.endRun({ runId: storeIdOf(queue), ...step.request }));
    return LANDED;
  }

  /** Most calls succeed at once, and only what is busy pays for the machinery of retries. */
  private async attempt<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof StoreBusyError)) throw error;
      return await this.tryAgain(call);
    }
  }

  private async tryAgain<T>(call: () => Promise<T>): Promise<T> {
    const since = performance.now();
    try {
      const result = await pRetry(call, {
        ...this.retry,
        signal: this.abort.signal,
        shouldRetry: ({ error }) => error instanceof StoreBusyError,
        onFailedAttempt: ({ error }) => {
          Atomics.add(this.signals, Signal.Retries, 1);
          if (error instanceof StoreBusyError && performance.now() - since > DOWN_AFTER_MS) this.noteDown(error);
        },
      });
      this.noteUp();
      return result;
    } catch (error) {
      if (!(error instanceof StoreBusyError)) throw error;
      const seconds = ((performance.now() - since) / 1000).toFixed(1);
      throw this.unavailable(`${error.message}; gave up after ${seconds} s of retries (options retry.*)`);
    }
  }

  private noteDown(error: StoreBusyError): void {
    if (this.isDown) return;
    this.isDown = true;
    this.watcher.down(this.unavailable(error.message));
  }

  private noteUp(): void {
    if (!this.isDown) return;
    this.isDown = false;
    this.watcher.up();
  }

  private unavailable(reason: string): StoreUnavailableError {
    return new StoreUnavailableError({ store: this.storeName, reason });
  }
}

function storeIdOf(queue: RunQueue): string {
  if (queue.storeId === undefined) throw new Error(`run ${queue.runId} is used before it is made`);
  return queue.storeId;
}

/** In the order of their seq: the caller's thread keeps them so. */
function refusals(batch: PendingBatch, outcomes: readonly Outcome[]): readonly Refused[] {
  const found: Refused[] = [...batch.refused];
  for (let i = 0; i < outcomes.length; i++) {
    const error = outcomes[i];
    if (error !== undefined) found.push({ seq: batch.seqs[i] as number, error }); // one seq per item
  }
  if (found.length === batch.refused.length) return found;
  for (let r = 0; r < batch.repeats.length; r += 2) {
    const error = outcomes[batch.repeats[r + 1] as number]; // pairs
    if (error !== undefined) found.push({ seq: batch.repeats[r] as number, error });
  }
  // Seqs wrap at 2^32: their distance from the batch's first does not.
  return found.sort((a, b) => ((a.seq - batch.firstSeq) >>> 0) - ((b.seq - batch.firstSeq) >>> 0));
}
