/** Calls of a store as a lane makes them. */
import { randomUUID } from 'node:crypto';
import { type NewRun, StoreBusyError } from '../../src/store/store.js';

export function newId(): string {
  return randomUUID().replaceAll('-', '');
}

export function newRun(run: Partial<NewRun> = {}): NewRun {
  return {
    id: newId(),
    resume: false,
    mayExist: false,
    experiment: {},
    name: undefined,
    userId: 'ada',
    startTime: 1_700_000_000_000,
    tags: [],
    ...run,
  };
}

/** As a lane does: what is busy comes again after a pause. Answers how often it was. */
export async function persist<T>(call: () => Promise<T>, deadlineMs = 20_000): Promise<{ value: T; busy: number }> {
  const end = Date.now() + deadlineMs;
  for (let busy = 0; ; busy++) {
    try {
      return { value: await call(), busy };
    } catch (error) {
      if (!(error instanceof StoreBusyError) || Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

export async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it should have failed');
}
