import { type HeadraceError, StoreUnavailableError } from '../errors.js';
import type { JournalWriter } from '../journal/writer.js';
import { isTypeTag } from '../params/type-tag.js';
import type { Account } from './account.js';
import { bury, type Dead } from './dead-letters.js';
import type { RunQueue } from './run-queue.js';
import type { Settlement, Step } from './step.js';

export interface LeftoverListener {
  /** So many records more have landed or were refused. */
  settled(count: number): void;
  /** So many records were refused for good. */
  buried(count: number): void;
  /** It can't be sent by this process; it stays in its journal. */
  gaveUp(reason: string): void;
}

/** Of a run that a dead process left in its journal: what has landed is written there, what was refused is buried. */
export class LeftoverAccount implements Account {
  private readonly writer: JournalWriter;
  private readonly home: string;
  private readonly run: number;
  private readonly endSeq: number | undefined;
  private readonly listener: LeftoverListener;
  queue: RunQueue | undefined;
  settledTo: number;
  private isGivenUp = false;

  /** `endSeq`: of its end, if the journal has that. */
  constructor(parts: {
    writer: JournalWriter;
    home: string;
    run: number;
    settledTo: number;
    endSeq: number | undefined;
    listener: LeftoverListener;
  }) {
    this.writer = parts.writer;
    this.home = parts.home;
    this.run = parts.run;
    this.settledTo = parts.settledTo;
    this.endSeq = parts.endSeq;
    this.listener = parts.listener;
  }

  async refused(step: Step, { all, failures }: Settlement): Promise<void> {
    if (all instanceof StoreUnavailableError || failures.some(({ error }) => error instanceof StoreUnavailableError)) {
      this.giveUp(all ?? failures[0]?.error);
    }
    if (this.isGivenUp || (all === undefined && failures.length === 0)) return;
    const dead = all === undefined ? failures.filter(({ item }) => item !== undefined) : lost(step, all);
    if (dead.length === 0) return;
    try {
      bury(this.home, { runId: this.queue?.runId ?? '', storeId: this.queue?.storeId }, dead);
      this.listener.buried(dead.length);
    } catch (error) {
      this.giveUp(error);
    }
  }

  async created(storeId: string): Promise<void> {
    this.writer.storeId(this.run, storeId);
  }

  settled(seq: number): void {
    if (this.isGivenUp) return;
    // An end is no logged record.
    this.listener.settled(((seq - this.settledTo) | 0) - (seq === this.endSeq ? 1 : 0));
    this.settledTo = seq;
    this.writer.landed(this.run, seq);
  }

  ended(): void {
    if (!this.isGivenUp) this.writer.finished(this.run);
  }

  private giveUp(error: unknown): void {
    if (this.isGivenUp) return;
    this.isGivenUp = true;
    this.listener.gaveUp(error instanceof Error ? error.message : String(error));
  }
}

/** What comes to nothing with the whole step. */
function lost(step: Step, error: HeadraceError): readonly Dead[] {
  if (step.kind !== 'batch') return [{ item: undefined, error }];
  // The tag of a param's type goes with it.
  return step.items.filter((item) => item.kind !== 'tag' || !isTypeTag(item.key)).map((item) => ({ item, error }));
}
