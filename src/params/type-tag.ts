/**
 * What the text and the key of a param don't tell, as a tag of its run:
 *
 *   headrace.type.<key>.<8 hex digits of the text's SHA-256> = path model.v1 > lr; bigint 0,2-5; date 1
 *
 *   path     the names that were joined to the key, where one of them has the separator in it
 *   text     it was text, though it looks like a number, a list…
 *   bigint   and
 *   date     were that; behind the word which of its scalars, counted from 0 (without: the value itself)
 *
 * As the text is part of the tag's name, a tag of a value that was refused as a conflict neither replaces that of the
 * stored one nor is taken for it.
 */
import { createHash } from 'node:crypto';
import { isLonger } from './length.js';
import { KEY_CODE_POINTS } from './limits.js';
import { literal } from './literal.js';
import { Tag, type TaggedTree, type Tree } from './tree.js';

const PREFIX = 'headrace.type.';

/** Its value is '/' where that and no '.' stands between the names of a run's keys. */
export const SEPARATOR_TAG = 'headrace.separator';

export type ScalarWord = 'bigint' | 'date';

export interface ParamType {
  readonly names: readonly string[] | undefined;
  readonly isText: boolean;
  /** By the scalar's place. */
  readonly scalars: ReadonlyMap<number, ScalarWord>;
}

/** A key of which this makes too long a one is in it by its SHA-256. */
export function typeTagKey(key: string, text: string): string {
  const fingerprint = sha256(text).slice(0, 8);
  const tagKey = `${PREFIX}${key}.${fingerprint}`;
  return isLonger(tagKey, KEY_CODE_POINTS) ? `${PREFIX}${sha256(key)}.${fingerprint}` : tagKey;
}

export function isTypeTag(key: string): boolean {
  return key.startsWith(PREFIX);
}

/**
 * The value of the tag that a param needs; undefined: it needs none. `names` are given where one of them has the separator
 * in it; `isCut`: the text is not all of the value's.
 */
export function typeTag(value: Tree, text: string, isCut: boolean, names?: readonly string[]): string | undefined {
  const words = typeof value === 'string' || isCut ? textWord(text) : scalarWords(value, text);
  if (names === undefined) return words;
  const path = `path ${names.join(NEXT_NAME)}`;
  return words === undefined ? path : path + NEXT_PART + words;
}

/** Undefined: nothing that this version knows. */
export function parseTypeTag(tag: string): ParamType | undefined {
  let names: readonly string[] | undefined;
  let isText = false;
  const scalars = new Map<number, ScalarWord>();
  for (const part of tag.split(NEXT_PART)) {
    const space = part.indexOf(' ');
    const word = space === -1 ? part : part.slice(0, space);
    const rest = space === -1 ? '' : part.slice(space + 1);
    if (word === 'path') names = rest.split(NEXT_NAME);
    else if (word === 'text') isText = true;
    else if (word !== 'bigint' && word !== 'date') return undefined;
    else for (const place of placesIn(rest)) scalars.set(place, word);
  }
  return { names, isText, scalars };
}

/** What is no list, object or set, in the order of the text; keys are not among them. */
export function scalarsOf(tree: Tree, found: Tree[] = []): readonly Tree[] {
  if (!isContainer(tree)) {
    found.push(tree);
    return found;
  }
  const [tag, ...parts] = tree;
  for (const [i, part] of parts.entries()) if (tag !== Tag.Object || i % 2 === 1) scalarsOf(part, found);
  return found;
}

export function isContainer(tree: Tree): tree is TaggedTree {
  if (typeof tree !== 'object' || tree === null) return false;
  const [tag] = tree;
  return tag === Tag.Array || tag === Tag.Object || tag === Tag.Set || tag === Tag.Floats;
}

/** Digits are a bigint only if no number is spelled so. */
export function isNumberToo(digits: string): boolean {
  return String(Number(digits)) === digits;
}

// Keys have neither of these characters.
const NEXT_PART = '; ';
const NEXT_NAME = ' > ';

/** A place is below 6000, as a text has no more characters. */
const MAX_PLACE = 6000;

function textWord(text: string): string | undefined {
  return literal(text) === text ? undefined : 'text';
}

function scalarWords(value: Tree, text: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const logged = scalarsOf(value);
  if (!logged.some((scalar) => wordFor(scalar) !== undefined)) return undefined;
  const read = scalarsOf(literal(text));
  const places = new Map<ScalarWord, number[]>();
  for (const [i, scalar] of logged.entries()) {
    const word = wordFor(scalar);
    if (word === undefined || isToldBy(read[i])) continue;
    const before = places.get(word);
    if (before === undefined) places.set(word, [i]);
    else before.push(i);
  }
  if (places.size === 0) return undefined;
  return [...places].map(([word, at]) => (isContainer(value) ? `${word} ${rangesOf(at)}` : word)).join(NEXT_PART);
}

function wordFor(scalar: Tree): ScalarWord | undefined {
  if (typeof scalar !== 'object' || scalar === null) return undefined;
  if (scalar[0] === Tag.BigInt) return 'bigint';
  return scalar[0] === Tag.Date ? 'date' : undefined;
}

/** The text alone is read as such: Python spells dates in a list as dates. */
function isToldBy(read: Tree | undefined): boolean {
  if (typeof read !== 'object' || read === null) return false;
  return read[0] === Tag.Date || (read[0] === Tag.BigInt && !isNumberToo(String(read[1])));
}

/** `0,2-5` */
function rangesOf(places: readonly number[]): string {
  const ranges: [from: number, to: number][] = [];
  for (const place of places) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === place - 1) last[1] = place;
    else ranges.push([place, place]);
  }
  return ranges.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(',');
}

function placesIn(ranges: string): number[] {
  if (ranges === '') return [0];
  return ranges.split(',').flatMap((range) => {
    const [from = Number.NaN, to = from] = range.split('-').map(Number);
    // Whoever wrote it, it is not to fill memory.
    const count = to - from + 1;
    return count > 0 && count <= MAX_PLACE ? Array.from({ length: count }, (_, i) => from + i) : [Number.NaN];
  });
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
