/** A server that is killed and comes back, and a program that is ended by Ctrl-C while its requests fail. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { Child, type Ended, useChildren } from '../exit/child.js';
import type { Plan } from '../exit/fixtures/dying.js';
import { sendLeftovers } from '../faults/journals.js';
import { until } from '../tracker/waiting.js';
import { CLIENT_TIMEOUT_S, type FaultProxy } from './fault-proxy.js';
import type { Fault } from './fault-schedule.js';
import { activeRuns, NO_FAULTS, SEED, SMALL, startProxy, VERSIONS, works } from './fault-work.js';
import type { MlflowApi } from './mlflow-api.js';
import { MortalServer } from './mortal-server.js';
import type { SeenRun } from './seen.js';

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
    for (const { ended, said, stored, sent, statuses } of await stopped(server, proxy, { records, exitTimeoutMs: 25_000 })) {
      expect([ended.code, ended.signal, said.accepted]).toEqual([null, 'SIGINT', records]);
      // All of it, or the server was away for longer and it is said where the rest is.
      const isComplete = stored === records;
      expect(ownLines(ended)).toEqual(isComplete && ended.stderr === '' ? [] : [expect.stringContaining('in the journal')]);
      expect([sent, statuses]).toEqual([records, ['KILLED']]);
    }
    expect(proxy.neverFired()).toEqual([]);
  });

  test('Ctrl-C ends a program that can wait no longer, and its last words do not count what is left, or it is not sent later', async (context) => {
    const faults: Fault[] = [
      'hang before forwarding',
      'hang after the server answered',
      'hang in mid-answer',
      'reset after the server answered',
    ];
    const proxy = await startProxy(server, { seed: SEED, faults, every: [2, 3] }, context);
    const exitTimeoutMs = 2500;
    const programs = await stopped(server, proxy, { records: 4000, exitTimeoutMs });
    for (const { ended, said, stored, acknowledged, sent, statuses } of programs) {
      expect([ended.code, ended.signal]).toEqual([null, 'SIGINT']);
      expect(ended.endingMs).toBeLessThan(exitTimeoutMs + 500 + 1500);
      const what = `of ${said.accepted} records and the end of 1 run had not landed in ${proxy.url}`;
      expect(ownLines(ended)).toEqual([expect.stringMatching(new RegExp(`^headrace: \\d+ ${what}.*; they are in the journal`))]);
      const left = Number(/\d+/.exec(ended.stderr)?.[0]);
      // What landed without an answer is sent again, and nothing else that is there.
      expect(left).toBeGreaterThanOrEqual(said.accepted - stored);
      expect(left).toBeLessThanOrEqual(said.accepted - acknowledged);
      expect([sent, statuses]).toEqual([said.accepted, ['KILLED']]);
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
  /** Of its records, on the server when it had ended. */
  readonly stored: number;
  /** The same after another tracker had sent what it left. */
  readonly sent: number;
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
  const dir = mkdtempSync(join(tmpdir(), 'headrace-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const options = { uri: proxy.url, experiment, exitTimeoutMs, journal: { dir }, ...SMALL };
  const plan: Plan = { way: 'SIGINT', records, delayMs, handlerFirst: false, options };
  const env = { MLFLOW_HTTP_REQUEST_TIMEOUT: String(CLIENT_TIMEOUT_S) };
  const ended = await new Child('dying.ts', [JSON.stringify(plan)], { env }).ended;
  const endedAt = performance.now();
  // Its own words, see `tell` there.
  const said = JSON.parse(ended.stdout.split('\n')[0] ?? '') as Stopped['said'];
  await proxy.deliver();
  const stored = recordsOf(await runsOf(server, experiment));
  await sendLeftovers(proxy.url, dir);
  const runs = await runsOf(server, experiment);
  return {
    ended,
    said,
    stored,
    sent: recordsOf(runs),
    acknowledged: proxy.acknowledged
      .filter(({ runId, at }) => runs.some(({ id }) => id === runId) && at < endedAt - LAST_WORD_MS)
      .reduce((sum, { params, metrics }) => sum + params + metrics, 0),
    statuses: runs.map(({ status }) => status),
  };
}

async function runsOf(server: MlflowApi, experiment: string): Promise<SeenRun[]> {
  const ids = await activeRuns(server, experiment);
  return Promise.all(ids.map((id) => server.run(id)));
}

function recordsOf(runs: readonly SeenRun[]): number {
  return runs.reduce((sum, { params, history }) => sum + params.length + history.length, 0);
}

function ownLines({ stderr }: Ended): string[] {
  return stderr.split('\n').filter((line) => line.startsWith('headrace:'));
}
