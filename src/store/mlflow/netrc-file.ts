/**
 * `.netrc`, which Python's requests looks into for every request, and with it MLflow's client. What stands there
 * wins over the URI and the environment. A file that can't be read or understood counts as none, as it does there.
 */
import { existsSync, readFileSync } from 'node:fs';
import { expandHome, inHome } from '../home.js';
import { type Environment, text } from '../variable.js';
import type { Userinfo } from './server-address.js';

export function netrcLogin(host: string, env: Environment): Userinfo | undefined {
  const chosen = text(env, 'NETRC');
  const places = chosen === undefined ? [inHome(env, '.netrc'), inHome(env, '_netrc')] : [expandHome(env, chosen)];
  const path = places.find((place) => existsSync(place));
  if (path === undefined) return undefined;
  try {
    return loginFor(host, readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Blanks separate; a quoted word may hold them, a backslash takes the next character as it is. */
const WORD = /"((?:[^"\\]|\\.)*)"|((?!")(?:[^\s\\]|\\.)+)/gsy;

/** The host's entry, else the default one. Throws when the text is no netrc. */
export function loginFor(host: string, netrc: string): Userinfo | undefined {
  const entries = new Map<string, Map<string, string>>();
  let entry: Map<string, string> | undefined;
  let at = 0;

  const next = (): string | undefined => {
    at += /\s*/y.exec(netrc.slice(at))?.[0].length ?? 0;
    WORD.lastIndex = at;
    const match = WORD.exec(netrc);
    if (match === null) {
      if (at < netrc.length) throw new SyntaxError('a quote that does not end');
      return undefined;
    }
    at = WORD.lastIndex;
    return (match[1] ?? match[2] ?? '').replace(/\\(.)/gs, '$1');
  };
  const skipPast = (end: string): void => {
    const found = netrc.indexOf(end, at);
    at = found < 0 ? netrc.length : found + end.length;
  };

  for (let word = next(); word !== undefined; word = next()) {
    if (word.startsWith('#')) {
      skipPast('\n');
    } else if (word === 'machine' || word === 'default') {
      const name = word === 'default' ? undefined : next();
      entry = new Map();
      entries.set(name ?? '', entry);
    } else if (word === 'macdef') {
      // A macro ends at the first empty line.
      skipPast('\n\n');
    } else if (entry !== undefined && /^(?:login|user|account|password)$/.test(word)) {
      entry.set(word === 'user' ? 'login' : word, next() ?? '');
    } else {
      throw new SyntaxError('a word that netrc does not know');
    }
  }
  const found = entries.get(host) ?? entries.get('');
  const user = found?.get('login') || found?.get('account') || '';
  const password = found?.get('password') ?? '';
  return user === '' && password === '' ? undefined : { user, password };
}
