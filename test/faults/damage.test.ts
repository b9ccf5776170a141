/** A journal that is damaged at random bytes and then sent to SQLite: what is whole in it is there, and nothing else. */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFailed, test } from 'vitest';
import { createTracker } from '../../src/index.js';
import { replay } from '../../src/lane/replay.js';
import { resolveOptions } from '../../src/options.js';
import { readAll } from '../journal/samples.js';
import { randomFrom } from '../mlflow/fault-schedule.js';
import { isLong, SEED } from '../mlflow/fault-work.js';
import { rowsOf } from '../store/database-rows.js';
import { newFolder } from '../store/place.js';
import { judge } from './account.js';
import { judgeRow } from './fault-row.js';
import { journalsIn } from './journals.js';
import { logRecord, recordOf, TAG } from './record.js';

const MUTATIONS = isLong ? 10_000 : 60;
const GROUPS = 12;
const GROUP = 20;
const BEGUN = GROUPS * GROUP;

/** A journal of many frames, and the id of its run. */
async function sample(): Promise<{ journal: string; runId: string }> {
  const dir = join(newFolder(), 'journals');
  const tracker = createTracker({ uri: 'offline', journal: { dir } });
  const run = tracker.startRun();
  for (let n = 0; n < BEGUN; n += GROUP) {
    const receipts = Array.from({ length: GROUP }, (_, i) => logRecord([run], n + i));
    await Promise.all(receipts);
  }
  await tracker.close();
  return { journal: journalsIn(dir)[0] ?? '', runId: run.id };
}

/** One to three bytes, a cut, or a stretch of zeros; behind the header of the file. */
function damaged(bytes: Buffer, random: () => number): Buffer {
  const mutant = Buffer.from(bytes);
  const at = (): number => 32 + Math.floor(random() * (bytes.length - 32));
  const dice = random();
  if (dice < 0.15) return mutant.subarray(0, at());
  if (dice < 0.3) {
    const from = at();
    return mutant.fill(0, from, Math.min(bytes.length, from + 200));
  }
  for (let times = 1 + Math.floor(random() * 3); times > 0; times--) mutant[at()] = Math.floor(random() * 256);
  return mutant;
}

/** Numbers of the records that the reader of journals still finds whole. */
function wholeIn(journal: string): Uint8Array {
  const whole = new Uint8Array(BEGUN);
  for (const record of readAll(journal).records) {
    if (record.kind !== 'items') continue;
    for (const item of record.items) {
      if (item.kind === 'metric') whole[item.step] = 1;
      else whole[item.kind === 'param' ? Number(item.key.slice(1)) : Number(item.value)] = 1;
    }
  }
  return whole;
}

test('damaged bytes cost records that are whole, make others, or stop what sends them', async (context) => {
  onTestFailed(() => console.error(`HEADRACE_SEED=${SEED} repeats what failed here`));
  const random = randomFrom(SEED);
  const { journal, runId } = await sample();
  const sum = { landed: 0, lost: 0, doubled: 0, wrong: 0 };
  const findings: string[] = [];
  let [fired, logged] = [0, 0];
  for (let i = 0; i < MUTATIONS; i++) {
    const folder = newFolder();
    const copy = join(folder, 'home', 'journal');
    cpSync(journal, copy, { recursive: true });
    const [segment = ''] = readdirSync(copy).filter((name) => /^\d+-/.test(name));
    writeFileSync(join(copy, segment), damaged(readFileSync(join(copy, segment)), random));
    const whole = wholeIn(copy);
    const left = whole.reduce((total, one) => total + one, 0);
    if (left < BEGUN) fired++;

    const path = join(folder, 'mlflow.db');
    await replay({
      home: dirname(copy),
      folders: [copy],
      settings: resolveOptions({ uri: `sqlite:///${path}` }, {}, folder),
      watcher: { down: () => {}, up: () => {}, notice: () => {} },
      signal: AbortSignal.timeout(30_000),
    });
    logged += left;
    if (left === 0) continue;
    const rows = rowsOf(path);
    const verdict = judge(rows, { runs: [runId], begun: BEGUN }, new Uint8Array(BEGUN), ['KILLED', 'FINISHED']);
    const there = (n: number): boolean => {
      const record = recordOf(n, 1);
      if (record.kind === 'metric') return rows('SELECT 1 FROM metrics WHERE step = ?', String(record.step)).length === 1;
      if (record.kind === 'param') return rows('SELECT 1 FROM params WHERE key = ?', record.key).length === 1;
      return Number(rows('SELECT value FROM tags WHERE key = ?', TAG)[0]?.['value']) >= n;
    };
    const lost = Array.from(whole, (one, n) => (one === 1 && !there(n) ? n : -1)).filter((n) => n >= 0);
    sum.landed += left - lost.length;
    sum.lost += lost.length;
    sum.doubled += verdict.doubled;
    sum.wrong += verdict.wrong;
    findings.push(...verdict.findings, ...(lost.length > 0 ? [`mutation ${i}: lost ${lost.slice(0, 5).join(', ')}`] : []));
  }
  judgeRow(context, { fault: 'journal damaged', where: 'SQLite', fired, logged, ...sum }, findings.slice(0, 10));
  expect(sum.landed).toBeGreaterThan(0);
});
