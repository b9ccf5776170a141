import type { FlushOptions, ParamTree, ParamValue, Receipt, Run } from '../api.js';
import type { Report } from '../report.js';
import type { RunStatus } from '../store/store.js';
import type { Scope } from './scope.js';

/** A run that is active until it ends, in whatever way: by `endRun`, by its own `end`, or by `await using`. */
export class ActiveRun implements Run {
  /** As its tracker made it. */
  readonly run: Run;
  private readonly scope: Scope;

  constructor(run: Run, scope: Scope) {
    this.run = run;
    this.scope = scope;
    scope.add(this);
  }

  get id(): string {
    return this.run.id;
  }

  get storeId(): Promise<string> {
    return this.run.storeId;
  }

  logParam(key: string, value: ParamValue): Receipt {
    return this.run.logParam(key, value);
  }

  logParams(params: ParamTree, options?: { prefix?: string }): Receipt {
    return this.run.logParams(params, options);
  }

  logConfig(path: string, options?: { prefix?: string }): Receipt {
    return this.run.logConfig(path, options);
  }

  logMetric(key: string, value: number, step?: number, timestamp?: number): Receipt {
    return this.run.logMetric(key, value, step, timestamp);
  }

  logMetrics(metrics: Readonly<Record<string, number>>, step?: number): Receipt {
    return this.run.logMetrics(metrics, step);
  }

  setTag(key: string, value: string): Receipt {
    return this.run.setTag(key, value);
  }

  setTags(tags: Readonly<Record<string, string>>): Receipt {
    return this.run.setTags(tags);
  }

  flush(options?: FlushOptions): Promise<Report> {
    return this.run.flush(options);
  }

  end(status?: RunStatus, options?: FlushOptions): Promise<Report> {
    this.scope.remove(this);
    return this.run.end(status, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.scope.remove(this);
    await this.run[Symbol.asyncDispose]();
  }
}
