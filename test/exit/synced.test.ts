/** What `durable()` has waited for, as the program that called it sees it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import type { TrackerOptions } from '../../src/index.js';
import { Served } from '../server/served.js';
import { newFolder } from '../tracker/stored.js';
import { Child, fileOf, useChildren } from './child.js';

useChildren();

test.each([
  ['fsync', 1],
  ['os', 0],
] as const)('durability %s: a record is told durable after %i syncs of its journal', async (durability, syncs) => {
  const served = await Served.start();
  await served.fake.goDown();
  const file = join(newFolder(), 'syncs');
  writeFileSync(file, '');
  const options: TrackerOptions = { uri: served.fake.url, durability, journal: { dir: served.journals }, exitTimeoutMs: 100 };
  const child = new Child('durable.ts', [JSON.stringify(options)], {
    env: { NODE_OPTIONS: `--import=${pathToFileURL(fileOf('slow-sync.ts')).href}`, SYNC_FILE: file },
  });
  const { stdout, code } = await child.ended;
  expect([stdout, code]).toEqual([`synced ${syncs}\n`, 0]);
});
