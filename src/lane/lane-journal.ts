import { existsSync } from 'node:fs';
import { type HeadraceError, JournalDamagedError, JournalFullError, JournalWriteError } from '../errors.js';
import { describeHome } from '../journal/home.js';
import { OwnedJournal } from '../journal/owned-journal.js';
import type { Skipped } from '../journal/segment-reader.js';
import type { JournalWriter } from '../journal/writer.js';
import { reached } from '../ring/layout.js';
import type { Pulse } from '../store/store.js';
import type { StoreLocation } from '../store/uri.js';
import { Backlog } from './backlog.js';
import type { Coalescer } from './coalescer.js';
import type { Draft } from './drafts.js';
import { JournaledRun } from './journaled-run.js';
import type { CallersQueue } from './run-queue.js';
import type { LaneJournalSettings } from './task.js';

/** A journal that can't be written is tried again so often. */
const RETRY_MS = 250;

/** What has landed is looked through for segments that can go. */
const COLLECT_MS = 500;

export interface JournalListener {
  /** The journal can't be written just now. Told once, until it can again. */
  cannotWrite(error: HeadraceError): void;
  canWriteAgain(): void;
  skipped(skipped: Skipped): void;
}

/**
 * A lane's journal: takes what was drafted, and tells when it is durable. What can't be written now stays with it, or
 * with its run, and comes again.
 */
export class LaneJournal {
  readonly settings: LaneJournalSettings;
  private readonly location: StoreLocation;
  private readonly isOffline: boolean;
  private readonly coalescer: Coalescer;
  private readonly listener: JournalListener;
  private readonly pulse: Pulse;
  private journal: OwnedJournal | undefined;
  private reading: Backlog | undefined;
  /** Appended, and not durable: up to which seq. */
  private readonly unpublished = new Map<CallersQueue, number>();
  private trouble: HeadraceError | undefined;
  private retryAt = 0;
  private collectAt = 0;

  constructor(parts: {
    settings: LaneJournalSettings;
    location: StoreLocation;
    isOffline: boolean;
    coalescer: Coalescer;
    listener: JournalListener;
    pulse: Pulse;
  }) {
    this.settings = parts.settings;
    this.location = parts.location;
    this.isOffline = parts.isOffline;
    this.coalescer = parts.coalescer;
    this.listener = parts.listener;
    this.pulse = parts.pulse;
  }

  /** False: what is logged now has to stay in memory, as it is not sure that the journal takes it. */
  get isWell(): boolean {
    return this.journal !== undefined && this.trouble === undefined;
  }

  /** Something was appended, and is not durable yet. */
  get hasUnpublished(): boolean {
    return this.unpublished.size > 0;
  }

  get hasBacklog(): boolean {
    return this.reading?.isEmpty === false;
  }

  /** Reads what fell behind. True: there is more to be read now. */
  fill(): boolean {
    return this.reading?.fill() ?? false;
  }

  /** For a worker that takes over: what its predecessor left in the journal comes again. */
  takeOver(queues: readonly CallersQueue[]): void {
    const wanted = new Map(queues.map((queue) => [queue.account.journalRun, queue]));
    // One that was not written when the worker died: another run may get its number.
    for (const { account } of queues) account.journalRun = 0;
    if (!existsSync(this.settings.folder)) return;
    let journal: OwnedJournal;
    try {
      journal = this.opened();
    } catch (error) {
      // Its predecessor could not open it either, and has put nothing there.
      const isNeeded = [...wanted.keys()].some((number) => number !== 0);
      if (isNeeded || !(error instanceof JournalWriteError)) throw error;
      this.fail(error);
      return;
    }
    const { writer } = journal;
    for (const [number, { state, backlog, lastSeq }] of writer.recovered.runs) {
      const queue = wanted.get(number);
      if (queue === undefined) {
        // The caller knows that it has ended.
        this.journaledRun(number).finished();
        continue;
      }
      const { account } = queue;
      account.journalRun = number;
      queue.journaled = this.journaledRun(number);
      if (lastSeq !== undefined) account.journaled(lastSeq);
      queue.journaled.settled(account.settledTo);
      if (backlog === undefined) continue;
      let readTo = account.settledTo;
      const made = state.opened?.seq;
      if (made !== undefined && !reached(readTo, made)) {
        // It is made again by a step without a seq.
        this.coalescer.complete(queue, made, undefined);
        readTo = made;
      }
      queue.behind = { readTo, from: backlog.from, last: writer.place.sequence - 1, isMissed: false, isDoubtful: false };
      this.reading?.add(queue, number);
    }
  }

  /**
   * Takes what was drafted for these runs. True: all of it is durable, and the caller has been told so. `drafted`
   * loses those of which nothing is left to be taken.
   */
  keep(drafted: Iterable<CallersQueue>): boolean {
    if (performance.now() < this.retryAt) return false;
    let isAll = false;
    try {
      isAll = this.takeAll(drafted);
      if (this.journal === undefined) return isAll;
      const { writer } = this.journal;
      this.forgetSettled();
      if (writer.durable < appendedTo(writer)) {
        writer.write();
        if (this.settings.durability === 'fsync') this.sync(writer);
        if (isAll && performance.now() >= this.retryAt) this.isFine();
      }
      this.publish();
    } catch (error) {
      if (!(error instanceof JournalWriteError)) throw error;
      this.fail(error);
      this.publish();
    }
    return isAll && this.unpublished.size === 0;
  }

  /** Deletes what has landed, now and then. */
  collect(): void {
    if (this.journal === undefined || performance.now() < this.collectAt) return;
    this.collectAt = performance.now() + COLLECT_MS;
    this.collectNow(this.journal);
  }

