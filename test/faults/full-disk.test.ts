/** A disk that is full for some time: what was logged meanwhile lands when there is room, or when it can be sent. */
import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, inject, onTestFinished, test } from 'vitest';
import { useChildren } from '../exit/child.js';
import { isLong } from '../mlflow/fault-work.js';
import { rowsOf } from '../store/database-rows.js';
import { until } from '../tracker/waiting.js';
import { CHILDREN } from './children.js';
import { judgeRow } from './fault-row.js';
import { FaultyRelay } from './faulty-relay.js';
import { Load } from './load.js';
import { smallDisk } from './small-disk.js';

const FULL_MS = isLong ? 30_000 : 3000;
const DISK_BYTES = 2 * 2 ** 20;

useChildren(CHILDREN);

test('a disk that is full while SQLite writes loses records', async (context) => {
  const disk = smallDisk(DISK_BYTES);
  const path = join(disk.folder, 'mlflow.db');
  const program = new Load({
    runs: 2,
    group: 50,
    perSecond: 20_000,
    options: { uri: `sqlite:///${path}` },
    child: { launcher: disk.launcher },
  });
  await program.reaches('landed');
  await until('the disk to be full', () => program.account.outages > 0, 60_000);
  // What is logged goes on to be durable: the journal is on another disk.
  if (disk.launcher.length === 0) await program.reaches('durable');
  await sleep(FULL_MS);
  disk.makeRoom(program.child.process.pid ?? 0);
  const { account, verdict } = await program.judged(rowsOf(path));
  const { landed, lost, doubled, wrong, findings } = verdict;
  const row = { fired: account.outages, logged: account.begun, landed, lost, doubled, wrong };
  judgeRow(context, { fault: 'disk full while SQLite writes', where: 'SQLite', ...row }, findings);
});

test('a disk that is full while the journal is written stops the program, or loses what it holds', async (context) => {
  const { url, path } = inject('server');
  const relay = await FaultyRelay.to(url);
  onTestFinished(() => relay.close());
  const disk = smallDisk(DISK_BYTES / 4);
  const program = new Load({
    runs: 2,
    group: 50,
    perSecond: 5000,
    followsLast: true,
    options: {
      uri: relay.url,
      experiment: 'full disk',
      journal: { dir: join(disk.folder, 'journals') },
      retry: { minTimeout: 50, maxTimeout: 500 },
    },
    child: { launcher: disk.launcher },
  });
  await program.reaches('landed');
  await relay.close();
  const isFull = (): boolean => {
    const { bavail, bsize } = statfsSync(disk.folder);
    return bavail * bsize < 64 * 1024;
  };
  if (disk.launcher.length === 0) await until('the disk to be full', isFull, 60_000);
  else await sleep(2000 + (1000 * DISK_BYTES) / 100_000);
  await sleep(1000);
  const { begun } = program.account;
  disk.makeRoom(program.child.process.pid ?? 0);
  // It is still there, and goes on.
  await until('more to be logged', () => program.account.begun > begun);
  await program.reaches('durable');
  await relay.open();
  const { account, verdict } = await program.judged(rowsOf(path));
  const { landed, lost, doubled, wrong, findings } = verdict;
  expect(account.outages).toBeGreaterThan(0);
  judgeRow(
    context,
    {
      fault: 'disk full while journaling',
      where: 'MLflow server',
      fired: 1,
      logged: account.begun,
      landed,
      lost,
      doubled,
      wrong,
    },
    findings,
  );
});
