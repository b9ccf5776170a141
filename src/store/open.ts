import { VERSION } from '../version.js';
import { SqliteStore } from './sqlite/sqlite-store.js';
import type { Pulse, Store } from './store.js';
import type { StoreLocation } from './uri.js';

export interface StorePlace {
  readonly location: StoreLocation;
  /** The folder that the program was in when it made its tracker. */
  readonly cwd: string;
  readonly durability: 'memory' | 'os' | 'fsync';
}

/** The store for a place; nothing of it is touched before its `open`. */
export function openStore({ location, cwd, durability }: StorePlace, pulse: Pulse): Store {
  const { path, display } = location;
  return new SqliteStore({ path, display, cwd, durability, version: VERSION, pulse });
}
