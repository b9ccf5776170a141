import type { ConfigTree, ConfigValue } from './config.js';

/**
 * Puts a value where its names say. Where a value stands in the way (params `a` and `a.b`), it stays under its whole key.
 * Of such params the shorter key has to come first.
 */
export function nest(config: ConfigTree, names: readonly string[], key: string, value: ConfigValue): void {
  const last = names.at(-1) ?? key;
  let around = config;
  for (const name of names.slice(0, -1)) {
    if (!Object.hasOwn(around, name)) set(around, name, {});
    const inner = around[name];
    if (!isTree(inner)) {
      set(config, key, value);
      return;
    }
    around = inner;
  }
  if (Object.hasOwn(around, last)) set(config, key, value);
  else set(around, last, value);
}

/** `__proto__` is a name like any other: assigned, it would be lost. */
export function set(tree: ConfigTree, name: string, value: ConfigValue): void {
  Object.defineProperty(tree, name, { value, writable: true, enumerable: true, configurable: true });
}

function isTree(value: ConfigValue | undefined): value is ConfigTree {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
