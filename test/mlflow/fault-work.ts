/** Runs logged while requests fail, and looked for on the server afterwards. */
import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, type TestContext } from 'vitest';
import { createTracker, type TrackerOptions } from '../../src/index.js';
import { FaultProxy } from './fault-proxy.js';
import { type FaultPlan, randomFrom } from './fault-schedule.js';
import { LoggedRun, type RoundSize } from './logged-run.js';
import type { MlflowApi } from './mlflow-api.js';
import { SERVERS } from './mlflow-versions.js';

export const isLong: boolean = process.env['HEADRACE_LONG'] === '1';

/** In the short form the oldest (no kept connections, the older rules for metrics that are sent again) and the newest. */
export const VERSIONS: readonly string[] = isLong
  ? SERVERS
  : SERVERS.filter((_version, i) => i === 0 || i === SERVERS.length - 1);

/** HEADRACE_SEED repeats a schedule of faults. */
export const SEED: number = Number(process.env['HEADRACE_SEED'] ?? randomInt(2 ** 31));

export const NO_FAULTS: FaultPlan = { seed: SEED, faults: [], every: [1, 1] };

export const SMALL: TrackerOptions = {
  // Many requests, and so many chances to fail, for few records.
  batch: { maxParams: 20, maxMetrics: 100, maxTags: 10 },
  // Nothing here is away for long.
  retry: { minTimeout: 50, maxTimeout: 500 },
};

const WAIT_MS = 60_000;

export interface Work {
  readonly workers: number;
  readonly runs: number;
  /** At least: it goes on while `meanwhile` does, and for some time until each fault has fired. */
  readonly rounds: number;
  readonly size: RoundSize;
  readonly meanwhile?: () => Promise<void>;
}

/** Stopped after the test, whose failure shows the seed and what fired. */
export async function startProxy(
  server: MlflowApi,
  plan: FaultPlan,
  { onTestFailed, onTestFinished }: TestContext,
): Promise<FaultProxy> {
  const proxy = await FaultProxy.start(server.url, plan);
  onTestFailed(() => console.error(`HEADRACE_SEED=${plan.seed} repeats the schedule of what failed here; ${proxy.account()}`));
  onTestFinished(() => proxy.stop());
  return proxy;
}

/** Logs through the proxy; at the end everything is on the server, once. Returns how many records that were. */
export async function works(
  server: MlflowApi,
  proxy: FaultProxy,
  { workers, runs, rounds, size, meanwhile }: Work,
  { onTestFinished }: TestContext,
): Promise<number> {
  const random = randomFrom(SEED);
  const experiment = `faults ${randomUUID()}`;
  const tracker = createTracker({ uri: proxy.url, experiment, workers, ...SMALL });
  onTestFinished(async () => {
    await tracker.close({ timeoutMs: 500, throwOnFailure: false }).catch(() => undefined);
  });
  const errors: string[] = [];
  let lastEvent = '';
  tracker.on('error', ({ message }) => errors.push(message));
  tracker.on('backend-down', () => {
    lastEvent = 'down';
  });
  tracker.on('backend-up', () => {
    lastEvent = 'up';
  });

  const logged: LoggedRun[] = [];
  let isOver = meanwhile === undefined;
  const other = meanwhile?.().finally(() => {
    isOver = true;
  });
  const goesOn = (round: number): boolean => round < rounds || !isOver || (round < 10 * rounds && proxy.neverFired().length > 0);
  for (let round = 0; goesOn(round); round++) {
    const parent = logged.length % 3 === 2 ? logged.at(-1) : undefined;
    if (logged.length < runs) logged.push(new LoggedRun(tracker, random, parent));
    for (const each of logged) each.round(size);
    await sleep((round < rounds ? 200 : 1000) * random());
    // Only where the server can be asked at any time.
    if (meanwhile === undefined && round % 4 === 1) await logged[round % logged.length]?.expectReceiptTrue(server);
  }
  await other;
  await tracker.flush({ timeoutMs: WAIT_MS });
  // Nothing can be done about what comes in after the end of its run.
  await proxy.deliver();
  // The others are ended by the close.
  const ended = logged.filter((_each, i) => i % 2 === 0);
  await Promise.all(ended.map(({ run }) => run.end('FINISHED', { timeoutMs: WAIT_MS })));
  const report = await tracker.close({ timeoutMs: WAIT_MS });

  const records = logged.reduce((sum, each) => sum + each.records, 0);
  expect(report).toEqual({ accepted: records, landed: records, failed: 0, pending: 0, durable: 0, failures: [] });
  expect(tracker.stats()).toMatchObject({ accepted: records, landed: records, durable: records, failed: 0 });
  expect(logged.flatMap(({ receipts }) => receipts.filter(({ state }) => state !== 'landed'))).toEqual([]);
  expect(errors).toEqual([]);
  expect(lastEvent).toBe('up');
  await proxy.deliver();
  await expectAllThere(server, experiment, logged);
  return records;
}

/** Ids of the experiment's runs that are not deleted. */
export async function activeRuns(server: MlflowApi, experiment: string): Promise<readonly string[]> {
  const { id } = (await server.experiments()).find(({ name }) => name === experiment) ?? {};
  if (id === undefined) return [];
  const question = { experiment_ids: [id], run_view_type: 'ACTIVE_ONLY', max_results: 1000 };
  // The API's own shape; an empty list is left out.
  const { runs = [] } = (await server.post('runs/search', question)) as { runs?: { info: { run_id: string } }[] };
  return runs.map(({ info }) => info.run_id);
}

async function expectAllThere(server: MlflowApi, experiment: string, logged: readonly LoggedRun[]): Promise<void> {
  const ids = await Promise.all(logged.map(({ run }) => run.storeId));
  expect((await activeRuns(server, experiment)).toSorted()).toEqual(ids.toSorted());
  for (const [i, each] of logged.entries()) {
    each.expectIn(await server.run(ids[i] ?? ''), each.parent && (await each.parent.run.storeId));
  }
}
