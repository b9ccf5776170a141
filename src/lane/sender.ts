import pRetry from 'p-retry';
import { HeadraceError, inCallersTerms, StoreUnavailableError } from '../errors.js';
import type { RetryPolicy } from '../options.js';
import { isTypeTag } from '../params/type-tag.js';
import { type Outcome, type Store, StoreBusyError, type TagItem } from '../store/store.js';
import { Alarm, type StoreWatcher } from './alarm.js';
import { Outage, Passage } from './outage.js';
import type { PendingBatch, Refused } from './pending-batch.js';
import type { RunQueue } from './run-queue.js';
import { newRunOf } from './run-request.js';
import { Signal } from './signals.js';
import type { Creation, Ending, Settlement, Step } from './step.js';

const LANDED: Settlement = { failures: [], all: undefined };

/** A lock held by another writer of a file is everyday life; one that is held for longer is worth an event. */
const DOWN_AFTER_MS = 1000;

/** Takes the steps of runs to the store, tries again what is busy, and tells how each record fared. */
export class Sender {
  private readonly store: Store;
  private readonly signals: Int32Array;
  private readonly abort = new AbortController();
  private readonly outage: Outage;
  private readonly alarm: Alarm;
  private readonly onTurnedAway: () => void;
  private opening: Promise<void> | undefined;
  private isOpen = false;
  private turnedAwayCount = 0;

  constructor(parts: {
    store: Store;
    storeName: string;
    retry: RetryPolicy;
    signals: Int32Array;
    watcher: StoreWatcher;
    /** Something was turned away: what waits in memory may wait for long. */
    onTurnedAway: () => void;
  }) {
    const { store, storeName, retry, signals, watcher } = parts;
    this.onTurnedAway = parts.onTurnedAway;
    this.store = store;
    this.signals = signals;
    this.outage = new Outage({ storeName, policy: retry, endless: store.remote, signal: this.abort.signal });
    this.alarm = new Alarm(watcher, storeName);
  }

  /** A server's client takes long to load: better now, while nothing is logged yet, than between two records. */
  prepare(): void {
    // What fails is told when there is something to send.
    if (this.store.remote) this.opened().catch(() => undefined);
  }

  /** Something of some run has been turned away, and comes again. */
  get isTurnedAway(): boolean {
    return this.turnedAwayCount > 0 || this.outage.isDown;
  }

  /** Ends every wait at once, and nothing more goes to the store; what was waited for stays undone. */
  giveUp(): void {
    this.abort.abort();
  }

  async close(): Promise<void> {
    // Also while it opens: what is on its way then would hold the thread.
    if (this.opening !== undefined) await this.store.close();
  }

  /** Rejects only when the store could not tell what happened and there is no more time to ask. */
  async perform(queue: RunQueue, step: Step): Promise<Settlement> {
    const settlement = await this.attemptStep(queue, step);
    if (queue.storeId === undefined || queue.storeId === queue.runId) return settlement;
    const { failures, all } = settlement;
    return {
      failures: failures.map((refused) => ({ ...refused, error: inCallersTerms(refused.error, queue) })),
      all: all && inCallersTerms(all, queue),
    };
  }

