import type { Run } from '../api.js';
import { keyOf } from './key.js';
import type { FitLogs, FitScalar } from './structure.js';

/** What a batch is, and no metric of it. */
const NO_METRICS: ReadonlySet<string> = new Set(['batch', 'size']);

/** Logs of batches or epochs as metrics: at once where they are numbers, and as soon as a device has told them. */
export class FitLog {
  private readonly run: Pick<Run, 'logMetric'>;
  private readonly prefix: string;
  private readonly keys = new Map<string, string>();
  private readonly awaited = new Set<Promise<void>>();

  constructor(run: Pick<Run, 'logMetric'>, prefix: string) {
    this.run = run;
    this.prefix = prefix;
  }

  log(logs: FitLogs, step: number): void {
    for (const name of Object.keys(logs)) {
      const value = logs[name];
      if (NO_METRICS.has(name)) continue;
      if (typeof value === 'number') this.run.logMetric(this.key(name), value, step);
      else if (isScalar(value)) this.logLater(this.key(name), value, step);
    }
  }

  /** Resolves when everything is logged; rejects when a device could not tell a value. */
  async settled(): Promise<void> {
    await Promise.all(this.awaited);
  }

  private logLater(key: string, scalar: FitScalar, step: number): void {
    // A copy: TensorFlow.js disposes of the original as soon as its callbacks are done.
    const copy = scalar.clone();
    const at = Date.now();
    const told = copy
      .data()
      .then((values) => void this.run.logMetric(key, Number(values[0]), step, at))
      .finally(() => copy.dispose());
    this.awaited.add(told);
    told.then(
      () => this.awaited.delete(told),
      // Kept for `settled`; a training that fails before that has an error of its own.
      () => undefined,
    );
  }

  private key(name: string): string {
    let key = this.keys.get(name);
    if (key === undefined) {
      key = keyOf(this.prefix, name);
      this.keys.set(name, key);
    }
    return key;
  }
}

function isScalar(value: unknown): value is FitScalar {
  return typeof value === 'object' && value !== null && 'data' in value && 'clone' in value;
}
