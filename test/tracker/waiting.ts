/** Waits with deadlines: what never comes is a failure that says what was waited for, not a hang. */

const DEADLINE_MS = 10_000;
const PAUSE_MS = 5;

/** Looks again and again, with turns of the event loop between. */
export async function until(what: string, condition: () => boolean, deadlineMs: number = DEADLINE_MS): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** The same without a turn of the event loop, as in a long synchronous loop. */
export function untilInPlace(what: string, condition: () => boolean, deadlineMs: number = DEADLINE_MS): void {
  const end = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms in place for ${what}`);
    pauseInPlace(PAUSE_MS);
  }
}

const nobody = new Int32Array(new SharedArrayBuffer(4));

export function pauseInPlace(ms: number): void {
  Atomics.wait(nobody, 0, 0, ms);
}

/** The error that a promise rejects with; that it resolves, or never settles, is a failure. */
export async function failure(promise: PromiseLike<unknown>, deadlineMs: number = DEADLINE_MS): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it had not settled within ${deadlineMs} ms`)), deadlineMs);
  });
  const settled = Promise.resolve(promise).then(
    () => Promise.reject(new Error('it should have failed')),
    (error: unknown) => error,
  );
  try {
    return await Promise.race([settled, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The same for an error whose class and fields matter. */
export async function failureOf<T extends Error>(
  kind: abstract new (...args: never[]) => T,
  promise: PromiseLike<unknown>,
  deadlineMs: number = DEADLINE_MS,
): Promise<T> {
  const error = await failure(promise, deadlineMs);
  if (error instanceof kind) return error;
  throw error instanceof Error ? error : new Error(`rejected with ${String(error)}`);
}
