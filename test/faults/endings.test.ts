/**
 * However a program ends, and whatever the server does meanwhile: it ends in time, as it would without headrace, and
 * nothing is lost once what it left has been sent.
 */
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { Child, type Ended, useChildren } from '../exit/child.js';
import type { Plan } from '../exit/fixtures/dying.js';
import { isLong } from '../mlflow/fault-work.js';
import { type Rows, rowsOf } from '../store/database-rows.js';
import { newFolder } from '../store/place.js';
import { storeIds } from './account.js';
import { judgeRow } from './fault-row.js';
import { FaultyRelay } from './faulty-relay.js';
import { sendLeftovers } from './journals.js';

const RECORDS = 1500;
const EXIT_TIMEOUT_MS = 3000;
/** Of the worker's last word, and of Node's own end on a busy machine. */
const SPARE_MS = 500 + 1500;
const TIMES = isLong ? 20 : 1;

const WAYS: ReadonlyArray<readonly [way: Plan['way'], status: string]> = [
  ['natural', 'FINISHED'],
  ['exit later', 'FAILED'],
  ['throw', 'FAILED'],
  ['SIGINT', 'KILLED'],
  ['SIGTERM', 'KILLED'],
];

const SERVERS: ReadonlyArray<readonly [server: string, fail: (relay: FaultyRelay) => unknown]> = [
  ['up', () => undefined],
  ['down', (relay) => relay.close()],
  [
    'hanging',
    (relay) => {
      relay.way = 'stuck';
    },
  ],
];

useChildren();

interface Found {
  readonly landed: number;
  readonly lost: number;
  readonly doubled: number;
  readonly wrong: number;
  readonly findings: readonly string[];
}

/** What is stored of `dying.ts`'s burst. */
function found(rows: Rows, ownId: string, status: string, what: string): Found {
  const ids = storeIds(rows, ownId);
  const [id = ''] = ids;
  const there = new Set<number>();
  const findings: string[] = [];
  const [run] = rows('SELECT status FROM runs WHERE run_uuid = ?', id);
  if (run?.['status'] !== status) findings.push(`${what}: the run is ${String(run?.['status'])}`);
  const metrics = rows('SELECT step, value FROM metrics WHERE run_uuid = ?', id);
  for (const { step, value } of metrics) {
    if (Number(value) === Number(step) / 7 && Number(step) % 10 !== 0) there.add(Number(step));
    else findings.push(`${what}: loss ${String(value)} at ${String(step)}`);
  }
  const params = rows('SELECT key, value FROM params WHERE run_uuid = ?', id);
  for (const { key, value } of params) {
    if (key === `param ${String(value)}`) there.add(Number(value));
    else findings.push(`${what}: ${String(key)} ${String(value)}`);
  }
  const wrong = findings.length;
  const doubled = Math.max(0, ids.length - 1) + (metrics.length + params.length - wrong - there.size);
  const lost = RECORDS - there.size;
  if (lost > 0) findings.push(`${what}: ${lost} lost`);
  if (doubled > 0) findings.push(`${what}: ${doubled} doubled`);
  return { landed: there.size, lost, doubled, wrong, findings };
}

function end(plan: Omit<Plan, 'delayMs' | 'handlerFirst'>, delayMs = 300): Promise<Ended> {
  return new Child('dying.ts', [JSON.stringify({ ...plan, delayMs, handlerFirst: false })]).ended;
}

test.for(SERVERS)('the server is %s: a program that ends loses records, ends late, or ends otherwise', async (row, context) => {
  const [server, fail] = row;
  const { url, path } = inject('server');
  const relay = await FaultyRelay.to(url);
  onTestFinished(() => relay.close());
  await fail(relay);
  const dir = join(newFolder(), 'journals');
  const options = { uri: relay.url, experiment: 'endings', exitTimeoutMs: EXIT_TIMEOUT_MS, journal: { dir } };

  const ended: [what: string, ownId: string, status: string][] = [];
  for (let i = 0; i < TIMES; i++) {
    await Promise.all(
      WAYS.map(async ([way, status]) => {
        const control = await end({ way, records: 0 }, 0);
        const one = await end({ way, records: RECORDS, options }, 300 + 17 * i);
        const what = `${way}, server ${server}`;
        expect([one.code, one.signal], `${what}: ${one.stderr}`).toEqual([control.code, control.signal]);
        expect(one.endingMs, what).toBeLessThan(EXIT_TIMEOUT_MS + SPARE_MS);
        // Its own words.
        const said = JSON.parse(one.stdout.split('\n')[0] ?? '') as { readonly id: string; readonly accepted: number };
        expect(said.accepted).toBe(RECORDS);
        const lines = one.stderr.split('\n').filter((line) => line.startsWith('headrace:'));
        // A journal that waits to be sent is told of, where it is and how.
        expect(
          lines.filter((line) => !line.includes(dir) || !line.includes('headrace sync')),
          what,
        ).toEqual([]);
        if (server !== 'up') expect(lines.length, what).toBeGreaterThan(0);
        ended.push([what, said.id, status]);
      }),
    );
  }
  relay.way = 'through';
  await relay.open();
  await sendLeftovers(relay.url, dir);
  const rows = rowsOf(path);
  const all = ended.map(([what, ownId, status]) => found(rows, ownId, status, what));
  const sum = (field: 'landed' | 'lost' | 'doubled' | 'wrong'): number => all.reduce((total, each) => total + each[field], 0);
  const counts = { landed: sum('landed'), lost: sum('lost'), doubled: sum('doubled'), wrong: sum('wrong') };
  judgeRow(
    context,
    { fault: 'process ends', where: `server ${server}`, fired: ended.length, logged: ended.length * RECORDS, ...counts },
    all.flatMap(({ findings }) => findings),
  );
});
