import type { Receipt, Run, Tracker, TrackerStats } from './api.js';
import { LANDED_RECEIPT } from './receipt.js';
import type { Report } from './report.js';
import type { TrackerHandle } from './threads/handle.js';

const REPORT: Report = { accepted: 0, landed: 0, failed: 0, pending: 0, durable: 0, journal: undefined, failures: [] };
const NO_RUN = '0'.repeat(32);

/** Logging switched off: no worker, no file, and the program runs as if everything had landed. */
export class DisabledTracker implements Tracker {
  private readonly ownHandle: TrackerHandle;

  constructor(handle: TrackerHandle) {
    this.ownHandle = handle;
  }

  handle(): TrackerHandle {
    return this.ownHandle;
  }

  startRun(): Run {
    return new DisabledRun();
  }

  async withRun<T>(_options: unknown, fn: (run: Run) => Promise<T> | T): Promise<T> {
    return await fn(this.startRun());
  }

  async flush(): Promise<Report> {
    return REPORT;
  }

  async close(): Promise<Report> {
    return REPORT;
  }

  stats(): TrackerStats {
    const ringBytes = { used: 0, capacity: 0 };
    return { accepted: 0, durable: 0, landed: 0, failed: 0, ringBytes, batches: 0, retries: 0, lastError: undefined };
  }

  on(): this {
    return this;
  }

  off(): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

class DisabledRun implements Run {
  readonly id = NO_RUN;
  readonly storeId: Promise<string> = Promise.resolve(NO_RUN);

  logParam(): Receipt {
    return LANDED_RECEIPT;
  }

  logParams(): Receipt {
    return LANDED_RECEIPT;
  }

  logConfig(): Receipt {
    return LANDED_RECEIPT;
  }

  logMetric(): Receipt {
    return LANDED_RECEIPT;
  }

  logMetrics(): Receipt {
    return LANDED_RECEIPT;
  }

  setTag(): Receipt {
    return LANDED_RECEIPT;
  }

  setTags(): Receipt {
    return LANDED_RECEIPT;
  }

  async flush(): Promise<Report> {
    return REPORT;
  }

  async end(): Promise<Report> {
    return REPORT;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
