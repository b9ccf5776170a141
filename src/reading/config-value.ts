import { jsText } from '../params/js-text.js';
import { literal } from '../params/literal.js';
import { pythonText } from '../params/python-text.js';
import { Tag, type Tree } from '../params/tree.js';
import { isContainer, isNumberToo, type ParamType, type ScalarWord, scalarsOf } from '../params/type-tag.js';
import type { ConfigTree, ConfigValue } from './config.js';
import { set } from './config-nesting.js';

/** What the text spells; a type that doesn't fit it tells nothing. */
export function configValue(text: string, type: ParamType | undefined): ConfigValue {
  if (type?.isText === true) return text;
  const tree = literal(text);
  const scalars = scalarsOf(tree).map(scalarValue);
  if (type !== undefined && !applyWords(type.scalars, scalarsOf(tree), scalars)) return configValue(text, undefined);
  return new Assembly(scalars).whole(tree);
}

/** False: some word does not fit. */
function applyWords(words: ReadonlyMap<number, ScalarWord>, read: readonly Tree[], scalars: ConfigValue[]): boolean {
  for (const [place, word] of words) {
    const scalar = read[place];
    const value = scalar === undefined ? undefined : word === 'bigint' ? bigintIn(scalar) : dateIn(scalar);
    if (value === undefined) return false;
    scalars[place] = value;
  }
  return true;
}

function bigintIn(scalar: Tree): bigint | undefined {
  if (typeof scalar === 'number') return Number.isSafeInteger(scalar) ? BigInt(scalar) : undefined;
  const isDigits = typeof scalar === 'object' && scalar?.[0] === Tag.BigInt;
  return isDigits ? BigInt(String(scalar[1])) : undefined;
}

/** As either format spells it. */
function dateIn(scalar: Tree): Date | undefined {
  if (typeof scalar !== 'string') return undefined;
  const time = Date.parse(scalar.replace(' ', 'T'));
  if (Number.isNaN(time)) return undefined;
  const tree: Tree = [Tag.Date, time];
  return jsText(tree) === scalar || pythonText(tree) === scalar ? new Date(time) : undefined;
}

function scalarValue(scalar: Tree): ConfigValue {
  if (typeof scalar !== 'object' || scalar === null) return scalar;
  const [tag, part = null] = scalar;
  switch (tag) {
    case Tag.BigInt:
      return isNumberToo(String(part)) ? Number(part) : BigInt(String(part));
    case Tag.Date:
      return new Date(Number(part));
    case Tag.NegativeZero:
      return -0;
    default:
      // A float is all that is left.
      return Number(part);
  }
}

/** A tree with these values for its scalars, one after the other. */
class Assembly {
  readonly #scalars: Iterator<ConfigValue>;

  constructor(scalars: readonly ConfigValue[]) {
    this.#scalars = scalars.values();
  }

  whole(tree: Tree): ConfigValue {
    if (!isContainer(tree)) return this.#next();
    const [tag, ...parts] = tree;
    if (tag !== Tag.Object) return parts.map((part) => this.whole(part));
    const object: ConfigTree = {};
    for (let i = 0; i < parts.length; i += 2) set(object, jsText(parts[i] ?? null), this.whole(parts[i + 1] ?? null));
    return object;
  }

  #next(): ConfigValue {
    const { value, done } = this.#scalars.next();
    if (done === true) throw new Error('a tree has more scalars than were counted');
    return value;
  }
}
