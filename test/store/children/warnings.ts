import { loadDriver } from '../../../src/store/sqlite/driver.js';

loadDriver('test').open(':memory:').close();
process.emitWarning('SQLite is not what this is about', 'ExperimentalWarning');
process.emitWarning('something else', 'ExperimentalWarning');
