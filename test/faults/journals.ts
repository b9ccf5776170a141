/** What programs that died have left, sent by whoever comes next. */
import { existsSync } from 'node:fs';
import { createTracker } from '../../src/index.js';
import { foldersIn } from '../../src/journal/home.js';
import { until } from '../tracker/waiting.js';

/** Journals that are not all sent, in the folder `journal.dir`. */
export function journalsIn(dir: string): string[] {
  return foldersIn(dir).flatMap(foldersIn);
}

/** Resolves when a new tracker of the store has sent all of it. */
export async function sendLeftovers(uri: string, dir: string, deadlineMs: number = 60_000): Promise<void> {
  const left = journalsIn(dir);
  const tracker = createTracker({ uri, journal: { dir } });
  try {
    await until(`what is in ${left.join(', ')} to be sent`, () => left.every((folder) => !existsSync(folder)), deadlineMs);
  } finally {
    await tracker.close({ throwOnFailure: false });
  }
}
