/** docs/values.md promises; its tables are executed row by row. */
import { readFileSync } from 'node:fs';
import { runInThisContext } from 'node:vm';
import { Packr } from 'msgpackr/pack';
import { Unpackr } from 'msgpackr/unpack';
import { expect, test } from 'vitest';
import { InvalidValueError } from '../../src/errors.js';
import { keyProblem } from '../../src/params/key.js';
import { KEY_CODE_POINTS, PARAM_VALUE_CODE_POINTS, TAG_VALUE_CODE_POINTS } from '../../src/params/limits.js';
import { take } from '../../src/params/take.js';
import type { Tree } from '../../src/params/tree.js';
import { valueText } from '../../src/params/value.js';

const page = readFileSync(new URL('../../docs/values.md', import.meta.url), 'utf8');
const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });

/** Rows of the table whose header begins with `first`; cells without their backticks. */
function table(first: string): string[][] {
  const lines = page.split('\n');
  const start = lines.findIndex((line) => line.startsWith(`| ${first} |`));
  const rows: string[][] = [];
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith('|')) break;
    rows.push(
      line
        .slice(1, line.lastIndexOf('|'))
        .split(' | ')
        .map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')),
    );
  }
  return rows;
}

function evaluated(source: string): unknown {
  return runInThisContext(`(${source})`);
}

const values = table('JS value').map(([source = '', js = '', python = '', note = '']) => ({ source, js, python, note }));
const keys = table('key').map(([source = '', verdict = '']) => ({ source, verdict }));

test('the tables were found whole', () => {
  expect(values.length).toBeGreaterThan(60);
  expect(keys.length).toBeGreaterThan(12);
  expect(values.every(({ js, python }) => js !== '' && python !== '')).toBe(true);
});

test.each(values.filter(({ js }) => js !== 'refused'))('the page tells the text of $source', ({ source, js, python }) => {
  // Packed by us a moment ago.
  const tree = unpackr.unpack(packr.pack(take(evaluated(source), 'k'))) as Tree;
  expect(valueText(tree, 'js')).toBe(js);
  expect(valueText(tree, 'python')).toBe(python);
});

test.each(values.filter(({ js }) => js === 'refused'))('the page tells why $source is refused', ({ source, note }) => {
  expect(() => take(evaluated(source), 'k')).toThrow(new InvalidValueError({ key: 'k', reason: note }));
});

test.each(keys)('the page tells the verdict on the key $source', ({ source, verdict }) => {
  expect(keyProblem(String(evaluated(source))) ?? 'ok').toBe(verdict);
});

test('the page tells the limits that are enforced', () => {
  expect(page).toContain(`| key | ${KEY_CODE_POINTS} code points |`);
  expect(page).toContain(`| param value | ${PARAM_VALUE_CODE_POINTS} code points |`);
  expect(page).toContain(`| tag value | ${TAG_VALUE_CODE_POINTS} code points |`);
});
