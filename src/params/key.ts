import { quote } from '../errors.js';
import { codePoints, isLonger } from './length.js';
import { KEY_CODE_POINTS } from './limits.js';

/** Most keys: ASCII, dotted, no path in them. Whatever does not match is judged by the full rules below. */
const PLAIN = /^[\w\- :]+(?:\.[\w\- :]+)*$/;

/**
 * MLflow's `^[/\w.\- :]*$`, with Python's Unicode `\w` (letters and numbers of any script, and `_`). Python's
 * `$` lets one trailing newline pass and the server then stores it; here it is refused like any other control.
 */
const ALLOWED = /^[/\p{L}\p{N}_.\- :]+$/u;
const FIRST_NOT_ALLOWED = /[^/\p{L}\p{N}_.\- :]/u;
const SHOWS_BADLY = /[\p{C}\p{Z}\p{M}]/u;

/**
 * MLflow's rules for the keys of params, metrics and tags. Answers why a key breaks them, worded to
 * follow the quoted key, or undefined for a good one.
 */
export function keyProblem(key: string): string | undefined {
  if (key.length <= KEY_CODE_POINTS && PLAIN.test(key)) return undefined;
  if (key === '') return 'is empty';
  if (isLonger(key, KEY_CODE_POINTS)) return `has ${codePoints(key)} code points, MLflow takes ${KEY_CODE_POINTS}`;
  if (!ALLOWED.test(key)) {
    return (
      `contains ${shown(FIRST_NOT_ALLOWED.exec(key)?.[0] ?? '')}; ` +
      `MLflow takes letters and digits of any script, _ - . : / and space${nfcRemedy(key)}`
    );
  }
  return pathProblem(key);
}

/** A character that would be invisible or stick to the quotes is shown by its number alone. */
function shown(character: string): string {
  const code = `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
  if (SHOWS_BADLY.test(character)) return code;
  return character > '\x7f' ? `${quote(character)} (${code})` : quote(character);
}

/** Combining marks are no letters, so most decomposed spellings are refused although the composed one is fine. */
function nfcRemedy(key: string): string {
  const composed = key.normalize('NFC');
  return composed !== key && keyProblem(composed) === undefined ? `; its composed form, key.normalize('NFC'), is accepted` : '';
}

/** MLflow's `path_not_unique` and its check against leaving the run's folder: file stores make paths of keys. */
function pathProblem(key: string): string | undefined {
  const path = normalPath(key);
  if (path !== key) return `would resolve to ${quote(path)} when used as a path`;
  if (path === '.' || path.startsWith('..')) return 'is "." or starts with ".."; MLflow uses keys as paths';
  if (path.startsWith('/')) return 'starts with "/"; MLflow uses keys as paths';
  return undefined;
}

/** Python's `posixpath.normpath`, which MLflow compares a key with. Node's differs: it keeps a trailing slash. */
function normalPath(path: string): string {
  const root = path.startsWith('//') && !path.startsWith('///') ? '//' : path.startsWith('/') ? '/' : '';
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..' || (root === '' && kept.length === 0) || kept.at(-1) === '..') kept.push(part);
    else kept.pop();
  }
  return root + kept.join('/') || '.';
}
