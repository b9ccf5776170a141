/** What a program under load logs as its record of a number, and so what must be stored for it. */

import type { Receipt, Run } from '../../src/index.js';

export type LoggedRecord =
  | { readonly kind: 'param'; readonly key: string; readonly value: string }
  | { readonly kind: 'tag'; readonly key: string; readonly value: string }
  | {
      readonly kind: 'metric';
      readonly key: string;
      readonly value: number;
      readonly step: number;
      /** Undefined: the moment of the call. One that is sent twice with two of them would be stored twice. */
      readonly timestamp: number | undefined;
    };

export const TAG = 'last';
const FIRST_TIMESTAMP = 1_700_000_000_000;

/** Records go round the runs. */
export function runOf(n: number, runs: number): number {
  return n % runs;
}

export function recordOf(n: number, runs: number): LoggedRecord {
  const i = Math.floor(n / runs);
  if (i % 10 === 0) return { kind: 'param', key: `p${n}`, value: `value ${n}` };
  if (i % 10 === 5) return { kind: 'tag', key: TAG, value: String(n) };
  return { kind: 'metric', key: `m${i % 3}`, value: n / 7, step: n, timestamp: i % 2 === 0 ? FIRST_TIMESTAMP + n : undefined };
}

/** Logs the record of that number to the run that it is of. */
export function logRecord(runs: readonly Run[], n: number): Receipt {
  // There is one of each number below the length.
  const run = runs[runOf(n, runs.length)] as Run;
  const record = recordOf(n, runs.length);
  if (record.kind === 'param') return run.logParam(record.key, record.value);
  if (record.kind === 'tag') return run.setTag(record.key, record.value);
  return run.logMetric(record.key, record.value, record.step, record.timestamp);
}
