import type { Tracker } from '../../src/index.js';
import { until } from './waiting.js';

interface Internals {
  readonly lanes: readonly {
    readonly pool: { readonly threads: readonly { readonly threadId: number; terminate(): Promise<number> }[] } | undefined;
  }[];
}

/** What no user can reach: the lane's worker thread. A test that kills it has to. */
export function threadsOf(tracker: Tracker): Internals['lanes'][number]['pool'] {
  const [lane] = (tracker as unknown as Internals).lanes;
  return lane?.pool;
}

/**
 * Kills the worker while it stands between two calls of the database: better-sqlite3 12 ends the whole
 * process when its thread is terminated within one. Locked out, it sleeps between two tries.
 */
export async function killWorker(tracker: Tracker): Promise<void> {
  const thread = threadsOf(tracker)?.threads[0];
  if (thread === undefined) throw new Error('there is no worker');
  await thread.terminate();
  await until(
    'another worker',
    () => threadsOf(tracker)?.threads.some(({ threadId }) => threadId > 0 && threadId !== thread.threadId) ?? false,
  );
}
