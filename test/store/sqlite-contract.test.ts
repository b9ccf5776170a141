import { BackstageTables } from './backstage-tables.js';
import { Place } from './place.js';
import { type Backstage, storeContract } from './store-contract.js';

function makePlace(): Backstage {
  const place = new Place();
  const tables = new BackstageTables((sql, ...values) => place.rows(sql, ...values));
  return {
    keepsIds: true,
    propertyRuns: 40,
    store: () => place.opened(),
    named: (name) => name,
    ownTags: () => ({}),
    runsMadeFor: (id) => (tables.run(id) === undefined ? [] : [id]),
    run: (runId) => tables.run(runId),
    params: (runId) => tables.params(runId),
    tags: (runId) => tables.tags(runId),
    history: (runId) => tables.history(runId),
    latest: (runId) => tables.latest(runId),
    experiments: () => tables.experiments(),
    async deleteRun(runId) {
      place.exec(`UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = '${runId}'`);
    },
    async restoreRun(runId) {
      place.exec(`UPDATE runs SET lifecycle_stage = 'active' WHERE run_uuid = '${runId}'`);
    },
    async deleteExperiment(name) {
      place.exec(`UPDATE experiments SET lifecycle_stage = 'deleted' WHERE name = '${name}'`);
    },
  };
}

storeContract('SQLite', makePlace);