  close(): void {
    this.reading?.close();
    const { journal } = this;
    this.journal = undefined;
    try {
      journal?.close();
    } catch (error) {
      if (!(error instanceof JournalWriteError)) throw error;
      this.fail(error);
    }
  }

  private opened(): OwnedJournal {
    if (this.journal !== undefined) return this.journal;
    const { home, folder, holder, durability, limitBytes } = this.settings;
    const journal = OwnedJournal.open({ folder, durability, limitBytes }, holder);
    if (journal === undefined) throw new JournalWriteError({ path: folder, reason: 'somebody else owns it' });
    describeQuietly(home, this.location);
    this.journal = journal;
    this.reading = new Backlog({
      folder,
      coalescer: this.coalescer,
      isWritten: () => journal.writer.unwrittenBytes === 0,
      onSkip: (skipped) => this.listener.skipped(skipped),
      // Offline nothing is sent, and what found no place was refused then.
      ...(this.isOffline ? {} : { lost: () => new JournalDamagedError({ folder }) }),
    });
    return journal;
  }

  private sync(writer: JournalWriter): void {
    this.pulse.pause();
    try {
      writer.sync();
    } finally {
      this.pulse.beat();
    }
  }

  private takeAll(drafted: Iterable<CallersQueue>): boolean {
    for (const queue of drafted) if (!this.take(queue)) return false;
    return true;
  }

  /** True: nothing of the run is left to be appended. */
  private take(queue: CallersQueue): boolean {
    const { drafts } = queue;
    // Whatever is durable counts as landed unless a failure was told.
    while (drafts.refused[0] !== undefined) {
      const [{ seq, error }] = drafts.refused;
      if (!queue.account.tryRefuse(seq, 1, error)) return false;
      drafts.refused.shift();
    }
    let taken = 0;
    for (const draft of drafts.all) {
      if (!this.append(queue, draft)) break;
      taken++;
      // A frame of 4096 items takes a millisecond.
      this.pulse.beat();
      this.unpublished.set(queue, draft.lastSeq);
    }
    drafts.took(taken);
    return drafts.isEmpty;
  }

  /** False: there is no room in the journal. */
  private append(queue: CallersQueue, draft: Draft): boolean {
    try {
      const run = this.runOf(queue);
      if (draft.kind === 'opened') return true;
      const { writer } = this.opened();
      const place =
        draft.kind === 'items'
          ? writer.append({ ...draft, run })
          : writer.append({ kind: 'ended', run, seq: draft.lastSeq, ...draft.request });
      const { behind } = queue;
      if (behind !== undefined) {
        behind.from ??= place;
        behind.last = place.sequence;
        this.reading?.add(queue, run);
      }
      return true;
    } catch (error) {
      if (!(error instanceof JournalFullError)) throw error;
      this.collectNow(this.opened(), true);
      this.fail(error);
      return this.isOffline && this.refuse(queue, draft, error);
    }
  }

  /** There is no other place for it. */
  private refuse(queue: CallersQueue, draft: Draft, error: HeadraceError): boolean {
    const [from, count] =
      draft.kind === 'items' ? [draft.firstSeq, (draft.lastSeq - draft.firstSeq + 1) | 0] : [draft.lastSeq, 1];
    return queue.account.tryRefuse(from, Math.max(1, count), error);
  }

  private runOf(queue: CallersQueue): number {
    if (queue.journaled !== undefined) return queue.journaled.number;
    const { writer } = this.opened();
    const run = writer.newRun();
    writer.append({ kind: 'opened', run, seq: 1, id: queue.runId, request: JSON.stringify(queue.request) });
    const journaled = this.journaledRun(run);
    queue.journaled = journaled;
    const { account, storeId } = queue;
    account.journalRun = run;
    // It may have been made before anything of it had to come here.
    if (storeId !== undefined) journaled.created(storeId);
    journaled.settled(account.settledTo);
    return run;
  }

  private journaledRun(run: number): JournaledRun {
    return new JournaledRun(this.opened().writer, run, this.isOffline);
  }

  /** All or nothing: most often the last write took everything. */
  private publish(): void {
    if (this.journal === undefined || this.journal.writer.durable < appendedTo(this.journal.writer)) return;
    for (const [queue, seq] of this.unpublished) queue.account.journaled(seq);
    this.unpublished.clear();
  }

  /** Where nothing can be written they would be waited for, also at the end. */
  private forgetSettled(): void {
    for (const [queue, seq] of this.unpublished) if (reached(queue.account.settledTo, seq)) this.unpublished.delete(queue);
  }

  private collectNow({ writer }: OwnedJournal, isFull = false): void {
    try {
      writer.collect(isFull);
      // Were the process killed, all that it doesn't know to have landed would be sent again.
      writer.acknowledge();
    } catch (error) {
      if (!(error instanceof JournalWriteError)) throw error;
      // It is tried again; the segments stay until then.
    }
  }

  private fail(error: HeadraceError): void {
    this.retryAt = performance.now() + RETRY_MS;
    if (this.trouble === undefined) this.listener.cannotWrite(error);
    this.trouble = error;
  }

  private isFine(): void {
    if (this.trouble === undefined) return;
    this.trouble = undefined;
    this.listener.canWriteAgain();
  }
}

/** Sequence of its last frame, those included that tell a run anew. */
function appendedTo({ place }: JournalWriter): number {
  return place.sequence - 1;
}

function describeQuietly(home: string, location: StoreLocation): void {
  try {
    describeHome(home, location);
  } catch {
    // Whoever finds the folder has to know which store it is of.
  }
}
