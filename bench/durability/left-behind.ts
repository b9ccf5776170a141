import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { foldersIn } from '../../src/journal/home.js';
import { replay } from '../../src/lane/replay.js';
import { resolveOptions } from '../../src/options.js';
import { PATIENCE_MS } from '../server/rows.js';

/**
 * Sends what a killed process left in this folder's journals to the store, and throws when not all of it lands.
 * `landed` is called when the last record has: the ends of its runs, and the journal's, are still to come.
 */
export async function sendLeftBehind(uri: string, folder: string, landed: () => void = () => {}): Promise<void> {
  const dir = join(folder, '.headrace');
  const [store = '', ...others] = readdirSync(dir);
  if (others.length > 0) throw new Error(`${dir} has journals of several stores`);
  const home = join(dir, store);
  let isTold = false;
  const progress = await replay({
    home,
    folders: foldersIn(home),
    settings: resolveOptions({ uri }, {}, folder),
    watcher: { down: () => {}, up: () => {}, notice: () => {} },
    onProgress: ({ journals, settled, records }) => {
      if (isTold || journals === 0 || settled < records) return;
      isTold = true;
      landed();
    },
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  // A journal goes when all of it has landed.
  const left = foldersIn(home).length;
  if (left > 0 || progress.buried > 0) throw new Error(`${home} was not sent: ${JSON.stringify(progress)}, ${left} left`);
}
