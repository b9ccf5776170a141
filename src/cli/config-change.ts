/** A configuration with some of its values replaced; by the keys that its params are stored under. */
import type { ConfigTree, ConfigValue } from '../reading/config.js';
import { isTree } from './config-leaves.js';

export function changed(tree: ConfigTree, changes: ReadonlyMap<string, ConfigValue>): ConfigTree {
  return [...changes].reduce((config, [key, value]) => replaced(config, key, value) ?? config, tree);
}

/** Undefined: there is no such key. */
export function valueAt(tree: ConfigTree, key: string): ConfigValue | undefined {
  if (Object.hasOwn(tree, key)) return tree[key];
  for (const [name, inner] of branches(tree, key)) {
    const value = valueAt(inner, key.slice(name.length + 1));
    if (value !== undefined) return value;
  }
  return undefined;
}

function replaced(tree: ConfigTree, key: string, value: ConfigValue): ConfigTree | undefined {
  if (Object.hasOwn(tree, key)) return withMember(tree, key, value);
  for (const [name, inner] of branches(tree, key)) {
    const next = replaced(inner, key.slice(name.length + 1), value);
    if (next !== undefined) return withMember(tree, name, next);
  }
  return undefined;
}

/** Where the key may lead on: a name can have the separator in it, so there may be several. */
function branches(tree: ConfigTree, key: string): [name: string, inner: ConfigTree][] {
  return Object.entries(tree).flatMap(([name, inner]): [string, ConfigTree][] =>
    isTree(inner) && (key.startsWith(`${name}.`) || key.startsWith(`${name}/`)) ? [[name, inner]] : [],
  );
}

/** In its place. `fromEntries` sets __proto__ as any other name. */
function withMember(tree: ConfigTree, name: string, value: ConfigValue): ConfigTree {
  return Object.fromEntries(Object.entries(tree).map(([each, old]) => [each, each === name ? value : old]));
}
