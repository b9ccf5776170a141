/** Creates a file and kills itself the moment the store is about to do what may block: `create <path> <n-th time>`. */
import { SqliteStore } from '../../../src/store/sqlite/sqlite-store.js';

const [path = '', times = ''] = process.argv.slice(2);
let left = Number(times);
const store = new SqliteStore({
  path,
  display: path,
  cwd: '/',
  durability: 'os',
  version: '1.2.3',
  pulse: {
    beat: () => {},
    pause: () => {
      if (--left === 0) process.kill(process.pid, 'SIGKILL');
    },
  },
});
await store.open();
console.log('survived');
