/** A SQLite file that another process holds for long. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { useChildren } from '../exit/child.js';
import { isLong } from '../mlflow/fault-work.js';
import { runChild } from '../store/child.js';
import { rowsOf } from '../store/database-rows.js';
import { newFolder } from '../store/place.js';
import { count, judge } from './account.js';
import { CHILDREN } from './children.js';
import { judgeRow } from './fault-row.js';
import { sendLeftovers } from './journals.js';
import { Load } from './load.js';

const HELD_MS = isLong ? 30_000 : 3000;

useChildren(CHILDREN);

async function lockedOut(dir: string): Promise<{ program: Load; path: string; uri: string; release: () => Promise<void> }> {
  const path = join(newFolder(), 'mlflow.db');
  const uri = `sqlite:///${path}`;
  const program = new Load({ runs: 2, group: 50, perSecond: 10_000, options: { uri, journal: { dir } } });
  await program.reaches('landed');
  const holder = runChild('hold-lock', [path, 'BEGIN IMMEDIATE']);
  await holder.printed('locked');
  await sleep(HELD_MS);
  const release = async (): Promise<void> => {
    await holder.tell('go');
    await holder.end;
  };
  return { program, path, uri, release };
}

test('what is logged while another process holds the file is lost, or not durable before it lets go', async (context) => {
  const { program, path, release } = await lockedOut(join(newFolder(), 'journals'));
  const { begun, durable } = program.account;
  expect(begun - count(durable)).toBeLessThan(2000);
  await release();
  const { account, verdict } = await program.judged(rowsOf(path));
  const { landed, lost, doubled, wrong, findings } = verdict;
  const row = { fired: account.outages, logged: account.begun, landed, lost, doubled, wrong };
  judgeRow(context, { fault: 'SQLite locked by another process', where: `${HELD_MS / 1000} s`, ...row }, findings);
});

test('a program that is killed while another one holds the file takes with it what it was told is durable', async (context) => {
  const dir = join(newFolder(), 'journals');
  const { program, path, uri, release } = await lockedOut(dir);
  program.child.process.kill('SIGKILL');
  await program.child.ended;
  await release();
  const { account } = program;
  expect(count(account.durable)).toBeGreaterThan(count(account.landed));
  await sendLeftovers(uri, dir);
  const { landed, lost, doubled, wrong, findings } = judge(rowsOf(path), account, account.durable, ['KILLED']);
  const note = `${count(account.durable)} told durable`;
  const row = { fired: 1, logged: account.begun, landed, lost, doubled, wrong, note };
  judgeRow(context, { fault: 'SQLite locked by another process', where: 'and killed', ...row }, findings);
});
