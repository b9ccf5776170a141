/**
 * What sort of thing an object is, told by its internal slots where it has any, so that neither
 * another realm nor a changed prototype deceives. Everything here may throw: a Proxy's traps are run.
 */
import { types } from 'node:util';

export type Kind =
  | 'boxed'
  | 'array'
  | 'map'
  | 'set'
  | 'date'
  | 'url'
  | 'regexp'
  | 'typed array'
  | 'buffer'
  /** Its named properties are its content. */
  | 'object'
  /** What it holds can't be read, or is no value. */
  | 'opaque';

export function kindOf(value: object): Kind {
  if (Array.isArray(value)) return 'array';
  if (types.isMap(value)) return 'map';
  if (types.isSet(value)) return 'set';
  if (types.isDate(value)) return 'date';
  if (types.isTypedArray(value)) return 'typed array';
  if (types.isAnyArrayBuffer(value)) return 'buffer';
  if (types.isBoxedPrimitive(value)) return 'boxed';
  if (types.isRegExp(value)) return 'regexp';
  if (value instanceof URL) return 'url';
  return opaqueName(value) === undefined ? 'object' : 'opaque';
}

/** Names, for a message, an object that has no content to take. */
export function opaqueName(value: object): string | undefined {
  if (types.isNativeError(value) || value instanceof Error) return 'an Error (log its message, or its stack)';
  if (types.isPromise(value)) return 'a Promise (await it first)';
  if (types.isWeakMap(value)) return 'a WeakMap';
  if (types.isWeakSet(value)) return 'a WeakSet';
  if (value instanceof WeakRef) return 'a WeakRef';
  if (types.isDataView(value)) return 'a DataView (log a typed array of its buffer)';
  if (hidesItsContent(value)) return 'an object whose content is not in its properties (log an array or text made of it)';
  return undefined;
}

/**
 * An iterator, URLSearchParams, Headers, a Proxy around a Map: they would become `{}`, and what they hold
 * would be dropped silently.
 */
function hidesItsContent(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  const plain = prototype === null || (typeof prototype === 'object' && Object.getPrototypeOf(prototype) === null);
  if (plain || Object.keys(value).length > 0) return false;
  return types.isProxy(value) || Symbol.iterator in value || Symbol.asyncIterator in value;
}

/**
 * What stands in for an object that has `toJSON`: its result, asked for once, as JSON.stringify does; the
 * object itself when it has none. For the kinds 'array', 'object' and 'opaque' only: the others are known
 * better than their toJSON tells.
 */
export function jsonForm(value: object, key: string): unknown {
  const method: unknown = Reflect.get(value, 'toJSON');
  return typeof method === 'function' ? Reflect.apply(method, value, [key]) : value;
}

/** An own method toJSON tells how the object becomes JSON and is no part of what it holds. */
export function isToJson(name: string, value: unknown): boolean {
  return name === 'toJSON' && typeof value === 'function';
}

/** What a getter, a trap or a toJSON threw, as text for a message; it may be anything. */
export function thrownText(thrown: unknown): string {
  try {
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    return text.length > 200 ? `${text.slice(0, 200)}…` : text;
  } catch {
    return 'something without text';
  }
}
