import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { journalsIn } from '../../src/lane/leftovers.js';
import { replay } from '../../src/lane/replay.js';
import { resolveOptions } from '../../src/options.js';
import { PATIENCE_MS } from '../server/rows.js';

/** Sends what killed processes left in this folder's journals to the store, and throws when not all of it lands. */
export async function sendLeftBehind(uri: string, folder: string): Promise<void> {
  const dir = join(folder, '.headrace');
  for (const store of readdirSync(dir)) {
    const home = join(dir, store);
    const progress = await replay({
      home,
      folders: journalsIn(home),
      settings: resolveOptions({ uri }, {}, folder),
      watcher: { down: () => {}, up: () => {}, notice: () => {} },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    const { records, settled, live, buried } = progress;
    if (settled !== records || live > 0 || buried > 0) throw new Error(`${home} was not sent: ${JSON.stringify(progress)}`);
  }
}
