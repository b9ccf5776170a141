import type { Tracker } from '../../src/index.js';
import { until } from '../tracker/waiting.js';

interface Internals {
  readonly lanes: readonly {
    readonly pool: { readonly threads: readonly { readonly threadId: number; terminate(): Promise<number> }[] } | undefined;
  }[];
}

/** What no user can reach: the lane's worker thread. Resolves when another one has taken its place. */
export async function killWorker(tracker: Tracker): Promise<void> {
  const threads = (): NonNullable<Internals['lanes'][number]['pool']>['threads'] =>
    (tracker as unknown as Internals).lanes[0]?.pool?.threads ?? [];
  const [thread] = threads();
  if (thread === undefined) throw new Error('there is no worker');
  const { threadId } = thread;
  await thread.terminate();
  await until('another worker', () => threads().some((each) => each.threadId > 0 && each.threadId !== threadId));
}
