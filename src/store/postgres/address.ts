/** `postgresql://user:password@host:port,host:port/database?parameter=value`, as libpq and SQLAlchemy spell it. */

/** What a URI says, percent-decoded; nothing of it is looked into yet. */
export interface PostgresAddress {
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** Each `host`, `host:port` or a socket's folder; empty: none was named. */
  readonly hosts: readonly string[];
  readonly database: string | undefined;
  readonly parameters: ReadonlyMap<string, string>;
}

/** `+driver` is SQLAlchemy's, and says which Python library to use. */
export const POSTGRES: RegExp = /^\s*postgres(?:ql)?(?:\+[a-z0-9_]+)?:/i;

/**
 * As SQLAlchemy takes it apart, which is MLflow's reader of it: a slash in a password need not be escaped, an @ must.
 * The parts of the authority end at the first slash or question mark behind the @.
 */
const ADDRESS = /^[^:]+:\/\/(?:([^:/@?]*)(?::([^@]*))?@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s;

/** A text: what is wrong with it. It holds nothing of the URI, which may hold a password. */
export function parsePostgresAddress(uri: string): PostgresAddress | string {
  const match = ADDRESS.exec(uri.trim());
  if (match === null) return 'two slashes come before the host';
  if (/\0/.test(uri)) return 'with no NUL in it';
  const [, user, password, authority = '', path, query] = match;
  if (authority.includes('@') || path?.includes('@')) return 'with an @ in user, password or database written as %40';
  try {
    const parameters = new Map<string, string>();
    // SQLAlchemy names several hosts by saying `host` several times.
    const hosts: string[] = [];
    for (const part of query?.split('&').filter((each) => each !== '') ?? []) {
      const [name = '', ...value] = part.split('=');
      if (decoded(name) === 'host') hosts.push(...decoded(value.join('=')).split(','));
      else parameters.set(decoded(name), decoded(value.join('=')));
    }
    const named = hosts.length > 0 ? hosts : authority.split(',').map(decoded);
    return {
      user: parameters.get('user') ?? (user === undefined ? undefined : decoded(user)),
      password: parameters.get('password') ?? (password === undefined ? undefined : decoded(password)),
      hosts: named.filter((host) => host !== ''),
      database: parameters.get('dbname') ?? (path === undefined ? undefined : decoded(path)),
      parameters: withoutLogin(parameters),
    };
  } catch {
    return 'with each percent sign in it written as %25';
  }
}

function withoutLogin(parameters: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...parameters].filter(([name]) => name !== 'user' && name !== 'password' && name !== 'dbname'));
}

/** Throws URIError for a percent sign that is no escape. */
function decoded(text: string): string {
  return decodeURIComponent(text);
}

/** The same place as a URI, without a password. `hosts`: with their ports. */
export function addressOf(place: {
  readonly user: string;
  readonly hosts: ReadonlyArray<{ readonly host: string; readonly port: number }>;
  readonly database: string;
  readonly parameters?: ReadonlyMap<string, string>;
}): string {
  const { user, hosts, database, parameters = new Map() } = place;
  const query = new Map<string, string>();
  let authority = '';
  if (hosts.some(({ host }) => host.startsWith('/'))) {
    // A path is no host of a URI.
    query.set('host', hosts.map(({ host }) => host).join(','));
    query.set('port', hosts.map(({ port }) => port).join(','));
  } else {
    authority = hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : encodeURIComponent(host)}:${port}`).join(',');
  }
  for (const [name, value] of parameters) query.set(name, value);
  const said = [...query].map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll('%2F', '/')}`).join('&');
  const end = said === '' ? '' : `?${said}`;
  return `postgresql://${encodeURIComponent(user)}@${authority}/${encodeURIComponent(database)}${end}`;
}
