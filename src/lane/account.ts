import { setTimeout as sleep } from 'node:timers/promises';
import type { HeadraceError } from '../errors.js';
import type { RunSlot } from '../ring/record.js';
import type { PendingBatch } from './pending-batch.js';
import type { RunTable } from './run-table.js';
import type { Settlement, Step } from './step.js';
import type { VerdictWriter } from './verdict-record.js';

/** Who is told how a run's records fare. */
export interface Account {
  /** Everything of the run up to this seq has settled. Low 32 bits. */
  readonly settledTo: number;
  /** What of the step was refused. Told before `settled` passes it. Rejects when it can't be told any more. */
  refused(step: Step, settlement: Settlement): Promise<void>;
  /** The store has made the run, or says that it knows it, under this id. */
  created(storeId: string): Promise<void>;
  /** Everything of the run up to `seq` has settled. */
  settled(seq: number): void;
  /** So has its end. */
  ended(): void;
  /** It is a run that another thread has made. */
  joined?(): void;
}

/** The caller's thread may be in a long turn, and reads whenever it waits. */
const ROOM_POLL_MS = 1;

/** What the runs of one lane tell their caller through. */
export interface CallersEar {
  readonly table: RunTable;
  readonly verdicts: VerdictWriter;
  /** Makes what was written visible. */
  publish(): void;
  readonly isGivenUp: boolean;
}

/** Of a run that this process logs: the caller's thread is told, through shared memory. */
export class CallersAccount implements Account {
  readonly slot: RunSlot;
  private readonly runId: string;
  readonly ear: CallersEar;

  constructor(slot: RunSlot, runId: string, ear: CallersEar) {
    this.slot = slot;
    this.runId = runId;
    this.ear = ear;
  }

  get settledTo(): number {
    return this.ear.table.settled(this.slot);
  }

  async refused(step: Step, { all, failures }: Settlement): Promise<void> {
    if (all === undefined && failures.length === 0) return;
    if (all !== undefined) {
      const [first, count] = seqsOf(step);
      if (count > 0) await this.tell(() => this.ear.verdicts.failed(this.slot, first, count, all));
    }
    for (const { seq, error } of failures) await this.tell(() => this.ear.verdicts.failed(this.slot, seq, 1, error));
    this.ear.publish();
  }

  /** At once. False: there is no room to tell it. */
  tryRefuse(seq: number, count: number, error: HeadraceError): boolean {
    const isTold = this.ear.verdicts.failed(this.slot, seq, count, error);
    this.ear.publish();
    return isTold;
  }

  async created(storeId: string): Promise<void> {
    if (storeId === this.runId) return;
    await this.tell(() => this.ear.verdicts.created(this.slot, storeId));
    this.ear.publish();
  }

  settled(seq: number): void {
    this.ear.table.settle(this.slot, seq);
  }

  ended(): void {}

  joined(): void {
    this.ear.table.setJoined(this.slot);
  }

  /** It is in the journal up to `seq`. */
  journaled(seq: number): void {
    this.ear.table.journal(this.slot, seq);
  }

  /** For a worker that takes over: which run of the journal it is. */
  get journalRun(): number {
    return this.ear.table.journalRun(this.slot);
  }

  set journalRun(run: number) {
    this.ear.table.setJournalRun(this.slot, run);
  }

  private async tell(write: () => boolean): Promise<void> {
    while (!write()) {
      this.ear.publish();
      // Unsettled, as what was given up is: what counts as settled without it would be taken for landed.
      if (this.ear.isGivenUp) throw new Error(`no room to tell how run ${this.runId} fares`);
      await sleep(ROOM_POLL_MS);
    }
  }
}

function seqsOf(step: Step): [first: number, count: number] {
  if (step.kind !== 'batch') return step.seq === undefined ? [0, 0] : [step.seq, 1];
  return [step.firstSeq, countOf(step)];
}

/** A config file's record may end in a later batch and still has something in this one. */
function countOf(batch: PendingBatch): number {
  const last = batch.seqs[batch.seqs.length - 1] ?? batch.lastSeq;
  const ended = (batch.lastSeq - batch.firstSeq + 1) | 0;
  return Math.max(ended, (last - batch.firstSeq + 1) | 0);
}
