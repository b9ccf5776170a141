import { statSync } from 'node:fs';
import { JournalWriteError } from '../errors.js';
import { damage } from '../journal/damage.js';
import { OwnedJournal } from '../journal/owned-journal.js';
import type { RecoveredRun } from '../journal/recovery.js';
import { Backlog } from './backlog.js';
import type { Coalescer } from './coalescer.js';
import { LeftoverAccount } from './leftover-account.js';
import { RunQueue } from './run-queue.js';
import type { RunRequest } from './task.js';

/** Journals that are open at the same time. Thousands of killed processes may have left one each. */
const MAX_OPEN = 16;

/** What has landed is written down, and what is empty removed, so often. */
const COLLECT_MS = 500;

export interface LeftoverProgress {
  /** Journals that were taken over. */
  journals: number;
  runs: number;
  /** Logged records in them that had not landed. */
  records: number;
  /** Of those, landed or buried by now. */
  settled: number;
  /** Journals that a live process owns. */
  live: number;
  /** Of those, refused for good. */
  buried: number;
}

interface Open {
  readonly journal: OwnedJournal;
  readonly backlog: Backlog;
  /** Runs whose end has not been stored. */
  readonly runs: Set<RunQueue>;
}

/** What dead processes left in journals of one store: taken over, sent, and removed when all of it has landed. */
export class Leftovers {
  readonly progress: LeftoverProgress = { journals: 0, runs: 0, records: 0, settled: 0, live: 0, buried: 0 };
  private readonly home: string;
  private readonly holder: string;
  private readonly durability: 'os' | 'fsync';
  private readonly coalescer: Coalescer;
  private readonly notice: (text: string) => void;
  private readonly onRun: (queue: RunQueue) => void;
  /** Not looked at yet, the oldest first. */
  private readonly folders: string[];
  private readonly open = new Set<Open>();
  private readonly byId = new Map<string, RunQueue>();
  private readonly stopped = new Set<RunQueue>();
  private collectAt = 0;

  /**
   * `holder`: unlike any other's in this process, but for one that takes over from it. `folders`: journals that may
   * have been left. `onRun`: of each run that is going to be sent.
   */
  constructor(parts: {
    home: string;
    holder: string;
    folders: readonly string[];
    durability: 'os' | 'fsync';
    coalescer: Coalescer;
    notice: (text: string) => void;
    onRun?: (queue: RunQueue) => void;
  }) {
    this.home = parts.home;
    this.holder = parts.holder;
    this.folders = [...parts.folders];
    this.durability = parts.durability;
    this.coalescer = parts.coalescer;
    this.notice = parts.notice;
    this.onRun = parts.onRun ?? (() => {});
  }

  /** True: journals are being looked at, and what was left of a run has to go before more of it. */
  get isLooking(): boolean {
    return this.folders.length > 0 && this.open.size < MAX_OPEN;
  }

  get isDone(): boolean {
    return this.folders.length === 0 && this.open.size === 0;
  }

  /** Looks at one more journal. It is read once, as a whole: some 100 MiB in a second. */
  look(): void {
    const folder = this.folders.shift();
    if (folder === undefined) return;
    try {
      const journal = OwnedJournal.open({ folder, durability: this.durability }, this.holder);
      if (journal === undefined) this.progress.live++;
      else this.adopt(journal);
    } catch (error) {
      // Gone meanwhile, with another process that has sent it; or not ours to write.
      if (!(error instanceof JournalWriteError)) throw error;
      if (error.reason !== 'ENOENT') this.notice(`${error.message}; what an earlier process left there is not sent`);
    }
  }

  /** Reads on. True: there is more to be read now. */
  fill(): boolean {
    let isMore = false;
    for (const { backlog } of this.open) isMore = backlog.fill() || isMore;
    if (performance.now() >= this.collectAt) this.collect();
    return isMore;
  }

  /** The run's end has settled. */
  ended(queue: RunQueue): void {
    queue.ended = true;
    if (this.byId.get(queue.runId) === queue) this.byId.delete(queue.runId);
    for (const { runs } of this.open) {
      // The loop may have nothing else to do for long.
      if (runs.delete(queue) && runs.size === 0) this.collectAt = 0;
    }
  }

  /** Nothing more is begun but what others wait for: whoever closes the tracker need not wait for it either. */
  stop(awaited: Iterable<RunQueue>): void {
    this.folders.length = 0;
    const kept = new Set<RunQueue>();
    const keep = (queue: RunQueue | undefined): void => {
      if (queue === undefined || kept.has(queue)) return;
      kept.add(queue);
      keep(queue.after);
      keep(queue.parent);
    };
    for (const queue of awaited) keep(queue);
    for (const { runs } of this.open) {
      for (const queue of runs) {
        if (kept.has(queue)) continue;
        this.drop(queue);
        this.stopped.add(queue);
      }
    }
  }

  /** Runs that were stopped while something of them is under way. */
  get abandoned(): number {
    let count = 0;
    for (const { busy } of this.stopped) if (busy) count++;
    return count;
  }

  /** What has not landed stays for the next one. */
  close(): void {
    for (const one of this.open) this.closeOne(one);
    this.folders.length = 0;
  }

