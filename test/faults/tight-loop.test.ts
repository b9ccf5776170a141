/** 1000 records in one tight loop, and SIGKILL at once: how many survive, beside other ways to log. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { Child, useChildren } from '../exit/child.js';
import { isLong } from '../mlflow/fault-work.js';
import { type Rows, rowsOf } from '../store/database-rows.js';
import { newFolder } from '../store/place.js';
import { CHILDREN } from './children.js';
import { judgeRow } from './fault-row.js';
import { sendLeftovers } from './journals.js';

const TIMES = isLong ? 50 : 5;
const RECORDS = 1000;

useChildren(CHILDREN);

async function killed(args: readonly string[]): Promise<string> {
  const { signal, stdout, stderr } = await new Child('tight.ts', args).ended;
  expect([signal, stderr]).toEqual(['SIGKILL', '']);
  return stdout;
}

function stepsOf(rows: Rows, stdout: string): number[] {
  const own = /runs (\w+)/.exec(stdout)?.[1] ?? '';
  return rows(
    `SELECT step FROM metrics WHERE step > 0 AND run_uuid IN
     (SELECT ? UNION SELECT run_uuid FROM tags WHERE key = 'headrace.run_id' AND value = ?)`,
    own,
    own,
  ).map(({ step }) => Number(step));
}

async function inFile(logger: string): Promise<number[]> {
  const file = join(newFolder(), 'log');
  await killed([logger, file]);
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  // The last may be cut.
  return (
    lines
      .slice(0, -1)
      // The child's own lines.
      .map((line) => (JSON.parse(line) as { readonly step: number }).step)
      .filter((step) => step > 0)
  );
}

async function inStore(uri: string, path: string): Promise<number[]> {
  const dir = join(newFolder(), 'journals');
  const stdout = await killed(['headrace', uri, dir]);
  await sendLeftovers(uri, dir);
  return stepsOf(rowsOf(path), stdout);
}

test.for([
  [
    'headrace, SQLite',
    () => {
      const path = join(newFolder(), 'mlflow.db');
      return inStore(`sqlite:///${path}`, path);
    },
  ],
  ['headrace, MLflow server', () => inStore(inject('server').url, inject('server').path)],
  ["pino's worker transport", () => inFile('pino')],
  ['fs.writeSync by the caller', () => inFile('writeSync')],
] as const)('%s: what a SIGKILL right behind a tight loop leaves', async ([where, one], context) => {
  const counts: number[] = [];
  for (let i = 0; i < TIMES; i++) {
    const left = await one();
    // In order, so none is missing between.
    expect(left.toSorted((a, b) => a - b)).toEqual(Array.from(left, (_step, n) => n + 1));
    counts.push(left.length);
  }
  const landed = counts.reduce((sum, each) => sum + each, 0);
  const sorted = counts.toSorted((a, b) => a - b);
  const note = `survivors of ${RECORDS}: median ${sorted[TIMES >>> 1]}, ${sorted[0]} to ${sorted.at(-1)}`;
  const none = { lost: 0, doubled: 0, wrong: 0 };
  const row = { fired: TIMES, logged: TIMES * RECORDS, landed, ...none, note };
  judgeRow(context, { fault: '1000 records in one loop, killed at once', where, ...row });
});
