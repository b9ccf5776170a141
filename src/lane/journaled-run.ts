import type { JournalWriter } from '../journal/writer.js';
import type { RunRequest } from './task.js';

/** A run in a journal, for whoever takes its records to the store. */
export class JournaledRun {
  readonly number: number;
  private readonly writer: JournalWriter;
  private readonly keepsAll: boolean;

  /** `keepsAll`: what has landed stays all the same, for a store that is to get it later. */
  constructor(writer: JournalWriter, number: number, keepsAll: boolean) {
    this.writer = writer;
    this.number = number;
    this.keepsAll = keepsAll;
  }

  /** How it is to be made, told again with more in it. */
  describe(request: RunRequest): void {
    this.writer.describe(this.number, JSON.stringify(request));
  }

  /** The store knows it under this id. */
  created(storeId: string): void {
    if (!this.keepsAll) this.writer.storeId(this.number, storeId);
  }

  /** Everything up to `seq` has landed, or was refused for good. */
  settled(seq: number): void {
    if (!this.keepsAll) this.writer.landed(this.number, seq);
  }

  /** So has its end. */
  finished(): void {
    if (!this.keepsAll) this.writer.finished(this.number);
  }
}
