/** Holds the write lock of a file: `hold-lock <path> <begin statement>`, until it is told a line. */
import { once } from 'node:events';
import { loadDriver } from '../../../src/store/sqlite/driver.js';

const [path = '', begin = ''] = process.argv.slice(2);
const connection = loadDriver('test').open(path);
connection.exec(begin);
console.log('locked');
await once(process.stdin, 'data');
connection.exec('ROLLBACK');
connection.close();
process.stdin.destroy();
