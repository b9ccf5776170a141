/** The worker thread dies again and again while its tracker is logged to: by termination, by an error of its own, of memory. */
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect, inject, onTestFinished, test } from 'vitest';
import { createTracker, type Receipt, type Run, type Tracker } from '../../src/index.js';
import { fileOf, useChildren } from '../exit/child.js';
import { randomFrom } from '../mlflow/fault-schedule.js';
import { isLong, SEED } from '../mlflow/fault-work.js';
import { rowsOf } from '../store/database-rows.js';
import { newFolder } from '../store/place.js';
import { Stored } from '../tracker/stored.js';
import { until } from '../tracker/waiting.js';
import { killWorker } from '../tracker/worker-threads.js';
import { everything, judge, type Verdict } from './account.js';
import { CHILDREN } from './children.js';
import { judgeRow } from './fault-row.js';
import { Load } from './load.js';
import { logRecord } from './record.js';

/** Of one tracker: a long run of which every tag is in doubt is read again and again. */
const DEATHS = 8;
const TRACKERS = isLong ? 25 : 1;
const RUNS = 2;
/** Of each way that a worker has by itself: a life takes half a second. */
const OWN_DEATHS = isLong ? 30 : 4;

useChildren(CHILDREN);

interface Target {
  readonly uri: string;
  readonly path: string;
  /** Resolves when the worker may be killed: see `killWorker`. */
  readonly moment: (tracker: Tracker) => Promise<() => void>;
}

const random = randomFrom(SEED);

const targets: readonly [string, () => Target][] = [
  [
    'SQLite',
    () => {
      const stored = new Stored();
      const moment = async (tracker: Tracker): Promise<() => void> => {
        const lock = stored.lock();
        const { retries } = tracker.stats();
        await until('a try that failed', () => tracker.stats().retries > retries);
        return lock.release;
      };
      return { uri: stored.uri, path: stored.path, moment };
    },
  ],
  [
    'MLflow server',
    () => {
      const moment = async (): Promise<() => void> => {
        await sleep(300 * random());
        return () => {};
      };
      return { uri: inject('server').url, path: inject('server').path, moment };
    },
  ],
];

interface Survival {
  readonly logged: number;
  readonly verdict: Verdict;
}

/** A tracker whose worker dies `DEATHS` times. */
async function survive({ uri, path, moment }: Target): Promise<Survival> {
  const tracker = createTracker({
    uri,
    experiment: 'worker deaths',
    journal: { dir: join(newFolder(), 'journals') },
    retry: { minTimeout: 200, maxTimeout: 200, randomize: false },
  });
  onTestFinished(async () => {
    await tracker.close({ timeoutMs: 1000, throwOnFailure: false }).catch(() => undefined);
  });
  const runs: readonly Run[] = Array.from({ length: RUNS }, () => tracker.startRun());
  const receipts: Receipt[] = [];
  const logging = setInterval(() => {
    for (let i = 0; i < 20; i++) receipts.push(logRecord(runs, receipts.length));
  }, 5);
  onTestFinished(() => clearInterval(logging));

  for (let deaths = 0; deaths < DEATHS; deaths++) {
    const { landed } = tracker.stats();
    await until('progress', () => tracker.stats().landed > landed, 30_000);
    const over = await moment(tracker);
    await killWorker(tracker);
    over();
  }
  clearInterval(logging);
  await Promise.all(receipts);
  const report = await tracker.close({ timeoutMs: 60_000 });
  expect(report).toMatchObject({ accepted: receipts.length, landed: receipts.length, failed: 0, pending: 0 });
  const account = { runs: runs.map(({ id }) => id), begun: receipts.length };
  return { logged: receipts.length, verdict: judge(rowsOf(path), account, everything(account), ['FINISHED']) };
}

test.for(targets)('%s: a worker that dies takes records with it, or leaves them twice', async ([where, target], context) => {
  const sum = { fired: 0, logged: 0, landed: 0, lost: 0, doubled: 0, wrong: 0 };
  const findings: string[] = [];
  for (let i = 0; i < TRACKERS; i++) {
    const { logged, verdict } = await survive(target());
    sum.fired += DEATHS;
    sum.logged += logged;
    for (const word of ['landed', 'lost', 'doubled', 'wrong'] as const) sum[word] += verdict[word];
    findings.push(...verdict.findings);
  }
  judgeRow(context, { fault: 'worker killed', where, ...sum }, findings);
});

test.for([
  ['an error of its own', 'error', []],
  // Of the whole program, whose other threads need less.
  ['no memory left', 'memory', ['--max-old-space-size=96']],
] as const)('a worker that dies of %s takes records with it, or leaves them twice', async ([what, way, flags], context) => {
  const { url, path } = inject('server');
  const file = join(newFolder(), 'deaths');
  writeFileSync(file, '');
  const program = new Load({
    runs: RUNS,
    group: 20,
    perSecond: 2000,
    options: { uri: url, experiment: 'worker deaths' },
    child: {
      env: {
        NODE_OPTIONS: [...flags, `--import=${pathToFileURL(fileOf('dying-worker.ts')).href}`].join(' '),
        DYING_BY: way,
        DYING_FILE: file,
        DYING_TIMES: String(OWN_DEATHS),
      },
    },
  });
  await until('the deaths', () => statSync(file).size === OWN_DEATHS, 60_000 * OWN_DEATHS);
  await program.reaches('landed');
  const { account, verdict } = await program.judged(rowsOf(path));
  const { findings, ...found } = verdict;
  const where = `MLflow server, ${what}`;
  judgeRow(context, { fault: 'worker killed', where, fired: statSync(file).size, logged: account.begun, ...found }, findings);
});
