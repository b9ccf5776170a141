/** headrace's store over a database, opened as a worker opens it. */
import { resolveOptions } from '../../src/options.js';
import { openStore } from '../../src/store/open.js';
import type { Pulse, Store } from '../../src/store/store.js';

const quiet: Pulse = { beat: () => {}, pause: () => {} };

/** To be closed by the caller. */
export async function openedStore(uri: string): Promise<Store> {
  const { location, offline, cwd, durability, batch } = resolveOptions({ uri }, {}, process.cwd());
  const store = openStore({ location, offline, cwd, durability, batch }, quiet);
  await store.open();
  return store;
}
