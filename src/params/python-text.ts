/**
 * Text of a value as Python's `str()` makes it for the same value, so that a run logged from here and one
 * logged by MLflow's Python client compare equal.
 */
import { isoText } from './js-text.js';
import { Tag, type Tree } from './tree.js';

export function pythonText(tree: Tree): string {
  if (typeof tree === 'string') return tree;
  return Array.isArray(tree) && tree[0] === Tag.Date ? dateText(tree[1]) : repr(tree);
}

/** Safe integers are ints; every other number is a float, also a whole one: past 2^53 a double is no exact integer. */
export function pythonNumber(value: number): string {
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : floatText(value);
}

/** `float.__repr__`: the shortest digits, as in JavaScript, but with an exponent below 1e-4 and from 1e16 on. */
function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const size = Math.abs(value);
  if (size >= 1e-4 && size < 1e16) {
    const text = String(value);
    return text.includes('.') ? text : `${text}.0`;
  }
  // At least two digits of exponent: 1e-05.
  return value.toExponential().replace(/(?<=e[+-])\d$/, '0$&');
}

function repr(tree: Tree): string {
  if (typeof tree === 'string') return stringRepr(tree);
  if (typeof tree === 'number') return pythonNumber(tree);
  if (tree === null) return 'None';
  if (typeof tree === 'boolean') return tree ? 'True' : 'False';
  const [tag, ...parts] = tree;
  switch (tag) {
    case Tag.Array:
      return `[${parts.map(repr).join(', ')}]`;
    case Tag.Floats:
      return `[${parts.map(floatRepr).join(', ')}]`;
    case Tag.Set:
      return parts.length === 0 ? 'set()' : `{${parts.map(repr).join(', ')}}`;
    case Tag.Object:
      return `{${items(parts).join(', ')}}`;
    case Tag.BigInt:
      return String(parts[0]);
    case Tag.Date:
      return dateRepr(parts[0]);
    case Tag.NegativeZero:
      return '-0.0';
    case Tag.Float:
      return floatRepr(parts[0] ?? null);
  }
}

/** A part that is a float whatever its value: a number, or the tag of -0. */
function floatRepr(part: Tree): string {
  return typeof part === 'number' ? floatText(part) : repr(part);
}

function items(parts: readonly Tree[]): string[] {
  const texts: string[] = [];
  for (let i = 0; i < parts.length; i += 2) texts.push(`${repr(parts[i] ?? null)}: ${repr(parts[i + 1] ?? null)}`);
  return texts;
}

/** What `str.isprintable` refuses: other and separator categories, but for the ASCII space. */
const NOT_PRINTABLE = /[\p{C}\p{Z}]/gu;
const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  [' ', ' '],
]);

/** `str.__repr__`. Double quotes only where they save escaping. */
function stringRepr(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replaceAll('\\', '\\\\').replace(NOT_PRINTABLE, escapeOf);
  return mark + (mark === "'" ? escaped.replaceAll("'", "\\'") : escaped) + mark;
}

function escapeOf(character: string): string {
  const short = SHORT_ESCAPES.get(character);
  if (short !== undefined) return short;
  const hex = (character.codePointAt(0) ?? 0).toString(16);
  if (hex.length <= 2) return `\\x${hex.padStart(2, '0')}`;
  return hex.length <= 4 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

/** `str()` of an aware UTC datetime. Years that `datetime` can't hold are text, as ISO 8601 spells them. */
function dateText(part: Tree | undefined): string {
  const iso = isoText(part);
  if (!inDatetimeRange(iso)) return iso;
  const fraction = iso.slice(20, 23);
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}${fraction === '000' ? '' : `.${fraction}000`}+00:00`;
}

function dateRepr(part: Tree | undefined): string {
  const iso = isoText(part);
  if (!inDatetimeRange(iso)) return stringRepr(iso);
  const fields = (iso.match(/\d+/g) ?? []).map(Number);
  // Milliseconds become microseconds; zeros at the end are left out, but never hour and minute.
  fields[6] = (fields[6] ?? 0) * 1000;
  if (fields[6] === 0) fields.length = fields[5] === 0 ? 5 : 6;
  return `datetime.datetime(${fields.join(', ')}, tzinfo=datetime.timezone.utc)`;
}

/** Years 1 to 9999. ISO 8601 writes all others, but the year 0, with a sign. */
function inDatetimeRange(iso: string): boolean {
  return !/^[+-]|^0000/.test(iso);
}
