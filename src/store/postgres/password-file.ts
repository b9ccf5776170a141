/** libpq's password file: a line for each login, `host:port:database:user:password`. */
import { readFileSync, statSync } from 'node:fs';

export interface Login {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/** libpq: one that others may read counts as none, like one that is missing. */
export function readPasswordFile(path: string): string | undefined {
  try {
    const status = statSync(path);
    const isOpenToOthers = process.platform !== 'win32' && (status.mode & 0o077) !== 0;
    return status.isFile() && !isOpenToOthers ? readFileSync(path, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}

/** The password of the first line that fits; a `*` fits everything. */
export function passwordFor({ host, port, database, user }: Login, file: string): string | undefined {
  // Whoever comes through a socket is at `localhost`, or at the socket's folder.
  const hosts = host.startsWith('/') ? ['localhost', host] : [host];
  const wanted = [hosts, [String(port)], [database], [user]];
  for (const line of file.split(/\r?\n/)) {
    if (line.startsWith('#')) continue;
    const fields = fieldsOf(line);
    const password = unescaped(fields[4] ?? '');
    if (password === '') continue;
    if (wanted.every((values, i) => fields[i] === '*' || values.includes(unescaped(fields[i] ?? '')))) return password;
  }
  return undefined;
}

/** Colons separate; a backslash takes the next character as it is. */
function fieldsOf(line: string): string[] {
  const fields = [''];
  for (const [part] of line.matchAll(/\\.|./gs)) {
    if (part === ':') fields.push('');
    else fields[fields.length - 1] += part;
  }
  return fields;
}

function unescaped(field: string): string {
  return field.replace(/\\(.)/g, '$1');
}
