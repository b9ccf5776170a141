import type { BatchLimits } from '../options.js';
import { VERSION } from '../version.js';
import { MlflowStore } from './mlflow/mlflow-store.js';
import { OfflineStore } from './offline-store.js';
import { PostgresStore } from './postgres/postgres-store.js';
import { SqliteStore } from './sqlite/sqlite-store.js';
import type { Pulse, Store } from './store.js';
import type { StoreLocation } from './uri.js';

export interface StorePlace {
  readonly location: StoreLocation;
  /** Nothing is to go there. */
  readonly offline: boolean;
  /** The folder that the program was in when it made its tracker. */
  readonly cwd: string;
  readonly durability: 'memory' | 'os' | 'fsync';
  readonly batch: BatchLimits;
}

/** The store for a place; nothing of it is touched before its `open`. */
export function openStore({ location, offline, cwd, durability, batch }: StorePlace, pulse: Pulse): Store {
  if (offline || location.kind === 'offline') return new OfflineStore();
  if (location.kind === 'server') return new MlflowStore({ server: location.server, limits: batch, pulse });
  if (location.kind === 'postgres') return new PostgresStore({ ...location, cwd, pulse });
  const { path, display } = location;
  return new SqliteStore({ path, display, cwd, durability, version: VERSION, pulse });
}
