import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Child, useChildren } from '../exit/child.js';
import { Stored } from '../tracker/stored.js';
import type { Ending } from './children/exiting.js';

useChildren(fileURLToPath(new URL('children', import.meta.url)));

const ways: [Ending['way'], status: string][] = [
  ['exit', 'FINISHED'],
  ['SIGTERM', 'KILLED'],
  ['throw', 'FAILED'],
];

test.each(ways)(
  'a process that ends by %s has landed what its threads had logged, and all runs are %s',
  { timeout: 60_000 },
  async (way, status) => {
    const stored = new Stored();
    const ending: Ending = { uri: stored.uri, journals: stored.journals, way };
    const ended = await new Child('exiting.ts', [JSON.stringify(ending)]).ended;
    if (!ended.stdout.startsWith('[')) throw new Error(`the child said nothing: ${ended.stderr}`);
    // Its own words.
    const counts = JSON.parse(ended.stdout) as number[];
    expect(ended.stderr).not.toContain('headrace:');
    for (const [place, count] of counts.entries()) {
      const rows = stored
        .rows('SELECT step FROM metrics WHERE key = ? ORDER BY step', `k${place}`)
        .map(({ step }) => Number(step));
      expect(rows.length).toBeGreaterThanOrEqual(count);
      expect(rows).toEqual(Array.from({ length: rows.length }, (_, i) => i));
    }
    expect(stored.rows('SELECT status, count(*) AS n FROM runs GROUP BY status')).toEqual([{ status, n: 3 }]);
  },
);
