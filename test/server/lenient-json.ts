/**
 * How MLflow reads a body (protobuf's ParseDict, its error ignored): at the first value of a wrong type it stops,
 * keeps what it has, and answers 200. A client that spells a value wrongly loses data and is not told.
 */

/** MLflow fails without a plan, and Flask shows its own page. */
export class Unhandled extends Error {}

export type Kind = 'text' | 'integer' | 'real' | 'status' | readonly [Schema];
export interface Schema {
  readonly [field: string]: Kind;
}

export type Message = Record<string, unknown>;

/** What a body says, or throws Unhandled; bare NaN and Infinity, which Python takes, become lists: no field's type. */
export function parseBody(body: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(body.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (text) => (text.startsWith('"') ? text : '[]')));
    // A body that was encoded twice is taken as if it had been once.
    if (typeof value === 'string') value = JSON.parse(value);
  } catch {
    throw new Unhandled('not JSON');
  }
  if (!isObject(value)) throw new Unhandled('not an object');
  return value;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** As much of the body as comes before the first value of a wrong type. */
export function readLeniently(schema: Schema, body: Readonly<Record<string, unknown>>): Message {
  const message = blank(schema);
  try {
    fill(schema, body, message);
  } catch (error) {
    if (!(error instanceof WrongType)) throw error;
  }
  return message;
}

class WrongType extends Error {}

function fill(schema: Schema, source: Readonly<Record<string, unknown>>, target: Message): void {
  for (const [name, value] of Object.entries(source)) {
    const kind = schema[name];
    if (kind === undefined) continue;
    if (typeof kind === 'string') {
      if (value !== null) target[name] = scalar(kind, value);
      continue;
    }
    if (!Array.isArray(value)) throw new Unhandled(`${name} is no array`);
    const list: Message[] = [];
    target[name] = list;
    for (const item of value) {
      if (!isObject(item)) throw new Unhandled(`${name} holds what is no object`);
      const part = blank(kind[0]);
      list.push(part);
      fill(kind[0], item, part);
    }
  }
}

/** Protobuf's defaults. A status has none: an update without one changes none. */
function blank(schema: Schema): Message {
  const defaults: Record<string, unknown> = { text: '', integer: 0, real: 0 };
  return Object.fromEntries(Object.entries(schema).map(([name, kind]) => [name, typeof kind === 'string' ? defaults[kind] : []]));
}

const STATUSES: readonly string[] = ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED'];

function scalar(kind: Exclude<Kind, readonly [Schema]>, value: unknown): unknown {
  switch (kind) {
    case 'text':
      if (typeof value === 'string' && value.isWellFormed()) return value;
      break;
    case 'integer': {
      const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
      if (typeof number === 'number' && Number.isInteger(number) && Math.abs(number) < 2 ** 63) return number;
      break;
    }
    case 'real':
      if (value === 'NaN') return Number.NaN;
      if (value === 'Infinity') return Number.POSITIVE_INFINITY;
      if (value === '-Infinity') return Number.NEGATIVE_INFINITY;
      if (typeof value === 'boolean') return Number(value);
      if (typeof value === 'number' && Number.isFinite(value)) return value;
      if (typeof value === 'string' && /^[-+]?[\d.]+(?:e[-+]?\d+)?$/i.test(value)) return Number(value);
      break;
    case 'status':
      if (typeof value === 'string' && STATUSES.includes(value)) return value;
      if (typeof value === 'number' && STATUSES[value - 1] !== undefined) return STATUSES[value - 1];
      break;
  }
  throw new WrongType(`${String(value)} as ${kind}`);
}
