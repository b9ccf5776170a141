/** Lands batches until the store can't: `full <path> <run>`. Prints how many landed, and the error. */
import { SqliteStore } from '../../../src/store/sqlite/sqlite-store.js';
import { StoreBusyError } from '../../../src/store/store.js';
import { newRun } from '../calls.js';

const [path = '', id = ''] = process.argv.slice(2);
const store = new SqliteStore({
  path,
  display: path,
  cwd: '/',
  durability: 'os',
  version: '1.2.3',
  pulse: { beat: () => {}, pause: () => {} },
});
await store.open();
await store.createRun(newRun({ id }));
let landed = 0;
try {
  for (; landed < 1000; landed++) {
    const items = Array.from({ length: 100 }, (_, i) => ({
      kind: 'param' as const,
      key: `${landed}.${i}`,
      value: 'x'.repeat(500),
    }));
    await store.land({ runId: id, items });
  }
} catch (error) {
  if (!(error instanceof StoreBusyError)) throw error;
  console.log(JSON.stringify({ landed, name: error.name, message: error.message }));
}
