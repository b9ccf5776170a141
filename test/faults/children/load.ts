/**
 * Logs until it is told to stop, or dies. Says by system calls, so that a SIGKILL takes back nothing that was said:
 * `runs <ids>`, `begun <n>` before the records up to that one, `durable <from> <to>` and `landed <from> <to>` when
 * each receipt between had resolved so, `refused <error>`, `down` and `up`, `rss <bytes>`, `end <report>`.
 * Arguments: JSON of a LoadPlan.
 */
import { createTracker, type Receipt, type TrackerOptions } from '../../../src/index.js';
import { say } from '../../say.js';
import { logRecord } from '../record.js';

export interface LoadPlan {
  readonly options: TrackerOptions;
  readonly runs: number;
  /** Records at a time, all of one turn. */
  readonly group: number;
  /** Records a second. Undefined: as many as it can. */
  readonly perSecond?: number;
  /** Only the last receipts of a group, one a run: all of them would be what takes the memory. */
  readonly followsLast?: boolean;
  /** In one synchronous loop, as a training loop may be; receipts can't be followed then. It begins when the first record has landed. */
  readonly inPlace?: boolean;
  /** How long it waits at its end for what it logged. Default: a minute. */
  readonly waitMs?: number;
}

const plan = JSON.parse(process.argv[2] ?? '') as LoadPlan;
const { group, perSecond, followsLast = false, inPlace = false, waitMs: timeoutMs = 60_000 } = plan;

function refused(error: unknown): void {
  say(`refused ${String(error).replaceAll('\n', ' ')}`);
}

const tracker = createTracker(plan.options);
tracker.on('backend-down', () => say('down'));
tracker.on('backend-up', () => say('up'));
const runs = Array.from({ length: plan.runs }, () => tracker.startRun());
let begun = 0;

function logGroup(): void {
  const from = begun;
  begun += group;
  say(`begun ${begun}`);
  const receipts: Receipt[] = [];
  for (let n = from; n < begun; n++) {
    const receipt = logRecord(runs, n);
    if (!inPlace && (!followsLast || n >= begun - runs.length)) receipts.push(receipt);
  }
  if (inPlace) return;
  const to = begun;
  Promise.all(receipts.map((receipt) => receipt.durable())).then(() => say(`durable ${from} ${to}`), refused);
  Promise.all(receipts).then(() => say(`landed ${from} ${to}`), refused);
}

let isStopped = false;
process.stdin.once('data', () => {
  isStopped = true;
});

say(`runs ${runs.map(({ id }) => id).join(' ')}`);

const intervalMs = perSecond === undefined ? 0 : (1000 * group) / perSecond;
let due = performance.now();
let sampleAt = 0;

function sample(): void {
  if (performance.now() < sampleAt) return;
  sampleAt = performance.now() + 100;
  say(`rss ${process.memoryUsage.rss()}`);
}

if (inPlace) {
  begun = 1;
  say('begun 1');
  // The worker has what it needs by then: a server's client takes it a while to load.
  await logRecord(runs, 0);
  say('durable 0 1');
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  due = performance.now();
  // Until it is killed.
  for (;;) {
    logGroup();
    // Not to catch up: it would be faster than was asked for.
    due = Math.max(due + intervalMs, performance.now());
    Atomics.wait(nobody, 0, 0, Math.max(0, due - performance.now()));
  }
}

while (!isStopped) {
  logGroup();
  sample();
  due = Math.max(due + intervalMs, performance.now());
  const waitMs = due - performance.now();
  await new Promise((resolve) => (waitMs > 1 ? setTimeout(resolve, waitMs) : setImmediate(resolve)));
}
for (const run of runs) run.end('FINISHED', { timeoutMs }).catch(refused);
const report = await tracker.close({ timeoutMs, throwOnFailure: false });
say(`end ${JSON.stringify({ ...report, failures: report.failures.map(String) })}`);
process.stdin.destroy();
