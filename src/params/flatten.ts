/** Walks what `logParams` is given, on the caller's thread: one leaf, one param. */
import { type HeadraceError, InvalidValueError } from '../errors.js';
import { countOf, type InnerSeparators, TOO_MANY, withInner } from './inner-separators.js';
import { isToJson, jsonForm, type Kind, kindOf, thrownText } from './kind.js';
import { MAX_DEPTH, take } from './take.js';
import { valueText } from './value.js';

/** More names than any run has params; there so that an object that shares its parts 2^64 times comes to an end. */
const MAX_NAMES = 1_000_000;

/** `names`: what was joined to the key; given where `inner` has no room to tell it. */
type Leaf = (key: string, value: unknown, inner: InnerSeparators, names: readonly string[] | undefined) => void;
type Refuse = (key: string, error: HeadraceError) => void;

/**
 * Plain objects, class instances and Maps nest. `leaf` gets whatever does not nest, raw, under the joined
 * key, in the object's order. What can't be read goes to `refuse`, alone, and the walk goes on. Nothing in
 * `params` makes it throw.
 */
export function flatten(params: unknown, prefix: string | undefined, separator: '.' | '/', leaf: Leaf, refuse: Refuse): void {
  new Flattening(separator, leaf, refuse).whole(params, prefix === '' ? undefined : prefix);
}

/** An object after its toJSON, if it has one, was asked. */
interface Form {
  readonly value: unknown;
  readonly kind: Kind | undefined;
}

class Flattening {
  readonly #separator: '.' | '/';
  readonly #leaf: Leaf;
  readonly #refuse: Refuse;
  /** The objects that the walk is in: one of them met again is a cycle. */
  readonly #around: object[] = [];
  #depth = 0;
  #names = 0;
  #prefix: string | undefined;
  /** Names that lead to what is being walked. */
  readonly #path: string[] = [];
  /** Separators in front of the next name. */
  #separators = 0;
  #inner: InnerSeparators = 0;

  constructor(separator: '.' | '/', leaf: Leaf, refuse: Refuse) {
    this.#separator = separator;
    this.#leaf = leaf;
    this.#refuse = refuse;
  }

  whole(params: unknown, prefix: string | undefined): void {
    this.#prefix = prefix;
    const form = this.#formOf(prefix ?? '', params);
    if (form === undefined) return;
    if (nests(form)) {
      this.#separators = prefix === undefined ? 0 : countOf(this.#separator, String(prefix)) + 1;
      this.#enter(prefix, params, form);
    } else this.#refused(prefix ?? '', `is ${described(form)}; logParams takes an object or a Map, logParam takes one value`);
  }

