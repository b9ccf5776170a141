/** Addresses of tracking servers: `http(s)://[user:password@]host[:port][/prefix]`. */
import querystring from 'node:querystring';
import { quote } from '../../errors.js';

export interface ServerAddress {
  /** Without user, password and slashes at the end. */
  readonly url: string;
  readonly userinfo: Userinfo | undefined;
}

export interface Userinfo {
  readonly user: string;
  readonly password: string;
}

const ADDRESS = /^(https?:)\/\/([^/?#]*)(.*)$/is;

/** A text: what is wrong with the address. It holds nothing of the address, which may hold a password. */
export function parseServerAddress(text: string): ServerAddress | string {
  const [, scheme, authority, rest] = ADDRESS.exec(text.trim()) ?? [];
  if (scheme === undefined || authority === undefined || rest === undefined) return 'two slashes come before the host';
  // URL drops line breaks, turns a backslash into a slash and writes a space as %20: other addresses than what was given.
  if (/[\s\p{Cc}\\]/u.test(authority + rest)) return 'with no white space and no backslash in it';
  // What a password with an unescaped slash leaves behind.
  if (rest.includes('@')) return 'with user and password before the host, and / ? # @ in them written as %2F %3F %23 %40';
  if (/[?#]/.test(rest)) return 'without a query and a fragment: it ends with the path that the server is mounted at';

  const at = authority.lastIndexOf('@');
  const host = authority.slice(at + 1);
  // Of `http:///path` URL would make the host `path`.
  const url = host === '' ? undefined : parsed(`${scheme}//${host}${rest}`);
  if (url === undefined) return 'with a host, and a port from 1 to 65535 if it has one';
  return {
    url: `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}`,
    userinfo: at < 0 ? undefined : userinfoOf(authority.slice(0, at)),
  };
}

function parsed(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined;
}

/**
 * An address that was refused, as a message may show it. Passwords stand before an @, or where the port would be
 * when the host was forgotten; tokens in a query.
 */
export function shownAddress(text: string): string {
  const authority = text.replace(/^\s*[a-z][a-z0-9+.-]*:\/*/i, '').replace(/[/?#].*$/s, '');
  const hides = text.includes('@') || /:(?!\d*$)/.test(authority.replace(/^\[[0-9a-f:.]*\]/i, ''));
  return hides ? 'an address (not shown: it may hold a password)' : quote(text.replace(/[?#].*$/s, '?…'));
}

/** As Python's requests: a user alone is nothing, an empty password is one. */
export function userinfoOf(text: string): Userinfo | undefined {
  const colon = text.indexOf(':');
  if (colon < 0) return undefined;
  // One % that is no escape, and requests takes all of them for themselves.
  const decode = /%(?![0-9a-f]{2})/i.test(text) ? (part: string): string => part : querystring.unescape;
  const userinfo = { user: decode(text.slice(0, colon)), password: decode(text.slice(colon + 1)) };
  return userinfo.user === '' && userinfo.password === '' ? undefined : userinfo;
}
