import { AsyncLocalStorage } from 'node:async_hooks';
import type { ActiveRun } from './active-run.js';

/**
 * The active runs of one `withRun`, or of all that is outside every `withRun`. Whatever runs in it shares it, so a run
 * that an awaited function has started stays active for its caller, as in Python.
 */
export class Scope {
  /** The innermost last. */
  private readonly runs: ActiveRun[] = [];
  private lastEnded: ActiveRun | undefined;
  /** Its `withRun` is over. */
  private isOver = false;

  get active(): ActiveRun | undefined {
    return this.runs.at(-1);
  }

  get last(): ActiveRun | undefined {
    return this.active ?? this.lastEnded;
  }

  /**
   * What a logging call is for. Of a `withRun` that is over, the run that has ended: work that was left behind in it is
   * told so, and starts no run that nobody would end.
   */
  get target(): ActiveRun | undefined {
    return this.active ?? (this.isOver ? this.lastEnded : undefined);
  }

  add(run: ActiveRun): void {
    this.runs.push(run);
  }

  remove(run: ActiveRun): void {
    const at = this.runs.indexOf(run);
    if (at >= 0) this.runs.splice(at, 1);
    this.lastEnded = run;
  }

  /** Its `withRun`, which had begun with `run`, is over. Answers the runs that are still active, the innermost first. */
  close(run: ActiveRun): ActiveRun[] {
    this.isOver = true;
    this.lastEnded = run;
    return this.runs.splice(0).reverse();
  }

  /** A `withRun` that was called here is over. */
  saw(run: ActiveRun): void {
    this.lastEnded = run;
  }
}

const outermost = new Scope();
const scopes = new AsyncLocalStorage<Scope>();

export function currentScope(): Scope {
  return scopes.getStore() ?? outermost;
}

export function inScope<T>(scope: Scope, work: () => T): T {
  return scopes.run(scope, work);
}
