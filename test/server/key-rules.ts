/** MLflow's own words for keys and lengths that it refuses. Written apart from headrace's rules: they must agree. */
import { posix } from 'node:path';
import { invalid, type Refusal } from './refusal.js';

const NAMES =
  'Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).';

/** `where`: `params[0].key`; `what`: `Param key`. */
export function keyRefusal(key: string, where: string, what: string): Refusal | undefined {
  // Python's `$` also matches before a last newline.
  if (!/^[/\p{L}\p{N}_.\- :]*\n?$/u.test(key))
    return invalid(`Invalid value ${ascii(key)} for parameter '${where}' supplied: ${NAMES}`);
  const resolved = normalPath(key);
  if (resolved !== key || resolved === '.' || resolved.startsWith('..') || resolved.startsWith('/')) {
    return invalid(
      `Invalid value ${ascii(key)} for parameter '${where}' supplied: Names may be treated as files in certain cases, ` +
        `and must not resolve to other names when treated as such. This name would resolve to '${resolved}'`,
    );
  }
  if (codePoints(key) > 250) return invalid(`'${what}' exceeds the maximum length of 250 characters`);
  return undefined;
}

export function missing(parameter: string): Refusal {
  return invalid(
    `Missing value for required parameter '${parameter}'. See the API docs for more information about request parameters.`,
  );
}

/** Node keeps a slash at the end and makes one of two at the start, Python does not. */
function normalPath(path: string): string {
  const lead = path.startsWith('//') && !path.startsWith('///') ? '/' : '';
  const normal = posix.normalize(path);
  return lead + (normal.length > 1 ? normal.replace(/\/$/, '') : normal);
}

export function codePoints(text: string): number {
  return [...text].length;
}

/** As the store cuts a value that is too long, without a word. */
export function cut(text: string, limit: number): string {
  return text.length <= limit ? text : [...text].slice(0, limit).join('');
}

/** Python's json.dumps. */
function ascii(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Python's repr of a text. */
export function repr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escapes: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t', [quote]: `\\${quote}` };
  const body = text.replace(/[\\'"\n\r\t]/g, (character) => escapes[character] ?? character);
  const shown = body.replace(/[\p{Cc}\u00a0\u00ad\u200b-\u200f\u2028\u2029]/gu, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`;
  });
  return `${quote}${shown}${quote}`;
}
