import { stringify } from 'smol-toml';
import type { ConfigTree, ConfigValue } from '../../reading/config.js';
import { isTree } from '../config-leaves.js';

const LEAST: bigint = -(2n ** 63n);
const MOST: bigint = 2n ** 63n - 1n;

/** TOML has no null: names with it are left out, and told to `omitted`. Throws for what can't be left out. */
export function tomlText(tree: ConfigTree, omitted: (key: string) => void): string {
  return `${stringify(table(tree, [], omitted)).trimEnd()}\n`;
}

function table(tree: ConfigTree, above: readonly string[], omitted: (key: string) => void): object {
  const entries = Object.entries(tree).flatMap(([name, value]): [string, unknown][] => {
    const path = [...above, name];
    if (value !== null) return [[name, inToml(value, path, omitted)]];
    omitted(path.join('.'));
    return [];
  });
  // `fromEntries` sets __proto__ as any other name.
  return Object.fromEntries(entries);
}

function inToml(value: ConfigValue, path: readonly string[], omitted: (key: string) => void): unknown {
  const key = path.join('.');
  if (Array.isArray(value)) {
    // Without it the others would stand in another place.
    if (value.includes(null)) throw new Error(`${key} holds null, which TOML does not have; use --format yaml or json`);
    return value.map((each: ConfigValue, index) => inToml(each, [...path, String(index)], omitted));
  }
  if (isTree(value)) return table(value, path, omitted);
  if (typeof value === 'bigint' && (value < LEAST || value > MOST)) {
    throw new Error(`${key} is ${value}, more than TOML's 64 bits; use --format yaml or json`);
  }
  return value;
}
