/**
 * Networks, gateways and servers that fail in the middle of the work: at its end everything is on a real server,
 * once, as MLflow's own API shows it there. Each kind of failure is counted when it happens; one that never did is a
 * failure of the test.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { CLIENT_TIMEOUT_S } from './fault-proxy.js';
import { FAULTS, type Fault } from './fault-schedule.js';
import { isLong, NO_FAULTS, SEED, startProxy, VERSIONS, works } from './fault-work.js';
import { MortalServer } from './mortal-server.js';

const GROUPS: ReadonlyArray<readonly [failure: string, workers: number, faults: readonly Fault[]]> = [
  [
    'a request that never reached the server is lost',
    1,
    ['reset before forwarding', 'hang before forwarding', '502 with an HTML page', 'idle connection closed'],
  ],
  [
    'a request whose answer was lost is done twice',
    2,
    [
      'reset after the server answered',
      'reset in mid-answer',
      'hang after the server answered',
      'hang in mid-answer',
      'answer at about the time that the client gives up',
    ],
  ],
  [
    'a request that was turned away fails, or comes again too soon',
    1,
    ['429 with Retry-After in seconds', '503 with Retry-After in seconds', '503 with Retry-After as a date'],
  ],
  [
    'a request that comes in late overwrites what landed since, or leaves a second run',
    2,
    ['batch forwarded late', 'creation forwarded late', 'delay before forwarding'],
  ],
  ['one failure is mended, and the next one in a row is not', 2, FAULTS],
];

describe.each(VERSIONS)('MLflow %s', (version) => {
  let server: MortalServer;
  const keepsConnections = !version.startsWith('2.');

  beforeAll(async () => {
    vi.stubEnv('MLFLOW_HTTP_REQUEST_TIMEOUT', String(CLIENT_TIMEOUT_S));
    server = await MortalServer.start(version);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await server?.stop();
  });

  describe.concurrent('when every third to fifth request fails', () => {
    test.for(GROUPS)('%s (workers: %i)', async ([failure, workers, all], context) => {
      const faults = all.filter((fault) => keepsConnections || fault !== 'idle connection closed');
      const proxy = await startProxy(server, { seed: SEED, faults, every: [3, 5] }, context);
      const isAll = all === FAULTS;
      const rounds = isLong ? 15 : isAll ? 5 : 3;
      const size = { params: isAll ? 20 : 12, steps: 40 };
      await works(server, proxy, { workers, runs: isAll ? 5 : 3, rounds, size }, context);
      expect(proxy.neverFired()).toEqual([]);
      if (failure.includes('too soon')) expect(proxy.hurried).toBe(0);
    });
  });

  test('a database that another program locks for some seconds loses records, or lets late ones win', async (context) => {
    const proxy = await startProxy(server, NO_FAULTS, context);
    const meanwhile = async (): Promise<void> => {
      for (let i = 0; i < (isLong ? 4 : 1); i++) {
        await sleep(500);
        await server.lockDatabase(1000 * (CLIENT_TIMEOUT_S + 1) + 500);
      }
    };
    await works(server, proxy, { workers: 2, runs: 3, rounds: 5, size: { params: 5, steps: 20 }, meanwhile }, context);
    // The server was busy for longer than the client waits.
    expect(proxy.givenUp).toBeGreaterThan(0);
  });
});