  private adopt(journal: OwnedJournal): void {
    const { writer } = journal;
    const { recovered, folder } = writer;
    for (const skipped of recovered.skipped) if (skipped.reason !== 'torn') this.notice(damage(skipped));
    const runs = new Set<RunQueue>();
    const backlog = new Backlog({
      folder,
      coalescer: this.coalescer,
      isWritten: () => true,
      // Told above: recovery has read the same bytes.
      onSkip: () => {},
      onEnd: (queue) => this.readAll(queue, ended.has(queue), endTime),
    });
    const ended = new Set<RunQueue>();
    const endTime = lastWrite(recovered.segments.map(({ path }) => path));
    const one: Open = { journal, backlog, runs };
    this.open.add(one);
    let records = 0;
    for (const [number, run] of makersFirst(recovered.runs)) {
      const { state } = run;
      if (state.finished || state.opened === undefined) continue;
      const queue = this.queueOf(one, number, run);
      if (state.ended !== undefined) ended.add(queue);
      records += run.backlog?.records ?? 0;
      if (run.backlog === undefined) {
        this.readAll(queue, false, endTime);
      } else {
        queue.behind = {
          readTo: queue.account.settledTo,
          from: run.backlog.from,
          last: Number.POSITIVE_INFINITY,
          isMissed: false,
          isDoubtful: false,
        };
        backlog.add(queue, number);
      }
    }
    if (runs.size === 0) {
      this.closeOne(one);
      return;
    }
    this.progress.journals++;
    this.progress.runs += runs.size;
    this.progress.records += records;
    this.notice(
      `an earlier process left ${records} ${records === 1 ? 'record' : 'records'} of ${runs.size} ${runs.size === 1 ? 'run' : 'runs'} in ${folder}; they are sent now`,
    );
  }

  private queueOf(one: Open, number: number, { state, lastSeq }: RecoveredRun): RunQueue<LeftoverAccount> {
    const { opened, storeId, landed, ended } = state;
    if (opened === undefined) throw new Error(`run ${number} of ${one.journal.writer.folder} is not opened`);
    // Our own text, from `LaneJournal`.
    const request = JSON.parse(opened.request) as RunRequest;
    const account = new LeftoverAccount({
      writer: one.journal.writer,
      home: this.home,
      run: number,
      settledTo: landed ?? opened.seq,
      endSeq: ended?.seq,
      listener: {
        settled: (count) => {
          this.progress.settled += count;
        },
        buried: (count) => {
          this.progress.buried += count;
        },
        gaveUp: (reason) => {
          this.drop(queue);
          // Whoever waits for it goes on without.
          this.ended(queue);
          this.notice(`what an earlier process left of run ${request.id} in ${one.journal.writer.folder} stays there: ${reason}`);
        },
      },
    });
    const queue: RunQueue<LeftoverAccount> = new RunQueue(account, request);
    account.queue = queue;
    queue.triedTo = lastSeq;
    queue.after = this.byId.get(request.id);
    if (queue.isJoined) queue.maker = queue.after?.isJoined === true ? queue.after.maker : queue.after;
    if (request.parentRunId !== undefined) queue.parent = this.byId.get(request.parentRunId);
    // Lanes have journals of their own, so a child may be met before its parent.
    for (const { runs } of this.open) {
      for (const other of runs) if (other.request.parentRunId === request.id) other.parent ??= queue;
    }
    this.byId.set(request.id, queue);
    one.runs.add(queue);
    if (storeId === undefined)
      this.coalescer.push(queue, { kind: 'create', request, seq: undefined, stretch: undefined, mayExist: true });
    else queue.storeId = storeId;
    this.onRun(queue);
    return queue;
  }

  /** A run that its process did not end died with it. */
  private readAll(queue: RunQueue, isEnded: boolean, endTime: number): void {
    if (isEnded) return;
    const request = { status: 'KILLED', endTime, ifRunning: true } as const;
    this.coalescer.push(queue, { kind: 'end', request, seq: undefined, stretch: undefined });
  }

  private drop(queue: RunQueue): void {
    queue.behind = undefined;
    this.coalescer.drop(queue);
  }

  private collect(): void {
    this.collectAt = performance.now() + COLLECT_MS;
    for (const one of this.open) {
      if (one.runs.size === 0) {
        this.closeOne(one);
        continue;
      }
      try {
        one.journal.writer.collect();
        one.journal.writer.acknowledge();
      } catch (error) {
        // Nothing is lost by it: what can't be said to have landed is sent again.
        if (!(error instanceof JournalWriteError)) throw error;
      }
    }
  }

  private closeOne(one: Open): void {
    this.open.delete(one);
    one.backlog.close();
    try {
      one.journal.close();
    } catch (error) {
      if (!(error instanceof JournalWriteError)) throw error;
      this.notice(error.message);
    }
  }
}

/** A run that several threads logged to is there several times, and only one of them makes it. */
function makersFirst(runs: ReadonlyMap<number, RecoveredRun>): (readonly [number: number, run: RecoveredRun])[] {
  const isJoined = ({ state }: RecoveredRun): number =>
    // Our own text, from `LaneJournal`.
    state.opened !== undefined && (JSON.parse(state.opened.request) as RunRequest).isJoined === true ? 1 : 0;
  return [...runs].sort(([, a], [, b]) => isJoined(a) - isJoined(b));
}

/** When something was logged last. */
function lastWrite(paths: readonly string[]): number {
  let latest = 0;
  for (const path of paths) {
    try {
      latest = Math.max(latest, statSync(path).mtimeMs);
    } catch {
      // Deleted meanwhile, as all of it has landed.
    }
  }
  return Math.floor(latest) || Date.now();
}
