import { setTimeout as sleep } from 'node:timers/promises';
import pRetry from 'p-retry';
import { StoreUnavailableError } from '../errors.js';
import { StoreBusyError } from '../store/store.js';

/** Tries again what is busy or away, as long as somebody who waits for an answer bears it. `store`: its name in messages. */
export async function patiently<T>(store: string, patienceMs: number, call: () => Promise<T>): Promise<T> {
  const mayMend = (error: Error): error is StoreBusyError =>
    error instanceof StoreBusyError && !error.needsPerson && (error.retryAfterMs ?? 0) < patienceMs;
  try {
    return await pRetry(call, {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 50,
      maxTimeout: 1000,
      maxRetryTime: patienceMs,
      shouldRetry: ({ error }) => mayMend(error),
      onFailedAttempt: async ({ error }) => {
        if (mayMend(error) && error.retryAfterMs !== undefined) await sleep(error.retryAfterMs);
      },
    });
  } catch (error) {
    if (!(error instanceof StoreBusyError)) throw error;
    throw new StoreUnavailableError({ store, reason: error.message }, { cause: error });
  }
}
