import { load } from './load.js';
import { MalformedError, type ParsedMap, placeAt } from './parsed.js';

/** What the name of a secret ends with, whatever its case, one or several. */
const SECRET_NAME =
  /(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|(?:API|ACCESS|PRIVATE|SECRET|ENCRYPTION)[_.-]?KEY)S?$/i;

const BLANK_OR_COMMENT = /[^\S\n]*(?:#.*)?(?:\n|$)/y;
const ASSIGNMENT = /[^\S\n]*(?:export[^\S\n]+)?([\w.-]+)(?:[^\S\n]*=|:(?=\s))[^\S\n]*/y;
/** As dotenv's: a quote after a backslash is part of the value, unless no other one closes it. */
const QUOTED = /'[^']*(?:(?<=\\)'[^']*)*'|"[^"]*(?:(?<=\\)"[^"]*)*"|`[^`]*(?:(?<=\\)`[^`]*)*`/y;
const UNQUOTED = /[^\n]*(?:\n|$)/y;

export interface DotenvFile {
  readonly params: ParsedMap;
  /** Names that look like secrets; their values are nowhere. */
  readonly omitted: readonly string[];
}

/**
 * dotenv says what a value is, but passes over what it does not understand; so the lines are told apart
 * here, and each value is given to dotenv alone.
 */
export function parseDotenv(source: string): DotenvFile {
  // `require` knows no types.
  const dotenv = load('dotenv') as typeof import('dotenv');
  const text = source.replace(/\r\n?/g, '\n');
  const params: ParsedMap = new Map();
  const omitted = new Set<string>();
  let at = 0;
  const skip = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };

  while (at < text.length) {
    if (skip(BLANK_OR_COMMENT) !== null) continue;
    const start = at;
    const name = skip(ASSIGNMENT)?.[1];
    if (name === undefined)
      throw new MalformedError('malformed line: expected NAME=value', placeAt(text, firstNonBlank(text, start)));
    if (params.has(name) || omitted.has(name)) {
      throw new MalformedError('duplicate name', placeAt(text, text.indexOf(name, start)));
    }
    const valueStart = at;
    if (/['"`]/.test(text.charAt(at))) {
      if (skip(QUOTED) === null) throw new MalformedError('malformed line: the quote is never closed', placeAt(text, valueStart));
      const end = at;
      if (skip(BLANK_OR_COMMENT) === null)
        throw new MalformedError('malformed line: text after the closing quote', placeAt(text, end));
    } else {
      skip(UNQUOTED);
    }
    if (SECRET_NAME.test(name)) omitted.add(name);
    // Under a name of our own: dotenv can't keep one that is called __proto__.
    else params.set(name, dotenv.parse(`value=${text.slice(valueStart, at)}`)['value'] ?? '');
  }
  return { params, omitted: [...omitted] };
}

function firstNonBlank(text: string, from: number): number {
  return from + text.slice(from).search(/\S/);
}
