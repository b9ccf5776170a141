import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Settings } from '../options.js';
import { openStore } from '../store/open.js';
import type { StoreWatcher } from './alarm.js';
import { Coalescer } from './coalescer.js';
import { Delivery } from './delivery.js';
import { type LeftoverProgress, Leftovers } from './leftovers.js';
import { Sender } from './sender.js';
import { newSignals } from './signals.js';

/** Between two looks at what has settled. */
const POLL_MS = 2;

export interface ReplayOptions {
  /** Folder of the store's journals; what is refused for good is buried there. */
  readonly home: string;
  /** The journals to be sent. Those that a live process owns are left to it. */
  readonly folders: readonly string[];
  /** Of the store that is to get them. */
  readonly settings: Settings;
  readonly watcher: StoreWatcher;
  /** Told often. */
  readonly onProgress?: ((progress: Readonly<LeftoverProgress>) => void) | undefined;
  /** Ends it; what has landed by then is written down. */
  readonly signal: AbortSignal;
}

/** Sends what is left in journals, without a lane. Resolves when all of it has landed or was refused, or at the signal. */
export async function replay(options: ReplayOptions): Promise<Readonly<LeftoverProgress>> {
  const { home, folders, settings, watcher, onProgress, signal } = options;
  const coalescer = new Coalescer(settings.batch);
  const pulse = { beat: () => {}, pause: () => {} };
  const sender = new Sender({
    store: openStore(settings, pulse),
    storeName: settings.location.display,
    retry: settings.retry,
    signals: new Int32Array(newSignals()),
    watcher,
    onTurnedAway: () => {},
  });
  let isOver = false;
  const leftovers = new Leftovers({
    home,
    holder: randomUUID(),
    folders,
    durability: settings.durability === 'fsync' ? 'fsync' : 'os',
    coalescer,
    notice: (text) => watcher.notice(text),
  });
  const delivery = new Delivery({
    coalescer,
    sender,
    lingerMs: 0,
    listener: {
      settled: (queue, step) => {
        if (step.kind === 'end') leftovers.ended(queue);
      },
      get isGivenUp() {
        return isOver;
      },
    },
  });
  try {
    while (!leftovers.isDone && !signal.aborted) {
      // All that can be looked at before any is sent: a run may be in several journals, and its parent in another.
      const isLooking = leftovers.isLooking;
      if (isLooking) leftovers.look();
      const isMore = !isLooking && leftovers.fill();
      if (!isLooking) delivery.start(true);
      onProgress?.(leftovers.progress);
      await (isMore || isLooking ? nextTurn() : sleep(POLL_MS));
    }
  } finally {
    isOver = true;
    sender.giveUp();
    // First: it ends what is on its way, which a server that hangs would answer in minutes.
    await sender.close();
    while (delivery.sending > 0) await sleep(POLL_MS);
    leftovers.close();
  }
  return leftovers.progress;
}
