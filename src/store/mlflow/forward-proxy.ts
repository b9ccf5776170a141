/** Which proxy requests to a server go through, by the environment: the rules of Python's requests. */
import { OptionError } from '../../errors.js';
import { type Environment, text } from '../variable.js';
import { shownAddress, userinfoOf } from './server-address.js';

export interface ForwardProxy {
  readonly url: string;
  readonly secrets: readonly string[];
}

export function forwardProxy(url: string, env: Environment): ForwardProxy | undefined {
  const { protocol, hostname, port } = new URL(url);
  const scheme = protocol.slice(0, -1);
  // Any CGI client could set HTTP_PROXY by a header (CVE-2016-1000110).
  const insideCgi = scheme === 'http' && env['REQUEST_METHOD'] !== undefined;
  const chosen = (insideCgi ? lowerCase(env, 'http') : eitherCase(env, scheme)) ?? eitherCase(env, 'all');
  if (chosen === undefined) return undefined;
  const host = hostname.replace(/^\[|\]$/g, '');
  if (isExcepted(host, port || (scheme === 'https' ? '443' : '80'), env)) return undefined;

  const [variable, value] = chosen;
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  if (!URL.canParse(address) || !/^https?:/i.test(address)) {
    throw new OptionError({
      option: variable,
      received: shownAddress(value),
      expected: `an HTTP proxy (http://host:port or https://host:port); headrace speaks to no other kind: list ${host} in NO_PROXY if it needs none`,
    });
  }
  return { url: address, secrets: secretsOf(address) };
}

/** Lower case wins, also when it is empty: then there is none. */
function eitherCase(env: Environment, name: string): [variable: string, value: string] | undefined {
  if (env[`${name}_proxy`] !== undefined) return lowerCase(env, name);
  const variable = `${name}_proxy`.toUpperCase();
  const value = text(env, variable);
  return value === undefined ? undefined : [variable, value];
}

function lowerCase(env: Environment, name: string): [variable: string, value: string] | undefined {
  const value = text(env, `${name}_proxy`);
  return value === undefined ? undefined : [`${name}_proxy`, value];
}

function isExcepted(host: string, port: string, env: Environment): boolean {
  const names = (text(env, 'no_proxy') ?? text(env, 'NO_PROXY') ?? '').replaceAll(' ', '').split(',');
  if (names.length === 1 && names[0] === '*') return true;
  const address = ipv4(host);
  return names.some((each) => {
    const name = each.replace(/^\.+/, '').toLowerCase();
    if (name === '') return false;
    if (address !== undefined && isInNetwork(address, name)) return true;
    return [host, `${host}:${port}`].some((own) => own === name || own.endsWith(`.${name}`));
  });
}

function ipv4(text: string): number | undefined {
  if (!/^\d{1,3}(?:\.\d{1,3}){3}$/.test(text)) return undefined;
  return text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** `10.0.0.0/8`; a length of 0 is none, for requests. */
function isInNetwork(address: number, network: string): boolean {
  const [start, length] = network.split('/');
  const base = ipv4(start ?? '');
  const bits = Number(length);
  if (base === undefined || !Number.isInteger(bits) || bits < 1 || bits > 32) return false;
  const size = 2 ** (32 - bits);
  return Math.floor(address / size) === Math.floor(base / size);
}

function secretsOf(proxy: string): readonly string[] {
  const authority = /^[^:]*:\/\/([^/?#]*)/.exec(proxy)?.[1] ?? '';
  const raw = authority.slice(0, Math.max(0, authority.lastIndexOf('@')));
  const userinfo = userinfoOf(raw);
  if (userinfo === undefined) return [];
  const { user, password } = userinfo;
  const encoded = Buffer.from(`${user}:${password}`).toString('base64');
  return [...new Set([raw, password, encoded])].filter((secret) => secret !== '');
}
