import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { OwnedJournal } from '../../src/journal/owned-journal.js';
import { newFolder } from '../store/place.js';

test('a process that was killed while it made its first file leaves a journal for ever', () => {
  const folder = join(newFolder(), 'journal');
  mkdirSync(folder);
  writeFileSync(join(folder, 'landed.journal.new'), Buffer.alloc(1000));
  const journal = OwnedJournal.open({ folder, durability: 'os' }, 'whoever comes next');
  expect(journal?.writer.recovered.runs.size).toBe(0);
  journal?.close();
  expect(existsSync(folder)).toBe(false);
});
