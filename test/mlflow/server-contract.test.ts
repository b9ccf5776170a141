/** The same contract as the SQLite file's, on real servers. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import { BackstageTables } from '../store/backstage-tables.js';
import { type Backstage, storeContract } from '../store/store-contract.js';
import { SERVERS } from './mlflow-versions.js';
import { ServerPlace } from './server-place.js';

describe.each(SERVERS)('MLflow %s', (version) => {
  let place: ServerPlace;
  beforeAll(async () => {
    place = await ServerPlace.start(version);
  });
  afterAll(() => place?.stop());

  storeContract(`a server of ${version}`, () => backstage(place));
});

/** One server serves all tests of a version: what belongs to a test carries its mark. */
function backstage(place: ServerPlace): Backstage {
  const { server } = place;
  const tables = new BackstageTables((sql, ...values) => place.rows(sql, ...values));
  const mark = randomUUID();
  const named = (name: string): string => `${name} ${mark}`;
  return {
    keepsIds: false,
    propertyRuns: 15,
    store: () => place.store(),
    named,
    ownTags: (run) => ({ 'headrace.run_id': run.id }),
    runsMadeFor: (id) =>
      place
        .rows(
          `SELECT run_uuid FROM runs WHERE run_uuid = ?
           UNION SELECT run_uuid FROM tags WHERE key = 'headrace.run_id' AND value = ?`,
          id,
          id,
        )
        .map(({ run_uuid }) => String(run_uuid)),
    run: (runId) => tables.run(runId),
    params: (runId) => tables.params(runId),
    tags: (runId) => tables.tags(runId),
    history: (runId) => tables.history(runId),
    latest: (runId) => tables.latest(runId),
    experiments: () => tables.experiments().filter(({ name }) => name === 'Default' || name.endsWith(mark)),
    async deleteRun(runId) {
      await server.post('runs/delete', { run_id: runId });
    },
    async restoreRun(runId) {
      await server.post('runs/restore', { run_id: runId });
    },
    async deleteExperiment(name) {
      const { id } = tables.experiments().find((experiment) => experiment.name === name) ?? { id: '' };
      await server.post('experiments/delete', { experiment_id: id });
    },
  };
}
