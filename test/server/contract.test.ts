/** What every store must do, over HTTP: without Python, so in every run of the tests. */
import { type Backstage, storeContract } from '../store/store-contract.js';
import type { HeldMetric } from './mlflow-state.js';
import { Served } from './served.js';

function makePlace(): Backstage {
  let served: Served | undefined;
  const place = (): Served => served ?? throwUnopened();
  const bySort = (a: HeldMetric, b: HeldMetric): number =>
    a.key === b.key ? a.step - b.step || a.timestamp - b.timestamp || stored(a) - stored(b) : a.key < b.key ? -1 : 1;
  const experimentOf = (name: string) => [...place().fake.state.experiments.values()].find((each) => each.name === name);
  return {
    keepsIds: false,
    propertyRuns: 15,
    async store() {
      served ??= await Served.start();
      return served.store({ timeoutMs: 5000 });
    },
    named: (name) => name,
    ownTags: (run) => ({ 'headrace.run_id': run.id }),
    runsMadeFor: (id) =>
      [...place().fake.state.runs.values()]
        .filter((run) => run.id === id || run.tags.get('headrace.run_id') === id)
        .map((run) => run.id),
    run(runId) {
      const run = place().fake.state.runs.get(runId);
      if (run === undefined) return undefined;
      const { name, status, userId, startTime, endTime = null, experimentId } = run;
      const experiment = place().fake.state.experiments.get(experimentId)?.name ?? '';
      return {
        name,
        status,
        userId,
        startTime,
        endTime,
        experiment,
        artifacts: `mlflow-artifacts:/${experimentId}/${runId}/artifacts`,
      };
    },
    params: (runId) => place().params(runId),
    tags: (runId) => Object.fromEntries(place().run(runId).tags),
    history: (runId) => [...place().run(runId).metrics.values()].sort(bySort),
    latest: (runId) => place().fake.state.latest(place().run(runId)).sort(bySort),
    experiments: () =>
      [...place().fake.state.experiments.values()].map(({ id, name }) => ({ id, name, location: `mlflow-artifacts:/${id}` })),
    async deleteRun(runId) {
      place().run(runId).deleted = true;
    },
    async restoreRun(runId) {
      place().run(runId).deleted = false;
    },
    async deleteExperiment(name) {
      const experiment = experimentOf(name);
      if (experiment !== undefined) experiment.deleted = true;
    },
  };
}

function throwUnopened(): never {
  throw new Error('the place has no store yet');
}

/** MLflow's table holds 0 for NaN. */
function stored({ value }: HeldMetric): number {
  return Number.isNaN(value) ? 0 : value;
}

storeContract('an MLflow server', makePlace);
