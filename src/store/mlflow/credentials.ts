/** What proves to a server who is asking. */
import { OptionError } from '../../errors.js';
import type { Userinfo } from './server-address.js';

export interface Credentials {
  readonly authorization: string;
  readonly secrets: readonly string[];
}

export function basic({ user, password }: Userinfo): Credentials {
  // UTF-8, as MLflow's client does and its server expects (RFC 7617 leaves it open).
  const encoded = Buffer.from(`${user}:${password}`, 'utf8').toString('base64');
  return { authorization: `Basic ${encoded}`, secrets: password === '' ? [encoded] : [password, encoded] };
}

/** `source`: the variable or file that the token stands in, for the error. */
export function bearer(token: string, source: string): Credentials {
  if (!fitsHeader(token)) {
    throw new OptionError({
      option: source,
      received: 'a token (not shown) with a character that an HTTP header cannot hold',
      expected: 'a token without line breaks, other control characters and characters beyond Latin-1 (a line break at its end?)',
    });
  }
  return { authorization: `Bearer ${token}`, secrets: [token] };
}

/** RFC 9110, field-content, which is also what undici lets through. */
export function fitsHeader(text: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text);
}
