/**
 * One of many that log the same keys to the same run: to those that are contended a value of its own, to the others the
 * same as all. Says `ready`, begins at the first line on stdin, says `half` half-way, and in the end what became of its
 * records: a RivalReport. Arguments: JSON of a RivalPlan.
 */
import { once } from 'node:events';
import { createTracker, ParamConflictError, type TrackerOptions } from '../../../src/index.js';
import { say } from '../../say.js';
import { COMMON_VALUE } from '../logged-run.js';

export interface RivalPlan {
  readonly name: string;
  readonly options: TrackerOptions;
  readonly runId: string;
  readonly contended: readonly string[];
  readonly agreed: readonly string[];
  readonly steps: number;
}

export interface RivalReport {
  readonly name: string;
  readonly won: readonly string[];
  /** By key: the value that stands there. */
  readonly beaten: Readonly<Record<string, string>>;
  /** How often it was told of a conflict, by key. */
  readonly told: Readonly<Record<string, number>>;
  readonly agreed: number;
  readonly errors: readonly string[];
}

const PATIENCE_MS = 10 * 60_000;

const { name, options, runId, contended, agreed, steps } = JSON.parse(process.argv[2] ?? '') as RivalPlan;
const tracker = createTracker(options);
const told: Record<string, number> = {};
tracker.on('conflict', ({ key }) => {
  told[key] = (told[key] ?? 0) + 1;
});
const run = tracker.startRun({ runId });
await run.storeId;
say('ready');
await once(process.stdin, 'data');

const won: string[] = [];
const beaten: Record<string, string> = {};
const errors: string[] = [];
let common = 0;
const settled: Promise<void>[] = [];
const perTurn = Math.ceil(steps / contended.length);
for (const [i, key] of contended.entries()) {
  const own = run.logParam(key, name).then(
    () => void won.push(key),
    (error: unknown) => {
      if (error instanceof ParamConflictError) beaten[key] = error.storedValue;
      else errors.push(String(error));
    },
  );
  const others = run.logParam(agreed[i] ?? key, COMMON_VALUE).then(
    () => void common++,
    (error: unknown) => void errors.push(String(error)),
  );
  settled.push(Promise.resolve(own), Promise.resolve(others));
  for (let step = i * perTurn; step < Math.min(steps, (i + 1) * perTurn); step++)
    run.logMetric(`of ${name}`, step / 8, step, step);
  if (i === contended.length >> 1) say('half');
  // So that the others come in between.
  await new Promise((resolve) => setTimeout(resolve, 10 * Math.random()));
}
await Promise.all(settled);
await tracker.close({ timeoutMs: PATIENCE_MS }).catch((error: unknown) => errors.push(String(error)));
say(JSON.stringify({ name, won, beaten, told, agreed: common, errors } satisfies RivalReport));
process.stdin.destroy();
