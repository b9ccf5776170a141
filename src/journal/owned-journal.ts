import fs from 'node:fs';
import { JournalWriteError } from '../errors.js';
import { OwnerLock } from './owner-lock.js';
import { reasonOf } from './system-reason.js';
import { type JournalOptions, JournalWriter } from './writer.js';

/** Who can't be looked up counts as dead after ten minutes of silence. */
const TOUCH_MS = 60_000;

/** A journal that this thread owns. */
export class OwnedJournal {
  readonly writer: JournalWriter;
  private readonly lock: OwnerLock;
  private readonly touching: NodeJS.Timeout;

  private constructor(lock: OwnerLock, writer: JournalWriter) {
    this.lock = lock;
    this.writer = writer;
    this.touching = setInterval(() => this.touch(), TOUCH_MS).unref();
  }

  /**
   * Makes the folder if it is missing. Undefined: somebody else owns it. Throws JournalWriteError. `holder`: who takes
   * it over from itself, as a worker that was started again.
   */
  static open(options: JournalOptions, holder: string): OwnedJournal | undefined {
    const { folder } = options;
    let lock: OwnerLock | undefined;
    try {
      fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
      lock = OwnerLock.acquire(folder, { holder });
    } catch (error) {
      throw new JournalWriteError({ path: folder, reason: reasonOf(error) }, { cause: error });
    }
    if (lock === undefined) return undefined;
    try {
      return new OwnedJournal(lock, new JournalWriter(options));
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Leaves what has not landed to the next owner; if there is nothing, the folder goes. Throws JournalWriteError. */
  close(): void {
    clearInterval(this.touching);
    try {
      this.writer.close();
    } finally {
      this.lock.release();
      removeEmpty(this.writer.folder);
    }
  }

  private touch(): void {
    try {
      this.lock.touch();
    } catch {
      // A disk that is away now; the next minute it may be there.
    }
  }
}

function removeEmpty(folder: string): void {
  try {
    fs.rmdirSync(folder);
  } catch {
    // Not empty: something of it has not landed.
  }
}
