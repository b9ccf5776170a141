/** The tracker belongs to a worker thread: whoever logs by its handle, the main thread too, hears of its end. */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Child, useChildren } from '../exit/child.js';
import { Stored } from '../tracker/stored.js';
import type { Owned } from './children/owned-by-thread.js';

useChildren(fileURLToPath(new URL('children', import.meta.url)));

const ways: [way: Owned['way'], said: string, metrics: number][] = [
  ['closes', 'HEADRACE_CLOSED', 2000],
  ['ends by itself', 'HEADRACE_CLOSED', 2000],
  ['exits', 'HEADRACE_CLOSED', 2000],
  ['is terminated', 'HEADRACE_CLOSED', 2000],
  ['stays', 'landed', 3000],
];

test.each(ways)(
  'a tracker’s thread that %s leaves others waiting for ever, or loses what they logged',
  { timeout: 60_000 },
  async (way, said, metrics) => {
    const stored = new Stored();
    const owned: Owned = { uri: stored.uri, journals: stored.journals, way };
    const { code, signal, stdout, stderr } = await new Child('owned-by-thread.ts', [JSON.stringify(owned)]).ended;
    expect([code, signal, stdout.trim()], stderr).toEqual([0, null, said]);
    expect(stored.rows('SELECT count(*) AS n FROM metrics')).toEqual([{ n: metrics }]);
  },
);
