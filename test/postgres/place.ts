/** A database of a test file's own, headrace's stores for it, and a look behind them. */
import { onTestFinished } from 'vitest';
import { resolveOptions } from '../../src/options.js';
import { openStore } from '../../src/store/open.js';
import type { Pulse, Store } from '../../src/store/store.js';
import { BackstageTables } from '../store/backstage-tables.js';
import { newFolder } from '../store/place.js';
import type { Backstage } from '../store/store-contract.js';
import type { MlflowDatabase } from './mlflow-database.js';
import { rowsNow } from './rows-now.js';

const quiet: Pulse = { beat: () => {}, pause: () => {} };

/** A store as a worker makes it from the caller's options. Closed after the test. */
export function storeAt(uri: string, env: Readonly<Record<string, string>> = {}): Store {
  const { location, offline, cwd, durability, batch } = resolveOptions({ uri }, env, newFolder());
  const store = openStore({ location, offline, cwd, durability, batch }, quiet);
  onTestFinished(() => store.close());
  return store;
}

export async function openedAt(uri: string, env?: Readonly<Record<string, string>>): Promise<Store> {
  const store = storeAt(uri, env);
  await store.open();
  return store;
}

/** All tests of a file share the database: what belongs to a test carries its mark. `uri`: by which way, if not straight. */
export function backstage(database: MlflowDatabase, mark: string, uri: string = database.uri): Backstage {
  const tables = new BackstageTables((sql, ...values) => rowsNow(database, sql, ...values));
  return {
    keepsIds: true,
    propertyRuns: 12,
    store: () => openedAt(uri),
    named: (name) => `${name} ${mark}`,
    ownTags: () => ({}),
    runsMadeFor: (id) => (tables.run(id) === undefined ? [] : [id]),
    run: (runId) => tables.run(runId),
    params: (runId) => tables.params(runId),
    tags: (runId) => tables.tags(runId),
    history: (runId) => tables.history(runId),
    latest: (runId) => tables.latest(runId),
    experiments: () => tables.experiments().filter(({ name }) => name === 'Default' || name.endsWith(mark)),
    async deleteRun(runId) {
      await database.rows("UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = $1", runId);
    },
    async restoreRun(runId) {
      await database.rows("UPDATE runs SET lifecycle_stage = 'active' WHERE run_uuid = $1", runId);
    },
    async deleteExperiment(name) {
      await database.rows("UPDATE experiments SET lifecycle_stage = 'deleted' WHERE name = $1", name);
    },
  };
}
