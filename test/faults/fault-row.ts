/** One line of the table that stands at the end of the suite. */
import { expect, type TestContext } from 'vitest';

/** The faults of the suite: each must be provoked, or the suite has failed. */
export const FAULTS = [
  'server killed and restarted',
  'server away',
  'server hanging',
  'server slow',
  '429 storm',
  '5xx storm',
  'resets in mid-request',
  'resets in mid-answer',
  'late answers',
  'SQLite locked by another process',
  'disk full while journaling',
  'disk full while SQLite writes',
  'clock set back',
  'worker killed',
  'process killed',
  'process killed at 100,000 calls a second',
  '1000 records in one loop, killed at once',
  'process ends',
  'journal damaged',
  'random operations',
  'random keys and values',
  'threads on one run',
  'processes on one run',
] as const;

export interface FaultRow {
  readonly fault: (typeof FAULTS)[number];
  /** Of which store, say. */
  readonly where: string;
  readonly fired: number;
  readonly logged: number;
  readonly landed: number;
  readonly lost: number;
  readonly doubled: number;
  readonly wrong: number;
  readonly note?: string;
}

declare module 'vitest' {
  interface TaskMeta {
    faults?: FaultRow[];
  }
}

/** Puts the row into the table, whether it is good or not. */
function showRow({ task }: TestContext, row: FaultRow): void {
  task.meta.faults = [...(task.meta.faults ?? []), row];
}

/** `findings`: what a failure's message shows. */
export function judgeRow(context: TestContext, row: FaultRow, findings: readonly string[] = []): void {
  showRow(context, row);
  const { lost, doubled, wrong } = row;
  expect({ lost, doubled, wrong, findings: [...findings] }).toEqual({ lost: 0, doubled: 0, wrong: 0, findings: [] });
  expect(row.fired, `${row.fault}, ${row.where}: how often it happened`).toBeGreaterThan(0);
}
