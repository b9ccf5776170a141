import { CallersAccount, type CallersEar } from './account.js';
import { Horizon, type Source } from './horizon.js';
import type { RunQueue } from './run-queue.js';
import { SharedRun } from './shared-run.js';

/** A run that is resumed, or has a parent, which somebody else may have made: until all have been heard nobody knows. */
interface Unplaced {
  readonly queue: RunQueue;
  readonly ear: CallersEar;
  readonly source: Source;
  /** Behind the record that opens it. */
  readonly position: number;
  readonly horizon: Horizon;
}

/** Which runs the threads of a lane have open, and who waits for whom or shares a run with whom. */
export class Roster {
  /** By run id. A run may be resumed before its end has been stored, and then has two queues. */
  private readonly latest = new Map<string, RunQueue>();
  /** By run id. */
  private readonly shared = new Map<string, SharedRun>();
  private unplaced: Unplaced[] = [];
  private readonly sources: (but: Source) => readonly Source[];

  /** `sources`: what all threads but one log to. */
  constructor(sources: (but: Source) => readonly Source[] = () => []) {
    this.sources = sources;
  }

  /** What the other threads have published by now; undefined: there are none. */
  horizon(source: Source): Horizon | undefined {
    const others = this.sources(source);
    return others.length === 0 ? undefined : new Horizon(others);
  }

  /** A run that has been opened by the record which ends at `position`. */
  open(queue: RunQueue, ear: CallersEar, source: Source, position: number): void {
    const { id, resume, parentRunId } = queue.request;
    if (!resume) {
      queue.after = this.latest.get(id);
      this.latest.set(id, queue);
    }
    const isLost = (resume && !this.latest.has(id)) || (parentRunId !== undefined && !this.latest.has(parentRunId));
    const horizon = isLost ? this.horizon(source) : undefined;
    if (horizon === undefined) {
      this.place(queue, ear, source, position);
      return;
    }
    queue.isUnplaced = true;
    this.unplaced.push({ queue, ear, source, position, horizon });
  }

  /** Places what can be placed by now. True: something has to wait until more has been taken. */
  placeAll(): boolean {
    if (this.unplaced.length === 0) return false;
    // In the order opened: what comes later may be of one that comes before.
    while (this.unplaced[0]?.horizon.isPassed === true) {
      const [{ queue, ear, source, position }] = this.unplaced as [Unplaced];
      this.unplaced.shift();
      queue.isUnplaced = false;
      this.place(queue, ear, source, position);
    }
    return this.unplaced.length > 0;
  }

  /** For a worker that takes over: runs that are open, those that others have made behind their makers. */
  takeOver(queues: readonly RunQueue[]): void {
    for (const queue of queues) if (!queue.isJoined) this.follow(queue, this.latest.get(queue.runId));
    for (const queue of queues) {
      if (queue.isJoined) this.join(queue, this.latest.get(queue.runId));
      this.nest(queue);
    }
  }

  /** See `Intake.precedes`. */
  precede(id: string, queue: RunQueue): void {
    this.latest.set(id, queue);
  }

  /** The run has ended. */
  forget(queue: RunQueue): void {
    for (const id of [queue.runId, queue.storeId]) if (id !== undefined && this.latest.get(id) === queue) this.latest.delete(id);
    const { shared } = queue;
    if (shared?.queues.delete(queue) === true && shared.queues.size === 0) this.shared.delete(queue.runId);
  }

  private place(queue: RunQueue, ear: CallersEar, source: Source, position: number): void {
    this.nest(queue);
    const { id, resume } = queue.request;
    if (!resume) return;
    const earlier = this.latest.get(id);
    const isAnothers = earlier?.account instanceof CallersAccount && earlier.account.ear !== ear;
    // One whose end was asked for before is resumed when that is stored.
    if (isAnothers && (!earlier.isEnding || earlier.horizon?.covers(source, position) === true)) {
      queue.joined();
      this.join(queue, earlier);
    } else {
      this.follow(queue, earlier);
    }
  }

  private nest(queue: RunQueue): void {
    const { parentRunId } = queue.request;
    if (parentRunId !== undefined) queue.parent ??= this.latest.get(parentRunId);
  }

  private follow(queue: RunQueue, earlier: RunQueue | undefined): void {
    queue.after ??= earlier;
    this.latest.set(queue.runId, queue);
    const shared = this.shared.get(queue.runId);
    if (shared !== undefined) this.share(queue, shared);
  }

  private join(queue: RunQueue, maker: RunQueue | undefined): void {
    const { runId } = queue;
    const shared = this.shared.get(runId) ?? new SharedRun();
    this.shared.set(runId, shared);
    // Of the same thread, which has left the run and joined it again.
    for (const other of shared.queues) {
      const { account } = other;
      if (account instanceof CallersAccount && queue.account instanceof CallersAccount && account.ear === queue.account.ear)
        queue.after = other;
    }
    queue.maker = maker;
    if (maker !== undefined && !maker.ended) this.share(maker, shared);
    this.share(queue, shared);
  }

  private share(queue: RunQueue, shared: SharedRun): void {
    queue.shared = shared;
    shared.queues.add(queue);
    shared.isBusy ||= queue.isCalling;
  }
}
