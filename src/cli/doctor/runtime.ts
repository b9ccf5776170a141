import { loadDriver } from '../../store/sqlite/driver.js';
import { messageOf } from '../../store/sqlite/failure.js';
import { type Finding, ok, todo } from './finding.js';

const LEAST_NODE = [20, 19] as const;

export function nodeVersion(version: string = process.versions.node): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor, leastMinor] = LEAST_NODE;
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return ok(`Node ${version}`);
  return todo(`Node ${version} is too old`, `use Node ${leastMajor}.${leastMinor} or newer`);
}

/** Only a SQLite file needs one. */
export function sqliteDriver(): Finding {
  try {
    const { name, open } = loadDriver('sqlite');
    const connection = open(':memory:');
    const version = connection.prepare('SELECT sqlite_version() AS version').get({}, [])?.version;
    connection.close();
    return ok(`SQLite ${version}, by ${name}`);
  } catch (error) {
    return todo(messageOf(error));
  }
}
