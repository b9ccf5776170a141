/** Opens a file and makes a run as a user that owns nothing: `no-rights <path>`. Prints the error. */
import { HeadraceError } from '../../../src/errors.js';
import { loadDriver } from '../../../src/store/sqlite/driver.js';
import { SqliteStore } from '../../../src/store/sqlite/sqlite-store.js';
import { newRun } from '../calls.js';

const [path = ''] = process.argv.slice(2);
// Loaded before the rights are given up: the project may lie where only its owner can read.
const driver = loadDriver('test');
// Permissions hold nobody back who is root.
if (process.getuid?.() === 0) process.setuid?.(65_534);
const store = new SqliteStore({
  path,
  display: 'the store',
  cwd: '/',
  durability: 'os',
  version: '1.2.3',
  pulse: { beat: () => {}, pause: () => {} },
  driver,
});
try {
  await store.open();
  await store.createRun(newRun());
  console.log('written');
} catch (error) {
  if (!(error instanceof HeadraceError)) throw error;
  console.log(JSON.stringify({ code: error.code, message: error.message }));
} finally {
  await store.close();
}
