import { StoreUnavailableError } from '../errors.js';
import type { StoreBusyError } from '../store/store.js';
import { wantedPauseMs } from './backoff.js';
import type { RunQueue } from './run-queue.js';

/** Servers are restarted within seconds. A program that waits for longer should not look as if it hung. */
const LONG_MS = 10_000;

export interface StoreWatcher {
  /** `isWhole`: the store takes nothing of any run. */
  down(error: StoreUnavailableError, isWhole: boolean): void;
  up(isWhole: boolean): void;
  /** For a person to read. */
  notice(text: string): void;
}

/** Tells that the store does not take what is logged: each trouble once, however many calls meet it, and that it is over. */
export class Alarm {
  private readonly watcher: StoreWatcher;
  private readonly storeName: string;
  private isRaised = false;
  private isPersonTold = false;
  private isLengthTold = false;
  private readonly runs = new Set<RunQueue>();

  constructor(watcher: StoreWatcher, storeName: string) {
    this.watcher = watcher;
    this.storeName = storeName;
  }

  /** The store takes nothing, for so long. */
  raise(error: StoreBusyError, elapsedMs: number): void {
    if (!this.isRaised) this.watcher.down(this.meaning(error), true);
    this.isRaised = true;
    // It may have been away first, and have come back with a complaint.
    if (error.needsPerson && !this.isPersonTold) {
      this.ask(error);
    } else if (elapsedMs > LONG_MS && !this.isLengthTold && !this.isPersonTold) {
      this.isLengthTold = true;
      this.watcher.notice(`${this.meaning(error).message}; what is logged waits`);
    }
    this.isPersonTold ||= error.needsPerson;
  }

  clear(): void {
    if (!this.isRaised) return;
    this.isRaised = false;
    this.isPersonTold = false;
    this.isLengthTold = false;
    this.watcher.up(true);
  }

  /** It takes nothing of this run, and somebody has to mend that. */
  raiseFor(queue: RunQueue, error: StoreBusyError): void {
    if (this.runs.has(queue)) return;
    this.runs.add(queue);
    this.watcher.down(this.meaning(error), false);
    this.ask(error);
  }

  clearFor(queue: RunQueue): void {
    if (this.runs.delete(queue)) this.watcher.up(false);
  }

  private ask(error: StoreBusyError): void {
    const seconds = Math.ceil(wantedPauseMs(error) / 1000);
    this.watcher.notice(`${this.meaning(error).message}; what is logged waits, and is tried again every ${seconds} s`);
  }

  private meaning(error: StoreBusyError): StoreUnavailableError {
    return new StoreUnavailableError({ store: this.storeName, reason: error.message });
  }
}
