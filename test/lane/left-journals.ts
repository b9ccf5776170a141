/** Journals as a process leaves them that was killed. */
import { join } from 'node:path';
import { JournalWriter } from '../../src/journal/writer.js';
import type { RunRequest } from '../../src/lane/task.js';
import type { Item } from '../../src/store/store.js';
import { requestOf } from './queue-of.js';

let journals = 0;

export class LeftJournal {
  readonly folder: string;
  private readonly writer: JournalWriter;

  /** Later ones have later names. */
  constructor(home: string, name = `20260101T000000-1-${String(++journals).padStart(8, '0')}`) {
    this.folder = join(home, name);
    this.writer = new JournalWriter({ folder: this.folder, durability: 'os' });
  }

  /** The run's number. */
  run(id: string, request: Partial<RunRequest> = {}): number {
    const run = this.writer.newRun();
    const whole = { ...requestOf(id), resume: false, ...request };
    this.writer.append({ kind: 'opened', run, seq: 1, id, request: JSON.stringify(whole) });
    return run;
  }

  /** A tag for each seq, of which that is the value. */
  tags(run: number, firstSeq: number, lastSeq: number): this {
    const items = Array.from({ length: lastSeq - firstSeq + 1 }, (_, i): Item => {
      return { kind: 'tag', key: 'at', value: String(firstSeq + i) };
    });
    return this.items(run, firstSeq, lastSeq, items);
  }

  items(run: number, firstSeq: number, lastSeq: number, items: readonly Item[]): this {
    this.writer.append({ kind: 'items', run, firstSeq, lastSeq, items });
    return this;
  }

  end(run: number, seq: number): this {
    this.writer.append({ kind: 'ended', run, seq, status: 'FINISHED', endTime: 5 });
    return this;
  }

  landed(run: number, seq: number): this {
    this.writer.landed(run, seq);
    this.writer.acknowledge();
    return this;
  }

  storeId(run: number, id: string): this {
    this.writer.storeId(run, id);
    return this;
  }

  /** Nobody owns it. */
  leave(): string {
    this.writer.write();
    this.writer.acknowledge();
    return this.folder;
  }
}