  private async attemptStep(queue: RunQueue, step: Step): Promise<Settlement> {
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
      if (queue.isJoined) return await this.join(queue);
      const run = await newRunOf(step.request, step.mayExist, await this.parentOf(queue, step));
      queue.parent = undefined;
      // A replay must not tag it by what surrounds that.
      queue.journaled?.describe({ ...step.request, tags: run.tags, userId: run.userId, isTagged: true });
      queue.storeId = await this.attempt(queue, () => this.store.createRun(run));
      return LANDED;
    } catch (error) {
      if (error instanceof HeadraceError) queue.fatal = error;
      throw error;
    }
  }

  /** Another thread has made the run, or could not. */
  private async join(queue: RunQueue): Promise<Settlement> {
    const { maker, runId, request } = queue;
    if (maker?.fatal !== undefined) throw maker.fatal;
    // It may have ended before a worker that took over could ask.
    const storeId = maker?.storeId ?? (await this.attempt(queue, async () => await this.store.find?.(runId))) ?? runId;
    const items = request.tags.map(([key, value]): TagItem => ({ kind: 'tag', key, value }));
    if (items.length > 0) await this.attempt(queue, () => this.store.land({ runId: storeId, items, triedBefore: true }));
    queue.storeId = storeId;
    queue.maker = undefined;
    return LANDED;
  }

  /** The id in the store of the run that this one is nested under, where the request may name it by another. */
  private async parentOf(queue: RunQueue, { request, mayExist }: Creation): Promise<string | undefined> {
    if (queue.parent?.storeId !== undefined) return queue.parent.storeId;
    const { parentRunId } = request;
    // In a journal it may be our own id, of a run that has been sent long ago.
    if (parentRunId === undefined || !mayExist || this.store.find === undefined) return undefined;
    return await this.attempt(queue, async () => this.store.find?.(parentRunId));
  }

  /** Again for whoever comes next when it failed: a folder that was missing may be there by then. */
  private opened(): Promise<void> {
    this.opening ??= this.store.open().then(
      () => {
        this.isOpen = true;
      },
      (error: unknown) => {
        this.opening = undefined;
        throw error;
      },
    );
    return this.opening;
  }

  private async land(queue: RunQueue, batch: PendingBatch): Promise<Settlement> {
    if (queue.fatal !== undefined) return { failures: [], all: queue.fatal };
    if (batch.items.length === 0) return { failures: batch.refused, all: undefined };
    Atomics.add(this.signals, Signal.Batches, 1);
    const { items } = batch;
    const triedBefore = queue.isTried(batch);
    let outcomes: readonly Outcome[];
    try {
      outcomes = await this.attempt(queue, () => this.store.land({ runId: storeIdOf(queue), items, triedBefore }));
    } catch (error) {
      if (!(error instanceof HeadraceError)) throw error;
      outcomes = items.map(() => error);
    }
    const failures = refusals(batch, outcomes);
    return failures.length === 0 ? LANDED : { failures, all: undefined };
  }

  private async end(queue: RunQueue, step: Ending): Promise<Settlement> {
    if (queue.fatal !== undefined) return { failures: [], all: queue.fatal };
    // It is left, and whoever has made it ends it.
    if (queue.isJoined) return LANDED;
    await this.attempt(queue, () => this.store.endRun({ runId: storeIdOf(queue), ...step.request }));
    return LANDED;
  }

  /** Most calls succeed at once, and only what is busy pays for the machinery of retries. */
  private async attempt<T>(queue: RunQueue, use: () => Promise<T>): Promise<T> {
    // Not by the creation of a run alone: of one that an earlier process left, that may be all that has landed.
    const call = async (): Promise<T> => {
      if (!this.isOpen) {
        await this.opened();
        this.abort.signal.throwIfAborted();
      }
      return await use();
    };
    // A step may have landed while its lane was stopped, and the run has another.
    this.abort.signal.throwIfAborted();
    const passage = new Passage(this.outage.openings);
    if (this.outage.isDown) return await this.tryAgain(queue, call, passage);
    try {
      const result = await call();
      this.outage.answered(passage);
      // One that was on its way when others began to fail tells nothing about now.
      if (!this.outage.isDown) this.alarm.clear();
      return result;
    } catch (error) {
      if (!(error instanceof StoreBusyError)) throw error;
      this.turnedAway(queue, passage, error);
      return await this.tryAgain(queue, call, passage);
    }
  }

  private async tryAgain<T>(queue: RunQueue, call: () => Promise<T>, passage: Passage): Promise<T> {
    // What succeeded is kept here, as p-retry rejects when the signal was aborted meanwhile.
    const results: T[] = [];
    this.turnedAwayCount++;
    try {
      await pRetry(
        async () => {
          await this.outage.turn(passage);
          results.push(await this.afterTurn(queue, call, passage));
        },
        {
          // How long and how often is up to the gate.
          retries: Number.POSITIVE_INFINITY,
          minTimeout: 0,
          maxTimeout: 0,
          signal: this.abort.signal,
          shouldRetry: ({ error }) => error instanceof StoreBusyError,
        },
      );
    } catch (error) {
      if (results.length === 0) throw error;
    } finally {
      this.turnedAwayCount--;
    }
    return results[0] as T; // it has one, or an error was thrown
  }

  private async afterTurn<T>(queue: RunQueue, call: () => Promise<T>, passage: Passage): Promise<T> {
    let result: T;
    try {
      result = await call();
    } catch (error) {
      if (error instanceof StoreBusyError) {
        this.turnedAway(queue, passage, error);
      } else {
        // The store has made up its mind, so the others need not wait. Whether it is well only some errors tell.
        this.outage.answered(passage);
        if (error instanceof HeadraceError && !(error instanceof StoreUnavailableError)) this.allClear(queue);
      }
      throw error;
    }
    this.outage.answered(passage);
    this.allClear(queue);
    return result;
  }

  private allClear(queue: RunQueue): void {
    if (!this.outage.isDown) this.alarm.clear();
    this.alarm.clearFor(queue);
  }

  /** Throws when the call is not to come again. */
  private turnedAway(queue: RunQueue, passage: Passage, error: StoreBusyError): void {
    this.abort.signal.throwIfAborted();
    const end = this.outage.failed(passage, error);
    if (this.outage.isDown && error.scope === 'store') {
      if (this.store.remote || this.outage.elapsedMs > DOWN_AFTER_MS) this.alarm.raise(error, this.outage.elapsedMs);
    } else if (error.needsPerson) {
      this.alarm.raiseFor(queue, error);
    }
    if (end !== undefined) throw end;
    Atomics.add(this.signals, Signal.Retries, 1);
    this.onTurnedAway();
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
    if (error === undefined) continue;
    const seq = batch.seqs[i] as number; // one for each item
    const item = batch.items[i];
    // It stands behind its param; that both were refused is told once.
    if (item?.kind === 'tag' && isTypeTag(item.key) && found.at(-1)?.seq === seq) continue;
    found.push({ seq, error, item });
  }
  if (found.length === batch.refused.length) return found;
  for (let r = 0; r < batch.repeats.length; r += 2) {
    const error = outcomes[batch.repeats[r + 1] as number]; // pairs
    if (error !== undefined) found.push({ seq: batch.repeats[r] as number, error });
  }
  // Seqs wrap at 2^32: their distance from the batch's first does not.
  return found.sort((a, b) => ((a.seq - batch.firstSeq) >>> 0) - ((b.seq - batch.firstSeq) >>> 0));
}
