/**
 * Reads the text of a value back. Only what `js-text.ts` or `python-text.ts` would spell in exactly this way is taken for
 * more than text: what was read is written again, and both must be equal. So a version `1.10`, a `007` and a `[1,  2]`
 * stay text, and whatever was read can be logged again without a conflict.
 */
import { jsText } from './js-text.js';
import { pythonText } from './python-text.js';
import { MAX_DEPTH } from './take.js';
import { Tag, type TaggedTree, type Tree } from './tree.js';

const WORDS: ReadonlyMap<string, Tree> = new Map<string, Tree>([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['null', null],
  ['None', null],
  ['NaN', Number.NaN],
  ['nan', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['inf', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['set()', [Tag.Set]],
]);

const LONGEST_WORD = 9;
const BEGINS_OTHERS = /^[-\d[{]/;

const TOKEN =
  /(?<number>-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?)|(?<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|datetime\.datetime\((?<date>[\d, ]+), tzinfo=datetime\.timezone\.utc\)|-?[A-Za-z]+(?:\(\))?/y;

/** The value that the text spells; the text itself when it is no more than that. */
export function literal(text: string): Tree {
  if (!BEGINS_OTHERS.test(text)) return text.length > LONGEST_WORD ? text : wordIn(text);
  const tree = new Literal(text).whole();
  if (tree === undefined) return text;
  return jsText(tree) === text || pythonText(tree) === text ? tree : text;
}

function wordIn(text: string): Tree {
  const word = WORDS.get(text);
  return word === undefined ? text : word;
}

/** Takes more than either spelling has: mixtures and odd blanks show when the tree is written again. */
class Literal {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Tree | undefined {
    const tree = this.#value();
    return this.#at === this.#text.length ? tree : undefined;
  }

  #value(): Tree | undefined {
    if (this.#takes('[')) return this.#parts(']');
    if (this.#takes('{')) return this.#parts('}');
    TOKEN.lastIndex = this.#at;
    const match = TOKEN.exec(this.#text);
    if (match === null) return undefined;
    this.#at = TOKEN.lastIndex;
    const { number, text, date } = match.groups ?? {};
    if (number !== undefined) return numberIn(number);
    if (text !== undefined) return unquoted(text);
    return date === undefined ? WORDS.get(match[0]) : dateIn(date);
  }

  #parts(closing: ']' | '}'): TaggedTree | undefined {
    if (this.#depth === MAX_DEPTH) return undefined;
    this.#depth++;
    const parts: Tree[] = [];
    let isSet = false;
    while (!this.#takes(closing)) {
      if (parts.length > 0 && !this.#takes(',')) return undefined;
      const part = this.#value();
      if (part === undefined) return undefined;
      parts.push(part);
      if (closing === ']') continue;
      if (!this.#takes(':')) {
        isSet = true;
        continue;
      }
      const value = this.#value();
      if (value === undefined) return undefined;
      parts.push(value);
    }
    this.#depth--;
    if (closing === ']') return [Tag.Array, ...parts];
    return [isSet ? Tag.Set : Tag.Object, ...parts];
  }

  /** Python has a blank behind its commas and colons. */
  #takes(mark: '[' | ']' | '{' | '}' | ',' | ':'): boolean {
    if (this.#text[this.#at] !== mark) return false;
    this.#at++;
    if ((mark === ',' || mark === ':') && this.#text[this.#at] === ' ') this.#at++;
    return true;
  }
}

/** Digits that a double does not hold for sure stay digits. */
function numberIn(token: string): Tree {
  const value = Number(token);
  if (Object.is(value, -0)) return [Tag.NegativeZero];
  if (Number.isSafeInteger(value)) return /^-?\d+$/.test(token) ? value : [Tag.Float, value];
  return /^-?\d+$/.test(token) ? [Tag.BigInt, token] : value;
}

const ESCAPE = /\\(?:x(?<two>[\da-f]{2})|u(?<four>[\da-f]{4})|U(?<eight>[\da-f]{8})|(?<one>.))/g;
const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['b', '\b'],
  ['f', '\f'],
]);

/** By the escapes of both. */
function unquoted(token: string): string {
  return token.slice(1, -1).replace(ESCAPE, (whole: string, two?: string, four?: string, eight?: string, one: string = '') => {
    const hex = two ?? four ?? eight;
    if (hex === undefined) return SHORT_ESCAPES.get(one) ?? one;
    const code = Number.parseInt(hex, 16);
    return code > 0x10ffff ? whole : String.fromCodePoint(code);
  });
}

/** Fields of a datetime; those that it left out are 0. */
function dateIn(fields: string): Tree | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, microsecond = 0] = fields.split(', ').map(Number);
  // Date.UTC takes the years 0 to 99 for those of the last century.
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const time = date.setUTCHours(hour, minute, second, microsecond / 1000);
  return Number.isNaN(time) ? undefined : [Tag.Date, time];
}
