import { StoreUnavailableError } from '../errors.js';
import type { JournalWriter } from '../journal/writer.js';
import type { Account } from './account.js';
import { bury } from './dead-letters.js';
import type { RunQueue, Step } from './run-queue.js';
import type { Settlement } from './sender.js';

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
  private readonly listener: LeftoverListener;
  queue: RunQueue | undefined;
  settledTo: number;
  private isGivenUp = false;

  constructor(parts: { writer: JournalWriter; home: string; run: number; settledTo: number; listener: LeftoverListener }) {
    this.writer = parts.writer;
    this.home = parts.home;
    this.run = parts.run;
    this.settledTo = parts.settledTo;
    this.listener = parts.listener;
  }

  async refused(step: Step, { all, failures }: Settlement): Promise<void> {
    if (all instanceof StoreUnavailableError || failures.some(({ error }) => error instanceof StoreUnavailableError)) {
      this.giveUp(all ?? failures[0]?.error);
    }
    if (this.isGivenUp || (all === undefined && failures.length === 0)) return;
    const refusals = new Map(failures.map(({ seq, error }) => [seq, error]));
    const dead = [];
    if (step.kind === 'batch') {
      for (const [i, item] of step.items.entries()) {
        const error = all ?? refusals.get(step.seqs[i] as number); // one seq per item
        if (error !== undefined) dead.push({ item, error });
      }
    } else if (all !== undefined) {
      dead.push({ item: undefined, error: all });
    }
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
    this.listener.settled((seq - this.settledTo) | 0);
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
