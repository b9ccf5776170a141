/** A configuration as flat names and texts, for what knows no nesting: variables and arguments. */
import { jsText } from '../params/js-text.js';
import { take } from '../params/take.js';
import type { ConfigTree, ConfigValue } from '../reading/config.js';

export interface ConfigLeaf {
  /** Names from the top down. */
  readonly path: readonly string[];
  readonly value: ConfigValue;
}

export function leavesOf(tree: ConfigTree, above: readonly string[] = []): ConfigLeaf[] {
  return Object.entries(tree).flatMap(([name, value]) => {
    const path = [...above, name];
    return isTree(value) && Object.keys(value).length > 0 ? leavesOf(value, path) : [{ path, value }];
  });
}

export function isTree(value: ConfigValue): value is ConfigTree {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** The text that a param of this value has in the store. */
export function leafText({ path, value }: ConfigLeaf): string {
  return jsText(take(value, path.join('.')));
}
