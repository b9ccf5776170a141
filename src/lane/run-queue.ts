import type { HeadraceError } from '../errors.js';
import { reached } from '../ring/layout.js';
import type { Account, CallersAccount } from './account.js';
import type { Behind } from './behind.js';
import { Drafts } from './drafts.js';
import type { Horizon } from './horizon.js';
import type { JournaledRun } from './journaled-run.js';
import type { PendingBatch } from './pending-batch.js';
import type { SharedRun } from './shared-run.js';
import type { Step } from './step.js';
import type { EndRequest, RunRequest } from './task.js';

/** What waits to be done for one run, in the order logged. */
export class RunQueue<A extends Account = Account> {
  readonly account: A;
  readonly runId: string;
  /** What it was opened by. */
  request: RunRequest;
  readonly steps: Step[] = [];
  /** A sender works on the first step. */
  busy = false;
  /** A call of the store is under way. */
  isCalling = false;
  storeId: string | undefined;
  /** An earlier opening of the same run, whose end must be stored before this one resumes it. */
  after: RunQueue | undefined;
  ended = false;
  /** Records up to this seq may have been sent by a worker or a process that died. Low 32 bits. */
  triedTo: number | undefined;
  /** The run that this one is nested under, if it is of this lane: until it is made nobody knows its id in the store. */
  parent: RunQueue | undefined;
  /** The run could not be made: nothing of it will land. */
  fatal: HeadraceError | undefined;
  /** What was taken and is not in the journal. */
  readonly drafts: Drafts = new Drafts();
  /** The run in the journal, once something of it is there. */
  journaled: JournaledRun | undefined;
  /** Bytes that its batches take, about. */
  held = 0;
  /** Its later records are in the journal, and not here. */
  behind: Behind | undefined;
  /** A tag tells what stands between the names of its keys. */
  isSeparatorTold = false;
  /** Last record taken. Low 32 bits. */
  takenTo = 0;
  /** The record that ends it has been taken. */
  isEnding = false;
  /** What that says; a worker that takes over has to read it in the journal. */
  ending: { readonly seq: number; readonly request: EndRequest } | undefined;
  /** What other threads had published by then: it comes before the end. */
  horizon: Horizon | undefined;
  /** Its thread has died: the run ends when all others that log to it have left it. */
  endsLast = false;
  /** Who the end waits for, and up to which record. */
  private before: readonly (readonly [queue: RunQueue, seq: number])[] | undefined;
  /** Whether it is a run that another thread has made is not known yet. */
  isUnplaced = false;
  /** Other threads log to the run as well. */
  shared: SharedRun | undefined;
  /** Of a run that another thread has made: that one's queue, until its id in the store is known. */
  maker: RunQueue | undefined;

  constructor(account: A, request: RunRequest) {
    this.account = account;
    this.runId = request.id;
    this.request = request;
  }

  /** See `Batch.triedBefore`. */
  isTried({ firstSeq }: PendingBatch): boolean {
    return this.triedTo !== undefined && reached(this.triedTo, firstSeq);
  }

  /** Another thread has made the run, and ends it. */
  get isJoined(): boolean {
    return this.request.isJoined === true;
  }

  joined(): void {
    this.request = { ...this.request, isJoined: true };
    this.journaled?.describe(this.request);
    this.account.joined?.();
  }

  /** What has to come first: an earlier opening's end, the making of the run or of its parent, others that share it. */
  get mustWait(): boolean {
    if (this.after?.ended === true) this.after = undefined;
    return (
      this.after !== undefined ||
      isUnmade(this.parent) ||
      isUnmade(this.maker) ||
      this.isUnplaced ||
      this.shared?.isBusy === true ||
      (this.steps[0]?.kind === 'end' && this.mustWaitToEnd)
    );
  }

  /** Something that is published has to be taken first. */
  get isAhead(): boolean {
    return this.isUnplaced || (this.steps[0]?.kind === 'end' && this.horizon?.isPassed === false);
  }

  /** Before it ends: what other threads had published of it. */
  private get mustWaitToEnd(): boolean {
    if (this.isJoined) return false;
    if (this.horizon?.isPassed === false) return true;
    if (this.shared === undefined) return false;
    const others = [...this.shared.queues].filter((queue) => queue !== this);
    if (this.endsLast) return others.length > 0;
    this.before ??= others.map((queue) => [queue, queue.takenTo]);
    return this.before.some(([queue, seq]) => !queue.ended && !reached(queue.account.settledTo, seq));
  }
}

function isUnmade(queue: RunQueue | undefined): boolean {
  return queue !== undefined && queue.storeId === undefined && queue.fatal === undefined;
}

/** A run that this process logs. */
export type CallersQueue = RunQueue<CallersAccount>;
