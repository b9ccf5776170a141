/** Takes a value as it is now: runs on the caller's thread, so that changing the object later changes nothing. */
import { types } from 'node:util';
import { InvalidValueError, quote } from '../errors.js';
import { isToJson, jsonForm, kindOf, opaqueName, thrownText } from './kind.js';
import { textProblem } from './text.js';
import { Tag, type TaggedTree, type Tree } from './tree.js';

/** Levels of arrays, objects, Maps and Sets in each other. */
export const MAX_DEPTH = 64;

/**
 * Values, and steps of 64 characters, in one value. Far above what 6000 code points hold; there so that an
 * object that shares its parts (2^64 leaves from 64 objects) or grows while it is read comes to an end.
 */
const MAX_PARTS = 1_000_000;

/** About 19,700 digits. Making digits takes more than linear time, so a huge bigint would stop the caller. */
const BIGINT_BOUND: bigint = 1n << 65_536n;

const THROWS = 'something that throws when it is read';

const NEGATIVE_ZERO: TaggedTree = [Tag.NegativeZero];

/** Throws InvalidValueError and nothing else, whatever it is given. */
export function take(value: unknown, key: string): Tree {
  try {
    return new Taking(key).whole(value);
  } catch (error) {
    if (error instanceof InvalidValueError) throw error;
    // What is left is the engine's: the caller's own stack was nearly full, or memory was.
    throw new InvalidValueError({ key, reason: `can't be read: ${thrownText(error)}` });
  }
}

/**
 * One value on its way into a tree. Abandoned when it throws, so nothing is put back on that way. Built-in
 * objects are read by the methods of their own prototype: a subclass that overrides them can't answer for
 * what is really there.
 */
class Taking {
  readonly #key: string;
  /** Names and indexes that lead to the part being taken. */
  readonly #path: (string | number)[] = [];
  /** The objects that it lies in: one of them met again is a cycle. */
  readonly #around: object[] = [];
  #depth = 0;
  #parts = 0;

  constructor(key: string) {
    this.#key = key;
  }

  whole(value: unknown): Tree {
    // Not counted: how long a text may be is the worker's to judge, which tells its length.
    return typeof value === 'string' ? this.#wellFormed(value) : this.#tree(value);
  }

