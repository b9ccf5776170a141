/** A real server that is killed, away, hanging or slow while a program logs: all of it is there afterwards, once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { useChildren } from '../exit/child.js';
import { isLong } from '../mlflow/fault-work.js';
import { MortalServer } from '../mlflow/mortal-server.js';
import { PINNED_MLFLOW } from '../mlflow/python-env.js';
import { rowsOf } from '../store/database-rows.js';
import { until } from '../tracker/waiting.js';
import { count } from './account.js';
import { CHILDREN } from './children.js';
import { type FaultRow, judgeRow } from './fault-row.js';
import { FaultyRelay } from './faulty-relay.js';
import { Load } from './load.js';
import { VERSIONS } from './versions.js';

const AWAY_MS = isLong ? 60_000 : 8000;
const HANGING_MS = isLong ? 30_000 : 3000;
const SLOW_MS = isLong ? 30_000 : 6500;
const KILLS = isLong ? 5 : 1;
const CUTS = isLong ? 200 : 15;

/** The ring and, by design, 64 MiB. */
const MOST_GROWTH = (4 + 64) * 2 ** 20;

useChildren(CHILDREN);

interface Scene {
  readonly fault: FaultRow['fault'];
  readonly perSecond: number;
  /** What the client says with MLFLOW_HTTP_REQUEST_TIMEOUT. */
  readonly timeoutS: number;
  /** Brings the fault, looks at the program, and mends it. Returns how often it was seen to fire; undefined: as often as the program missed the server. */
  readonly play: (program: Load, relay: FaultyRelay, server: MortalServer) => Promise<number | undefined>;
}

/** What is logged while the server takes nothing is durable within a second all the same. */
function expectDurable({ account }: Load, { perSecond }: Pick<Scene, 'perSecond'>): void {
  expect(account.begun - count(account.durable)).toBeLessThan(perSecond);
}

const SCENES: readonly Scene[] = [
  {
    fault: 'server killed and restarted',
    // What it could not send in one round is before the next.
    perSecond: isLong ? 500 : 3000,
    timeoutS: 5,
    async play(program, _relay, server) {
      for (let i = 0; i < KILLS; i++) {
        await program.reaches('landed');
        await server.kill();
        await server.start();
      }
      return undefined;
    },
  },
  {
    fault: 'server away',
    // MLflow 2.22.5 takes a thousand a second, and the long form waits a quarter of an hour for it.
    perSecond: isLong ? 3000 : 10_000,
    timeoutS: 5,
    async play(program, relay) {
      await relay.close();
      await sleep(AWAY_MS);
      expectDurable(program, this);
      await relay.open();
      return undefined;
    },
  },
  {
    fault: 'server hanging',
    perSecond: 3000,
    timeoutS: 1,
    async play(program, _relay, server) {
      server.pause();
      try {
        await until('the server to be missed', () => program.account.outages > 0);
        await sleep(HANGING_MS);
        expectDurable(program, this);
      } finally {
        server.resume();
      }
      return undefined;
    },
  },
  {
    fault: 'server slow',
    perSecond: 3000,
    timeoutS: 60,
    async play(program, relay) {
      relay.way = 'slow';
      await sleep(SLOW_MS);
      expectDurable(program, this);
      relay.way = 'through';
      return relay.fired.slow;
    },
  },
  {
    fault: 'resets in mid-request',
    perSecond: 3000,
    timeoutS: 5,
    async play(_program, relay) {
      relay.way = 'cut';
      await until('requests that broke off', () => relay.fired.cut >= CUTS, 120_000);
      relay.way = 'through';
      return relay.fired.cut;
    },
  },
];

describe.each(VERSIONS)('MLflow %s', (version) => {
  let server: MortalServer;

  beforeAll(async () => {
    server = await MortalServer.start(version);
  });
  afterAll(() => server?.stop());

  const scenes = isLong || version === PINNED_MLFLOW ? SCENES : SCENES.slice(0, 1);
  test.for(scenes)('$fault: records are lost or doubled, or take the memory', async (scene, context) => {
    const { fault, perSecond, timeoutS } = scene;
    const relay = await FaultyRelay.to(server.url);
    onTestFinished(() => relay.close());
    const program = new Load({
      runs: 2,
      group: 50,
      perSecond,
      followsLast: true,
      options: { uri: relay.url, experiment: 'outages', retry: { minTimeout: 50, maxTimeout: 500 } },
      child: { env: { MLFLOW_HTTP_REQUEST_TIMEOUT: String(timeoutS) } },
    });
    await program.reaches('landed');
    const before = program.account.rss.at(-1) ?? 0;
    const seen = await scene.play(program, relay, server);

    const { account, verdict } = await program.judged(rowsOf(server.path));
    const { landed, lost, doubled, wrong, findings } = verdict;
    const grown = Math.max(...account.rss) - before;
    const note = `memory grew by ${(grown / 2 ** 20).toFixed(0)} MiB`;
    const fired = seen ?? account.outages;
    judgeRow(context, { fault, where: version, fired, logged: account.begun, landed, lost, doubled, wrong, note }, findings);
    expect(grown).toBeLessThan(MOST_GROWTH);
  });
});
