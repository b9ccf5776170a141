/** The same runs in a database file and on a server, ids and all. */
import { onTestFinished } from 'vitest';
import { openRuns, type RunSearch, type Runs, type StoredRun } from '../../../src/index.js';
import { heldValue, matches } from '../../../src/reading/filter/evaluate.js';
import { parseFilter } from '../../../src/reading/filter/parse.js';
import { inKeyOrder } from '../../../src/reading/key-order.js';
import { inOrderOf, parseOrder, rankOf } from '../../../src/reading/order.js';
import type { RunRecord } from '../../../src/reading/run-source.js';
import type { MetricPoint, StoredStatus } from '../../../src/reading/stored-run.js';
import { RUN_NAME_TAG } from '../../../src/store/run-tags.js';
import type { Item, Store } from '../../../src/store/store.js';
import type { FakeOptions } from '../../server/fake-mlflow.js';
import { Served } from '../../server/served.js';
import { newRun } from '../../store/calls.js';
import { Place } from '../../store/place.js';
import { KEYS, NUMBERS, TEXTS } from './filter-text.js';

const COUNT = 48;
const START = 1_700_000_000_000;
const EXPERIMENTS = ['iris', 'digits'];
const USERS = ['ada', 'Bob'];
const STATUSES: readonly StoredStatus[] = ['FINISHED', 'FAILED', 'KILLED'];

/** Runs that meet the filters of `filter-text.ts`: few keys and values, in ever other combinations. */
export const RUNS: readonly RunRecord[] = Array.from({ length: COUNT }, (_, i) => {
  const pick = <T>(all: readonly T[], step: number): T => all[(i * step) % all.length] as T; // within
  const texts = KEYS.slice(0, 7).flatMap((key, k): [string, string][] =>
    (i + k) % 3 === 0 ? [] : [[key, pick(TEXTS, 2 * k + 1)]],
  );
  const values = [...NUMBERS, Number.NaN, Number.NEGATIVE_INFINITY].filter((value) => Math.abs(value) !== Number.MAX_VALUE);
  const metrics = KEYS.slice(0, 4).flatMap((key, k): [string, MetricPoint][] =>
    (i + k) % 4 === 0 ? [] : [[key, { value: pick(values, 2 * k + 3) + 0, step: k, timestamp: START + k }]],
  );
  const startTime = START + 1000 * (i % 9);
  const name = `run ${i % 40}`;
  const experiment = i % EXPERIMENTS.length;
  return {
    id: i.toString(16).padStart(2, '0').repeat(16),
    name,
    experimentId: String(experiment + 1),
    experimentName: pick(EXPERIMENTS, 1),
    status: i % 5 === 0 ? 'RUNNING' : pick(STATUSES, 1),
    startTime,
    endTime: i % 5 === 0 ? undefined : startTime + 500 * (i % 4),
    user: pick(USERS, 1),
    artifactUri: undefined,
    params: inKeyOrder(texts),
    metrics: inKeyOrder(metrics),
    tags: inKeyOrder([
      ...texts
        .map(([key, text]): [string, string] => [key, `${text}`])
        .reverse()
        .slice(0, 3),
      [RUN_NAME_TAG, name],
    ]),
  };
});

export interface BothStores {
  readonly file: Runs;
  readonly server: Runs;
  readonly place: Place;
  readonly served: Served;
}

/** Holding `runs`; all of it ends with the test. */
export async function bothStores(runs: readonly RunRecord[], options: FakeOptions = {}): Promise<BothStores> {
  const place = new Place();
  const fileStore = await place.opened();
  const served = await Served.start(options);
  const serverStore = await served.store({ timeoutMs: 5000 });
  for (const name of EXPERIMENTS) served.fake.state.addExperiment(name);
  for (const run of runs) {
    const { id, name, experimentName, experimentId, user: userId, startTime = 0 } = run;
    await fileStore.createRun(newRun({ id, name, experiment: { name: experimentName }, userId, startTime }));
    served.fake.state.addRun({ id, name, experimentId, userId, startTime, tags: new Map([[RUN_NAME_TAG, name]]) });
    for (const store of [fileStore, serverStore]) await fill(store, run);
  }
  await fileStore.close();
  return { file: opened(`sqlite:///${place.path}`), server: opened(served.fake.url), place, served };
}

/** Closed with the test. */
export function opened(uri: string, patienceMs = 5000): Runs {
  const runs = openRuns(uri, { patienceMs });
  onTestFinished(() => runs.close());
  return runs;
}

export async function fill(store: Store, run: RunRecord): Promise<void> {
  const items: Item[] = [
    ...[...run.params].map(([key, value]) => ({ kind: 'param', key, value }) as const),
    ...[...run.metrics].map(([key, { value, step, timestamp }]) => ({ kind: 'metric', key, value, step, timestamp }) as const),
    ...[...run.tags].map(([key, value]) => ({ kind: 'tag', key, value }) as const),
  ];
  const refused = (await store.land({ runId: run.id, items })).find((outcome) => outcome !== undefined);
  if (refused !== undefined) throw refused;
  if (run.status === 'RUNNING' || run.status === 'SCHEDULED' || run.endTime === undefined) return;
  await store.endRun({ runId: run.id, status: run.status, endTime: run.endTime });
}

export async function allOf(runs: AsyncIterable<StoredRun>): Promise<readonly StoredRun[]> {
  const all: StoredRun[] = [];
  for await (const run of runs) all.push(run);
  return all;
}

export async function idsOf(runs: AsyncIterable<StoredRun>): Promise<readonly string[]> {
  return (await allOf(runs)).map(({ id }) => id);
}

/** Ids that a search of RUNS finds, by the evaluator alone. */
export function answered({ filter = '', orderBy = [], limit = RUNS.length, experiment }: RunSearch): readonly string[] {
  const tree = parseFilter(filter);
  const order = parseOrder([orderBy].flat());
  const experiments = experiment === undefined ? undefined : [experiment].flat();
  return RUNS.filter((run) => experiments?.some((each) => each === run.experimentName || each === run.experimentId) ?? true)
    .filter((run) => tree === undefined || matches(tree, run))
    .map((run) => ({ ...run, ranks: order.map(({ operand }) => rankOf(operand, heldValue(run, operand))) }))
    .sort(inOrderOf(order))
    .slice(0, limit)
    .map(({ id }) => id);
}
