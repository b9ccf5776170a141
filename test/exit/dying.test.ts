/** However a process ends, what was accepted is in the file: twenty times each, with records in flight. */
import { describe, expect, test } from 'vitest';
import { Stored } from '../tracker/stored.js';
import { Child, type Ended, useChildren } from './child.js';
import type { Plan } from './fixtures/dying.js';

const TIMES = 20;
const RECORDS = 10_000;
const AT_ONCE = 2;

useChildren();

interface Said {
  readonly id: string;
  readonly accepted: number;
  readonly landed: number;
}

async function dies(plan: Plan): Promise<Ended & Said> {
  const ended = await new Child('dying.ts', [JSON.stringify(plan)]).ended;
  const line = ended.stdout.split('\n')[0] ?? '';
  if (!line.startsWith('{')) throw new Error(`the child said nothing: ${ended.stderr}`);
  // Its own words, see `tell` there.
  return { ...ended, ...(JSON.parse(line) as Said) };
}

const ways: [Plan['way'], status: string, code: number | null, signal: NodeJS.Signals | null][] = [
  ['natural', 'FINISHED', 0, null],
  ['exit in the first tick', 'FINISHED', 0, null],
  ['exit later', 'FAILED', 3, null],
  ['throw', 'FAILED', 1, null],
  ['rejection', 'FAILED', 1, null],
  ['SIGINT', 'KILLED', null, 'SIGINT'],
  ['SIGTERM', 'KILLED', null, 'SIGTERM'],
  ['SIGTERM, own handler', 'KILLED', 5, null],
];

describe.each(ways)('%s', (way, status, code, signal) => {
  test(`with ${RECORDS} records in flight nothing is lost, and the run is ${status}`, { timeout: 120_000 }, async () => {
    const control = await dies({ way, records: 0, delayMs: 0, handlerFirst: true });
    // This test's own idea of what happens without headrace.
    expect([control.code, control.signal]).toEqual([code, signal]);

    const stored = new Stored();
    const goesOn = way === 'SIGTERM, own handler';
    let inFlight = 0;
    const one = async (i: number): Promise<void> => {
      const ended = await dies({
        way,
        records: RECORDS,
        delayMs: i * 10,
        handlerFirst: i % 2 === 0,
        options: { uri: stored.uri },
      });
      expect(ended.stderr).not.toContain('headrace:');
      expect([ended.code, ended.signal]).toEqual([control.code, control.signal]);
      expect(ended.accepted).toBe(RECORDS);
      if (ended.landed < ended.accepted) inFlight++;
      expect(stored.count('metrics', ended.id) + stored.count('params', ended.id)).toBe(RECORDS + (goesOn ? 1 : 0));
      expect(stored.run(ended.id)).toMatchObject({ status, endTime: expect.any(Number) });
      // What Node says about the error stands there as without headrace.
      expect(ended.stderr.includes('the training went wrong')).toBe(control.stderr.includes('the training went wrong'));
    };
    for (let i = 0; i < TIMES; i += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, (_, j) => one(i + j)));
    expect(inFlight).toBeGreaterThanOrEqual(15);
    expect(stored.rows('PRAGMA integrity_check')).toEqual([{ integrity_check: 'ok' }]);
  });
});
