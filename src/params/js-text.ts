/**
 * Text of a value as JavaScript and JSON spell it. Like JSON.stringify, but nothing is lost: NaN, Infinity
 * and bigints are bare words and digits (as Python's json module reads and writes them), -0 keeps its sign.
 */
import { Tag, type Tree } from './tree.js';

export function jsText(tree: Tree): string {
  if (typeof tree === 'string') return tree;
  return Array.isArray(tree) && tree[0] === Tag.Date ? isoText(tree[1]) : json(tree);
}

export function jsNumber(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** ISO 8601 in UTC with milliseconds. The part of a date is always a number, and a valid time. */
export function isoText(part: Tree | undefined): string {
  return new Date(Number(part)).toISOString();
}

function json(tree: Tree): string {
  if (typeof tree === 'string') return JSON.stringify(tree);
  if (typeof tree === 'number') return jsNumber(tree);
  if (tree === null || typeof tree === 'boolean') return String(tree);
  const [tag, ...parts] = tree;
  switch (tag) {
    case Tag.Array:
    case Tag.Set:
    case Tag.Floats:
      return `[${parts.map(json).join(',')}]`;
    case Tag.Object:
      return `{${members(parts).join(',')}}`;
    case Tag.BigInt:
      return String(parts[0]);
    case Tag.Date:
      return JSON.stringify(isoText(parts[0]));
    case Tag.NegativeZero:
      return '-0';
    case Tag.Float:
      return json(parts[0] ?? null);
  }
}

/** JSON has text for keys only: any other key of a Map becomes the text of itself. */
function members(parts: readonly Tree[]): string[] {
  const texts: string[] = [];
  for (let i = 0; i < parts.length; i += 2) {
    texts.push(`${JSON.stringify(jsText(parts[i] ?? null))}:${json(parts[i + 1] ?? null)}`);
  }
  return texts;
}
