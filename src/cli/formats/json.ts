import type { ConfigTree, ConfigValue } from '../../reading/config.js';
import { isTree } from '../config-leaves.js';

/**
 * JSON.stringify but for what it changes in silence: -0 keeps its sign, a bigint all its digits, and NaN and infinities,
 * for which JSON has no number, are the texts that they are stored as.
 */
export function jsonText(tree: ConfigTree): string {
  return `${text(tree, '')}\n`;
}

function text(value: ConfigValue, indent: string): string {
  const deeper = `${indent}  `;
  if (Array.isArray(value))
    return enclosed(
      '[',
      value.map((each: ConfigValue) => text(each, deeper)),
      ']',
      indent,
    );
  if (isTree(value)) {
    const members = Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${text(each, deeper)}`);
    return enclosed('{', members, '}', indent);
  }
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : Number.isFinite(value) ? String(value) : `"${value}"`;
  return JSON.stringify(value);
}

function enclosed(open: string, parts: readonly string[], close: string, indent: string): string {
  if (parts.length === 0) return open + close;
  const line = `${open}${parts.join(', ')}${close}`;
  // Lists of numbers, the usual ones, are best read in one line.
  if (open === '[' && line.length <= 80 && !line.includes('\n')) return line;
  return `${open}\n${parts.map((part) => `${indent}  ${part}`).join(',\n')}\n${indent}${close}`;
}
