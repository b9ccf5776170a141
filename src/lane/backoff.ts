import type { RetryPolicy } from '../options.js';
import type { StoreBusyError } from '../store/store.js';

/**
 * Between two tries once the retry budget is used up, and while somebody has to mend something first: soon
 * enough for whoever waits for it, and seldom enough to go on for days (a server's log takes 120 lines an hour).
 */
const PROBE_MS = 30_000;

/** A Retry-After of hours is a mistake of somebody's; so long is respected, and a quota's window is rarely longer. */
const MAX_RETRY_AFTER_MS = 600_000;

/** Node's timers take no longer times, and would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** When the next try of what the store does not take is due. Made at the first failure, which starts the budget. */
export class Backoff {
  private readonly policy: RetryPolicy;
  private readonly endless: boolean;
  private readonly since = performance.now();
  private rounds = 0;

  /** `endless`: when the budget is used up it is tried less often, and not given up. */
  constructor(policy: RetryPolicy, endless: boolean) {
    this.policy = policy;
    this.endless = endless;
  }

  get elapsedMs(): number {
    return performance.now() - this.since;
  }

  /** Milliseconds from a failure to the next try; undefined: there is none. */
  next(error: StoreBusyError): number | undefined {
    const leftMs = this.policy.maxRetryTime - this.elapsedMs;
    const isSpent = leftMs <= 0 || this.rounds >= this.policy.retries;
    if (isSpent && !this.endless) return undefined;
    // The last try within the budget is not put off beyond it.
    const pauseMs = isSpent ? Math.max(PROBE_MS, this.pauseMs()) : Math.min(leftMs, this.pauseMs());
    this.rounds++;
    return Math.max(pauseMs, wantedPauseMs(error));
  }

  private pauseMs(): number {
    const { minTimeout, maxTimeout, factor, randomize, addedJitterMs } = this.policy;
    // 0 × Infinity is no number.
    const grown = minTimeout === 0 ? 0 : minTimeout * factor ** this.rounds;
    const longest = Math.min(grown, maxTimeout, MAX_TIMER_MS - addedJitterMs);
    // Full jitter, from 0 up: the many clients of a server that is back don't come all at once.
    return (randomize ? Math.random() * longest : longest) + Math.random() * addedJitterMs;
  }
}

/** What the store asks for before the next try, in milliseconds. */
export function wantedPauseMs({ retryAfterMs, needsPerson }: StoreBusyError): number {
  return Math.min(retryAfterMs ?? (needsPerson ? PROBE_MS : 0), MAX_RETRY_AFTER_MS);
}
