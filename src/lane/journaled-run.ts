import type { JournalWriter } from '../journal/writer.js';
import type { RunRequest } from './task.js';

/** A run in a journal, for whoever takes its records to the store. */
export interface JournaledRun {
  readonly number: number;
  /** The store knows it under this id. */
  created(storeId: string): void;
  /** How it is to be made, told again with more in it. */
  describe(request: RunRequest): void;
  /** Everything up to `seq` has landed, or was refused for good. */
  settled(seq: number): void;
  /** So has its end. */
  finished(): void;
}

/** What has landed need not be sent again. */
export class AcknowledgedRun implements JournaledRun {
  readonly number: number;
  private readonly writer: JournalWriter;

  constructor(writer: JournalWriter, number: number) {
    this.writer = writer;
    this.number = number;
  }

  created(storeId: string): void {
    this.writer.storeId(this.number, storeId);
  }

  describe(request: RunRequest): void {
    this.writer.describe(this.number, JSON.stringify(request));
  }

  settled(seq: number): void {
    this.writer.landed(this.number, seq);
  }

  finished(): void {
    this.writer.finished(this.number);
  }
}

/** The journal is where its records land: all of it stays, for a store that is to get it later. */
export class OfflineRun implements JournaledRun {
  readonly number: number;
  private readonly writer: JournalWriter;

  constructor(writer: JournalWriter, number: number) {
    this.writer = writer;
    this.number = number;
  }

  describe(request: RunRequest): void {
    this.writer.describe(this.number, JSON.stringify(request));
  }

  created(): void {}

  settled(): void {}

  finished(): void {}
}
