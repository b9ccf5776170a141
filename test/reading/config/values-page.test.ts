/** docs/values.md tells how texts are read back; its table is executed row by row. */
import { readFileSync } from 'node:fs';
import { runInThisContext } from 'node:vm';
import { expect, test } from 'vitest';
import { configOf } from '../../../src/reading/config.js';

const page = readFileSync(new URL('../../../docs/values.md', import.meta.url), 'utf8');
const [, table = ''] = page.split('| stored text | read as | note |\n');
const rows = table
  .slice(0, table.indexOf('\n\n'))
  .split('\n')
  .slice(1)
  .map((line) =>
    line.split(' | ').map((cell) =>
      cell
        .replace(/^\| /, '')
        .trim()
        .replace(/^`(.*)`$/, '$1'),
    ),
  );

test('the table was found whole', () => {
  expect(rows.length).toBeGreaterThan(40);
});

test.each(rows)('the page tells how %s is read', (text = '', source = '') => {
  expect(configOf(new Map([['k', text]]), new Map())).toStrictEqual({ k: runInThisContext(`(${source})`) });
});
