/** Requests that fail one after the other, for as long as a program logs: at the end all of it is there, once. */
import { beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { CLIENT_TIMEOUT_S } from '../mlflow/fault-proxy.js';
import type { Fault } from '../mlflow/fault-schedule.js';
import { isLong, SEED, startProxy, works } from '../mlflow/fault-work.js';
import { MlflowApi } from '../mlflow/mlflow-api.js';
import { PINNED_MLFLOW } from '../mlflow/python-env.js';
import { type FaultRow, judgeRow } from './fault-row.js';

const STORMS: ReadonlyArray<readonly [fault: FaultRow['fault'], every: readonly [number, number], faults: readonly Fault[]]> = [
  ['429 storm', [1, 1], ['429 with Retry-After in seconds']],
  ['5xx storm', [1, 1], ['502 with an HTML page', '503 with Retry-After in seconds', '503 with Retry-After as a date']],
  ['resets in mid-answer', [1, 1], ['reset in mid-answer', 'reset after the server answered', 'reset before forwarding']],
  [
    'late answers',
    [3, 5],
    [
      'answer at about the time that the client gives up',
      'hang after the server answered',
      'batch forwarded late',
      'creation forwarded late',
    ],
  ],
];

const ROUNDS = isLong ? 30 : 3;

beforeAll(() => {
  vi.stubEnv('MLFLOW_HTTP_REQUEST_TIMEOUT', String(CLIENT_TIMEOUT_S));
  return () => vi.unstubAllEnvs();
});

// Their time is waited for, not worked.
describe.concurrent('a storm', () => {
  test.for(STORMS)('%s: records are lost or doubled', async ([fault, every, faults], context) => {
    const server = new MlflowApi(inject('server').url);
    const proxy = await startProxy(server, { seed: SEED, faults, every }, context);
    const records = await works(server, proxy, { workers: 1, runs: 2, rounds: ROUNDS, size: { params: 10, steps: 30 } }, context);
    expect(proxy.neverFired()).toEqual([]);
    const fired = [...proxy.fired.values()].reduce((sum, times) => sum + times, 0);
    // What `works` would not have let pass.
    const none = { lost: 0, doubled: 0, wrong: 0 };
    judgeRow(context, { fault, where: PINNED_MLFLOW, fired, logged: records, landed: records, ...none });
  });
});