  #walk(key: string, value: unknown): void {
    const form = this.#formOf(key, value);
    if (form === undefined) return;
    if (nests(form)) this.#enter(key, value, form);
    else this.#give(key, form.value);
  }

  #give(key: string, value: unknown): void {
    if (this.#inner !== TOO_MANY) {
      this.#leaf(key, value, this.#inner, undefined);
      return;
    }
    // A prefix may be several names, as the key of logParam may.
    const before = this.#prefix === undefined ? [] : String(this.#prefix).split(this.#separator);
    this.#leaf(key, value, 0, [...before, ...this.#path]);
  }

  /** Walks what stands under `name`. */
  #descend(name: string, joined: string, value: unknown): void {
    const inner = this.#inner;
    const before = this.#separators;
    const count = countOf(this.#separator, name);
    this.#inner = withInner(inner, before, count);
    this.#separators = before + count + 1;
    this.#path.push(name);
    this.#walk(joined, value);
    this.#path.pop();
    this.#separators = before;
    this.#inner = inner;
  }

  /** `key` is undefined at the top of params without a prefix. */
  #enter(key: string | undefined, value: unknown, form: Form & { readonly value: object }): void {
    if (this.#depth === MAX_DEPTH) {
      this.#refused(key ?? '', `is more than ${MAX_DEPTH} levels deep`);
      return;
    }
    const before = this.#around.length;
    this.#around.push(form.value);
    // Behind a toJSON the object itself counts too: `{ self: this }` is a cycle.
    if (value !== form.value && typeof value === 'object' && value !== null) this.#around.push(value);
    this.#depth++;
    if (form.kind === 'map') this.#entries(key, form.value);
    else this.#properties(key, form.value);
    this.#depth--;
    this.#around.length = before;
  }

  #properties(key: string | undefined, value: object): void {
    let names: string[];
    try {
      names = Object.keys(value);
    } catch (error) {
      this.#unreadable(key ?? '', error);
      return;
    }
    if (names.length === 0) this.#empty(key);
    for (const name of names) {
      const joined = this.#join(key, name);
      if (!this.#counted(joined)) return;
      let item: unknown;
      try {
        item = Reflect.get(value, name);
      } catch (error) {
        this.#unreadable(joined, error);
        continue;
      }
      if (!isToJson(name, item)) this.#descend(name, joined, item);
    }
  }

  #entries(key: string | undefined, value: object): void {
    // Copied first: a getter further down may add to the Map that is being walked.
    const entries: [unknown, unknown][] = [...Map.prototype.entries.call(value)];
    if (entries.length === 0) this.#empty(key);
    for (const [index, [name, item]] of entries.entries()) {
      let text: string;
      try {
        text = valueText(take(name, key ?? ''), 'js');
      } catch (error) {
        const reason = error instanceof InvalidValueError ? error.reason : thrownText(error);
        this.#refused(key ?? '', `has a Map entry, number ${index}, whose key ${reason}`);
        continue;
      }
      const joined = this.#join(key, text);
      if (!this.#counted(joined)) return;
      this.#descend(text, joined, item);
    }
  }

  /** Kept as the text `{}`; a fresh object, so that no toJSON is asked a second time. */
  #empty(key: string | undefined): void {
    if (key !== undefined) this.#give(key, {});
  }

  #join(key: string | undefined, name: string): string {
    return key === undefined ? name : key + this.#separator + name;
  }

  #counted(key: string): boolean {
    this.#names++;
    if (this.#names === MAX_NAMES + 1)
      this.#refused(key, 'and all that follow were not logged: over 1,000,000 names in one call');
    return this.#names <= MAX_NAMES;
  }

  /** Undefined: refused. */
  #formOf(key: string, value: unknown): Form | undefined {
    if (typeof value !== 'object' || value === null) return { value, kind: undefined };
    let form: Form | undefined;
    try {
      // Looked at before: an object that is a cycle is not asked for its toJSON again.
      form = this.#around.includes(value) ? undefined : formOf(value, key);
    } catch (error) {
      this.#unreadable(key, error);
      return undefined;
    }
    if (form !== undefined && !(nests(form) && this.#around.includes(form.value))) return form;
    this.#refused(key, 'is a cycle; it is one of the objects that it lies in');
    return undefined;
  }

  #unreadable(key: string, error: unknown): void {
    this.#refused(key, `is something that throws when it is read; ${thrownText(error)}`);
  }

  #refused(key: string, reason: string): void {
    this.#refuse(key, new InvalidValueError({ key, reason }));
  }
}

/** Asks toJSON of what would nest, or could not be taken at all; other kinds are leaves as they are. */
function formOf(value: object, key: string): Form {
  const kind = kindOf(value);
  if (kind !== 'object' && kind !== 'opaque') return { value, kind };
  const form = jsonForm(value, key);
  // To ask again costs as much as ten leaves.
  if (form === value) return { value, kind };
  return { value: form, kind: typeof form === 'object' && form !== null ? kindOf(form) : undefined };
}

function nests(form: Form): form is Form & { readonly value: object } {
  return form.kind === 'object' || form.kind === 'map';
}

function described(form: Form): string {
  if (form.kind === undefined)
    return form.value === null || form.value === undefined ? String(form.value) : `a ${typeof form.value}`;
  if (form.kind === 'opaque') return 'an object without readable properties';
  return form.kind === 'array' ? 'an array' : `a ${form.kind}`;
}
