/** Where a PostgreSQL and a pgbouncer are, as Debian's packages put them or as PATH names them. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const DEBIAN = '/usr/lib/postgresql';

/** The folder that holds `postgres` and `initdb`. */
export function postgresFolder(): string {
  // Debian has neither in PATH, but links to one of them are there on some machines.
  const linked = inPath('postgres');
  const candidates = [...(linked === undefined ? [] : [dirname(realpathSync(linked))]), ...debianFolders()];
  const found = candidates.find((folder) => ['postgres', 'initdb'].every((name) => existsSync(join(folder, name))));
  if (found !== undefined) return found;
  throw new Error(
    `no PostgreSQL server is installed: neither PATH nor ${DEBIAN}/*/bin holds postgres and initdb; ` +
      'install version 15 or newer, on Debian with "apt-get install postgresql"',
  );
}

/** Path of the program. */
export function pgbouncerPath(): string {
  const found = inPath('pgbouncer') ?? ['/usr/sbin/pgbouncer'].find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new Error(
    'pgbouncer is not installed: neither PATH nor /usr/sbin holds it; on Debian install it with "apt-get install pgbouncer"',
  );
}

/** Who the servers run as: both refuse to be root. Of anybody else: oneself. */
export async function serverUser(): Promise<{ uid?: number; gid?: number }> {
  if (process.getuid?.() !== 0) return {};
  const id = async (option: string): Promise<number> => {
    const { stdout } = await promisify(execFile)('id', [option, 'postgres']);
    return Number(stdout);
  };
  try {
    return { uid: await id('-u'), gid: await id('-g') };
  } catch (error) {
    throw new Error(
      'PostgreSQL refuses to run as root, and there is no user "postgres" to run it as: Debian\'s package postgresql makes ' +
        'one; or run the tests as somebody else',
      { cause: error },
    );
  }
}

/** The newest first. */
function debianFolders(): string[] {
  if (!existsSync(DEBIAN)) return [];
  const versions = readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a));
  return versions.map((version) => join(DEBIAN, version, 'bin'));
}

function inPath(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
