/**
 * Logs runs until all are done, or dies. Says `run <number> <id>` when it begins one, `durable <number> <count>` and
 * `landed <number> <count>` when so many of its records are, `done <number>` when its end is stored, `refused <error>`.
 * Arguments: JSON of a WriterPlan.
 */
import { createTracker, type TrackerOptions } from '../../../src/index.js';
import { say } from '../../say.js';
import { logPlace, RECORDS, runName } from '../logged-run.js';

export interface WriterPlan {
  readonly options: TrackerOptions;
  /** Numbers of its runs. */
  readonly runs: readonly number[];
  /** Runs that are open at once. */
  readonly atOnce: number;
}

const PATIENCE_MS = 10 * 60_000;
/** Records of one turn. */
const GROUP = 105;

const plan = JSON.parse(process.argv[2] ?? '') as WriterPlan;
const tracker = createTracker(plan.options);
const numbers = [...plan.runs];

function refused(error: unknown): void {
  say(`refused ${String(error).replaceAll('\n', ' ')}`);
}

async function logRun(number: number): Promise<void> {
  const run = tracker.startRun({ name: runName(number) });
  say(`run ${number} ${run.id}`);
  for (let from = 0; from < RECORDS; from += GROUP) {
    const to = Math.min(RECORDS, from + GROUP);
    const receipts = Array.from({ length: to - from }, (_, i) => logPlace(run, number, from + i));
    const landed = Promise.all(receipts).then(() => say(`landed ${number} ${to}`), refused);
    // A loop that trains waits for nothing; this one would have logged all of it before it can be killed.
    await Promise.all(receipts.map((receipt) => receipt.durable())).then(() => say(`durable ${number} ${to}`), refused);
    if (to === RECORDS) await landed;
  }
  await run.end('FINISHED', { timeoutMs: PATIENCE_MS });
  say(`done ${number}`);
}

async function logRuns(): Promise<void> {
  for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) await logRun(number).catch(refused);
}

await Promise.all(Array.from({ length: plan.atOnce }, logRuns));
await tracker.close({ timeoutMs: PATIENCE_MS }).catch(refused);
