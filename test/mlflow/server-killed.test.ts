/** A server that is killed and comes back, and a program that is ended by Ctrl-C while its requests fail. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Child, type Ended, useChildren } from '../exit/child.js';
import type { Plan } from '../exit/fixtures/dying.js';
import { until } from '../tracker/waiting.js';
import { CLIENT_TIMEOUT_S, type FaultProxy } from './fault-proxy.js';
import type { Fault } from './fault-schedule.js';
import { activeRuns, NO_FAULTS, SEED, SMALL, startProxy, VERSIONS, works } from './fault-work.js';
import type { MlflowApi } from './mlflow-api.js';
import { MortalServer } from './mortal-server.js';

/** From the start of the program to the first record; the run is made meanwhile, or not yet. */
const DELAYS_MS: readonly number[] = [0, 300, 900];

/** What the worker may still be told after the last time that the caller's thread looked. */
const LAST_WORD_MS = 700;

useChildren();

describe.each(VERSIONS)('MLflow %s', (version) => {
  let server: MortalServer;

  beforeAll(async () => {
    vi.stubEnv('MLFLOW_HTTP_REQUEST_TIMEOUT', String(CLIENT_TIMEOUT_S));
    server = await MortalServer.start(version);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await server?.stop();
  });

  test('Ctrl-C ends a program before what it has accepted is there', async (context) => {
    const faults: Fault[] = [
      'reset before forwarding',
      'reset after the server answered',
      'hang after the server answered',
      'delay before forwarding',
      '502 with an HTML page',
    ];
    const proxy = await startProxy(server, { seed: SEED, faults, every: [3, 5] }, context);
    const records = 1500;
    for (const { ended, said, stored, statuses } of await stopped(server, proxy, { records, exitTimeoutMs: 25_000 })) {
      expect([ended.code, ended.signal, ownLines(ended)]).toEqual([null, 'SIGINT', []]);
      expect([said.accepted, stored, statuses]).toEqual([records, records, ['KILLED']]);
    }
    expect(proxy.neverFired()).toEqual([]);
  });

  test('Ctrl-C ends a program that can wait no longer, and its last words do not count what is lost', async (context) => {
    const faults: Fault[] = [
      'hang before forwarding',
      'hang after the server answered',
      'hang in mid-answer',
      'reset after the server answered',
    ];
    const proxy = await startProxy(server, { seed: SEED, faults, every: [2, 3] }, context);
    const exitTimeoutMs = 2500;
    for (const { ended, said, stored, acknowledged } of await stopped(server, proxy, { records: 4000, exitTimeoutMs })) {
      expect([ended.code, ended.signal]).toEqual([null, 'SIGINT']);
      expect(ended.endingMs).toBeLessThan(exitTimeoutMs + 500 + 1500);
      const what = `of ${said.accepted} records had not landed in ${proxy.url} within ${exitTimeoutMs} ms`;
      expect(ownLines(ended)).toEqual([expect.stringMatching(new RegExp(`^headrace: \\d+ ${what}`))]);
      const lost = Number(/\d+/.exec(ended.stderr)?.[0]);
      // What landed without an answer may be told as lost, and nothing else that is there.
      expect(lost).toBeGreaterThanOrEqual(said.accepted - stored);
      expect(lost).toBeLessThanOrEqual(said.accepted - acknowledged);
    }
    expect(proxy.neverFired()).toEqual([]);
  });

  test('a server that is killed in the middle of a request, and started again, loses or doubles records', async (context) => {
    const proxy = await startProxy(server, NO_FAULTS, context);
    const meanwhile = async (): Promise<void> => {
      await until('some batches', () => proxy.acknowledged.length > 10);
      await until('a request on its way', () => proxy.forwarding > 0);
      await server.kill();
      await server.start();
    };
    await works(server, proxy, { workers: 2, runs: 3, rounds: 10, size: { params: 5, steps: 20 }, meanwhile }, context);
    expect(proxy.unserved).toBeGreaterThan(0);
  });
});

interface Stopped {
  readonly ended: Ended;
  readonly said: { readonly accepted: number };
  /** Of its records, on the server in the end. */
  readonly stored: number;
  /** Of its records, those whose answer it must have seen. */
  readonly acknowledged: number;
  readonly statuses: readonly string[];
}

interface Program {
  readonly records: number;
  readonly exitTimeoutMs: number;
}

/** Programs that log at once, and get a Ctrl-C with everything on its way. */
function stopped(server: MlflowApi, proxy: FaultProxy, program: Program): Promise<Stopped[]> {
  return Promise.all(DELAYS_MS.map((delayMs) => stoppedAfter(delayMs, server, proxy, program)));
}

async function stoppedAfter(
  delayMs: number,
  server: MlflowApi,
  proxy: FaultProxy,
  { records, exitTimeoutMs }: Program,
): Promise<Stopped> {
  const experiment = `stopped ${randomUUID()}`;
  const options = { uri: proxy.url, experiment, exitTimeoutMs, ...SMALL };
  const plan: Plan = { way: 'SIGINT', records, delayMs, handlerFirst: false, options };
  const env = { MLFLOW_HTTP_REQUEST_TIMEOUT: String(CLIENT_TIMEOUT_S) };
  const ended = await new Child('dying.ts', [JSON.stringify(plan)], { env }).ended;
  const endedAt = performance.now();
  // Its own words, see `tell` there.
  const said = JSON.parse(ended.stdout.split('\n')[0] ?? '') as Stopped['said'];
  await proxy.deliver();
  const ids = await activeRuns(server, experiment);
  const runs = await Promise.all(ids.map((id) => server.run(id)));
  return {
    ended,
    said,
    stored: runs.reduce((sum, { params, history }) => sum + params.length + history.length, 0),
    acknowledged: proxy.acknowledged
      .filter(({ runId, at }) => ids.includes(runId) && at < endedAt - LAST_WORD_MS)
      .reduce((sum, { params, metrics }) => sum + params + metrics, 0),
    statuses: runs.map(({ status }) => status),
  };
}

function ownLines({ stderr }: Ended): string[] {
  return stderr.split('\n').filter((line) => line.startsWith('headrace:'));
}
