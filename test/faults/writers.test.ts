/** Several threads, and several processes, that write one run at once, with params that conflict. */
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { createTracker } from '../../src/index.js';
import { Child, useChildren } from '../exit/child.js';
import { isLong } from '../mlflow/fault-work.js';
import { rowsOf } from '../store/database-rows.js';
import { newFolder } from '../store/place.js';
import { until } from '../tracker/waiting.js';
import type { ContenderPlan, ContenderReport } from './children/contender.js';
import { CHILDREN } from './children.js';
import { judgeRow } from './fault-row.js';

const WRITERS = 4;
const KEYS = isLong ? 2000 : 150;
const STEPS = isLong ? 10_000 : 500;

useChildren(CHILDREN);

const stores = [
  [
    'SQLite',
    () => {
      const path = join(newFolder(), 'mlflow.db');
      return { uri: `sqlite:///${path}`, path };
    },
  ],
  ['MLflow server', () => ({ uri: inject('server').url, path: inject('server').path })],
] as const;

test.for(
  stores.flatMap(([where, place]) =>
    (['threads on one run', 'processes on one run'] as const).map((fault) => [where, fault, place] as const),
  ),
)('%s, %s: a conflict is refused never, or more than once, or records are lost', async ([where, fault, place], context) => {
  const { uri, path } = place();
  const options = { uri, experiment: 'writers', journal: { dir: join(newFolder(), 'journals') } };
  const tracker = createTracker(options);
  onTestFinished(async () => {
    await tracker.close({ timeoutMs: 1000, throwOnFailure: false }).catch(() => undefined);
  });
  const run = tracker.startRun();
  const id = await run.storeId;
  const keys = Array.from({ length: KEYS }, (_, i) => `key ${i}`);
  const plan: ContenderPlan = { name: 'writer', options, runId: id, keys, steps: STEPS };
  const children =
    fault === 'threads on one run'
      ? [new Child('contender.ts', [JSON.stringify({ ...plan, threads: WRITERS })])]
      : Array.from({ length: WRITERS }, (_, i) => {
          const own = { ...plan, name: `writer ${i}`, keys: i % 2 === 0 ? keys : keys.toReversed() };
          return new Child('contender.ts', [JSON.stringify(own)]);
        });
  const said = (): string => children.map(({ words }) => words).join('');
  await until('all writers', () => said().split('ready').length > WRITERS, 20_000);
  for (const child of children) child.say('go');
  const ended = await Promise.all(children.map((child) => child.ended));
  expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual(ended.map(() => [0, '']));
  await tracker.close();

  const reports = said()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    // The writers' own words.
    .map((line) => JSON.parse(line) as ContenderReport);
  expect(reports.map(({ name }) => name).toSorted()).toEqual(Array.from({ length: WRITERS }, (_, i) => `writer ${i}`));
  const findings = reports.flatMap(({ errors }) => errors);
  const rows = rowsOf(path);
  const stored = new Map(
    rows('SELECT key, value FROM params WHERE run_uuid = ?', id).map(({ key, value }) => [String(key), String(value)]),
  );
  let [lost, wrong, refused] = [0, 0, 0];
  for (const key of keys) {
    const winners = reports.filter(({ won }) => won.includes(key)).map(({ name }) => name);
    const told = reports.flatMap(({ beaten }) => beaten[key] ?? []);
    refused += told.length;
    if (!stored.has(key)) lost++;
    const isRight =
      winners.length === 1 &&
      winners[0] === stored.get(key) &&
      told.length === WRITERS - 1 &&
      told.every((value) => value === stored.get(key));
    if (isRight) continue;
    wrong++;
    findings.push(`${key} is ${String(stored.get(key))}; won by ${winners.join()}; others were told ${told.join()}`);
  }
  let metrics = 0;
  for (const { name } of reports) {
    const found = rows('SELECT step FROM metrics WHERE run_uuid = ? AND key = ? AND value = step / 7.0', id, `of ${name}`).length;
    metrics += found;
    lost += STEPS - found;
  }
  const counts = { logged: WRITERS * (KEYS + STEPS), landed: stored.size + metrics, lost, doubled: 0, wrong };
  judgeRow(context, { fault, where, fired: refused, ...counts, note: `${refused} conflicts refused` }, findings.slice(0, 20));
  // Else it was no race.
  expect(new Set(stored.values()).size).toBeGreaterThan(1);
});
