import type { ConfigTree } from '../../reading/config.js';
import { leafText, leavesOf } from '../config-leaves.js';

/** Names as environment variables can have them, their case kept: `optimizer.lr` is `optimizer_lr`. */
export function variablesOf(tree: ConfigTree): Map<string, string> {
  const variables = new Map<string, string>();
  const keys = new Map<string, string>();
  for (const leaf of leavesOf(tree)) {
    const key = leaf.path.join('.');
    const name = key.replace(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_');
    const other = keys.get(name);
    if (other !== undefined) throw new Error(`${other} and ${key} would both be the variable ${name}; use --format json or yaml`);
    keys.set(name, key);
    variables.set(name, leafText(leaf));
  }
  return variables;
}

/** One assignment a line, which a POSIX shell and dotenv read alike. */
export function envText(tree: ConfigTree): string {
  return [...variablesOf(tree)].map(([name, value]) => `${name}=${assigned(name, value)}\n`).join('');
}

function assigned(name: string, value: string): string {
  if (/^[\w./:@%+,-]+$/.test(value)) return value;
  // dotenv takes a backslash before the quote for an escape, and turns a carriage return into a line's end.
  const common = !value.includes('\r') && !/[\\]$/.test(value);
  if (common && !value.includes("'")) return `'${value}'`;
  if (common && !/["$`\\]/.test(value)) return `"${value}"`;
  throw new Error(
    `${name} can't be written so that a shell and dotenv read the same (it has both kinds of quotes, a carriage return, or a ` +
      'backslash at its end); use --format json or yaml',
  );
}