  #tree(value: unknown): Tree {
    this.#count(1);
    switch (typeof value) {
      case 'string':
        return this.#text(value);
      case 'number':
        // msgpackr packs -0 as 0.
        return Object.is(value, -0) ? NEGATIVE_ZERO : value;
      case 'boolean':
        return value;
      case 'bigint':
        if (value >= BIGINT_BOUND || value <= -BIGINT_BOUND) throw this.#refusal('a bigint of more than 19,700 digits');
        return [Tag.BigInt, value.toString()];
      case 'undefined':
        throw this.#refusal('undefined', 'null says that there is no value');
      case 'function':
      case 'symbol':
        throw this.#refusal(`a ${typeof value}`);
      case 'object':
        return value === null ? null : this.#object(value, true);
    }
  }

  #object(value: object, askToJson: boolean): Tree {
    if (this.#around.includes(value)) throw this.#refusal('a cycle', 'it is one of the objects that it lies in');
    const kind = this.#read(() => kindOf(value));
    switch (kind) {
      case 'boxed':
        return this.#tree(unboxed(value));
      case 'date':
        return this.#date(Date.prototype.getTime.call(value));
      case 'url':
        return this.#text(this.#read(() => String(Reflect.get(URL.prototype, 'href', value))));
      case 'regexp':
        return this.#text(this.#read(() => RegExp.prototype.toString.call(value)));
      case 'typed array':
      case 'buffer':
        return this.#numbers(value);
      case 'map':
        return this.#nested(value, () => this.#entries(Map.prototype.entries.call(value)));
      case 'set':
        return this.#nested(value, () => this.#members(Set.prototype.values.call(value)));
      case 'array':
      case 'object':
      case 'opaque': {
        if (askToJson) {
          const form = this.#read(() => jsonForm(value, String(this.#path.at(-1) ?? this.#key)), 'an object whose toJSON throws');
          if (form !== value) return this.#standIn(value, form);
        }
        if (kind === 'array') return this.#nested(value, () => this.#items(value));
        if (kind === 'object') return this.#nested(value, () => this.#properties(value));
        throw this.#refusal(this.#read(() => opaqueName(value)) ?? 'an object that changed while it was read');
      }
    }
  }

  /** Takes what a toJSON answered. The object counts as around it: `{ self: this }` is a cycle. */
  #standIn(value: object, form: unknown): Tree {
    this.#around.push(value);
    const tree = typeof form === 'object' && form !== null ? this.#object(form, false) : this.#tree(form);
    this.#around.pop();
    return tree;
  }

  #nested(value: object, content: () => Tree): Tree {
    if (this.#depth === MAX_DEPTH) throw this.#refusal(`more than ${MAX_DEPTH} levels of nesting`);
    this.#depth++;
    this.#around.push(value);
    const tree = content();
    this.#around.pop();
    this.#depth--;
    return tree;
  }

  #items(value: object): Tree {
    const length = Number(this.#get(value, 'length'));
    const tree: [Tag, ...Tree[]] = [Tag.Array];
    for (let i = 0; i < length; i++) {
      this.#path.push(i);
      const item = this.#get(value, i);
      if (item === undefined && !this.#read(() => i in value)) throw this.#refusal('a hole in an array');
      tree.push(this.#tree(item));
      this.#path.pop();
    }
    return tree;
  }

  #properties(value: object): Tree {
    const tree: [Tag, ...Tree[]] = [Tag.Object];
    for (const name of this.#read(() => Object.keys(value))) {
      this.#path.push(name);
      const item = this.#get(value, name);
      if (!isToJson(name, item)) tree.push(this.#text(name), this.#tree(item));
      this.#path.pop();
    }
    return tree;
  }

  #entries(entries: Iterable<[unknown, unknown]>): Tree {
    const tree: [Tag, ...Tree[]] = [Tag.Object];
    for (const [key, item] of entries) {
      this.#path.push(typeof key === 'string' ? key : (tree.length - 1) / 2);
      tree.push(this.#tree(key), this.#tree(item));
      this.#path.pop();
    }
    return tree;
  }

  #members(members: Iterable<unknown>): Tree {
    const tree: [Tag, ...Tree[]] = [Tag.Set];
    for (const member of members) {
      this.#path.push(tree.length - 1);
      tree.push(this.#tree(member));
      this.#path.pop();
    }
    return tree;
  }

  #numbers(value: object): Tree {
    const view = types.isTypedArray(value);
    const floats = view && String(Reflect.get(Uint8Array.prototype, Symbol.toStringTag, value)).startsWith('Float');
    const tree: [Tag, ...Tree[]] = [floats ? Tag.Floats : Tag.Array];
    const numbers = this.#read(
      // Both throw for memory that was transferred away; a detached array only looks empty otherwise.
      () => Uint8Array.prototype.values.call(view ? value : new Uint8Array(value as ArrayBuffer)), // kindOf told a buffer
      'memory that was transferred away',
    );
    for (const number of numbers) tree.push(this.#tree(number));
    return tree;
  }

  #date(time: number): Tree {
    if (Number.isNaN(time)) throw this.#refusal('an invalid Date');
    return [Tag.Date, time];
  }

  #text(text: string): string {
    this.#count(text.length >>> 6);
    return this.#wellFormed(text);
  }

  #wellFormed(text: string): string {
    const problem = textProblem(text);
    if (problem === undefined) return text;
    const reason = this.#path.length === 0 ? problem : `holds text at ${this.#place()} that ${problem}`;
    throw new InvalidValueError({ key: this.#key, reason });
  }

  #count(parts: number): void {
    this.#parts += parts;
    if (this.#parts > MAX_PARTS) throw this.#refusal('too much: over 1,000,000 values or 64,000,000 characters');
  }

  #get(value: object, name: string | number): unknown {
    try {
      // Any object may be asked for any name.
      return (value as Record<string | number, unknown>)[name];
    } catch (error) {
      throw this.#refusal(THROWS, thrownText(error));
    }
  }

  /** Runs what may run the user's own code: getters, traps, toJSON. */
  #read<T>(read: () => T, what: string = THROWS): T {
    try {
      return read();
    } catch (error) {
      throw this.#refusal(what, thrownText(error));
    }
  }

  #refusal(what: string, explained?: string): InvalidValueError {
    const reason = this.#path.length === 0 ? `is ${what}` : `holds ${what} at ${this.#place()}`;
    return new InvalidValueError({ key: this.#key, reason: explained === undefined ? reason : `${reason}; ${explained}` });
  }

  /** `[2].fn`, `optimizer["learning rate"]`; of a long one only the end. */
  #place(): string {
    const steps = this.#path.map((step) => {
      if (typeof step === 'number') return `[${step}]`;
      return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(step) && step.length <= 100 ? `.${step}` : `[${quote(step)}]`;
    });
    const place = steps.slice(-8).join('').replace(/^\./, '');
    return steps.length > 8 ? `…${place}` : place;
  }
}

function unboxed(value: object): unknown {
  if (types.isNumberObject(value)) return Number.prototype.valueOf.call(value);
  if (types.isStringObject(value)) return String.prototype.valueOf.call(value);
  if (types.isBooleanObject(value)) return Boolean.prototype.valueOf.call(value);
  if (types.isBigIntObject(value)) return BigInt.prototype.valueOf.call(value);
  return Symbol.prototype.valueOf.call(value);
}
