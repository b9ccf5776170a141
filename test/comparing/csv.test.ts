import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareRuns } from '../../src/comparing/compare-runs.js';
import { formatCsv } from '../../src/comparing/csv.js';
import { storedRun } from './stored-runs.js';

/** RFC 4180 and nothing else: quotes only round whole cells, lines end in CRLF. Null: an empty cell without quotes. */
function parse(text: string): (string | null)[][] {
  const rows: (string | null)[][] = [];
  let row: (string | null)[] = [];
  let at = 0;
  while (at < text.length) {
    const cell = /"((?:[^"]|"")*)"|([^",\r\n]*)/y;
    cell.lastIndex = at;
    const [whole = '', quoted, bare = ''] = cell.exec(text) ?? [];
    row.push(quoted?.replaceAll('""', '"') ?? (bare === '' ? null : bare));
    at += whole.length;
    if (text[at] === ',') at++;
    else if (text.startsWith('\r\n', at)) {
      rows.push(row);
      row = [];
      at += 2;
    } else throw new Error(`no cell ends at ${at}: ${JSON.stringify(text.slice(at, at + 20))}`);
  }
  expect(row).toEqual([]);
  return rows;
}

const awkward = fc.oneof(
  fc.string({ unit: fc.constantFrom(',', '"', '\r', '\n', ' ', '=', '+', '-', '@', '\t', "'", '1', 'e', 'a', ';', '＝') }),
  fc.string({ unit: 'grapheme' }),
);

test('what was logged is read back, cell by cell', async () => {
  await fc.assert(
    fc.asyncProperty(awkward, awkward, async (a, b) => {
      const runs = [storedRun({ name: a, params: { x: a, y: b } }), storedRun({ name: b, params: { y: a } })];
      const [head, ...rows] = parse(formatCsv(await compareRuns(runs), { guardFormulas: false }));
      expect(head?.slice(7)).toEqual(['params.x', 'params.y']);
      expect(rows.map((row) => [row[1], ...row.slice(7)])).toEqual([
        [a, a, b],
        [b, null, a],
      ]);
    }),
    { numRuns: 1000 },
  );
});

test('no cell is one that a spreadsheet computes, and none but those is changed', async () => {
  await fc.assert(
    fc.asyncProperty(awkward, async (value) => {
      const [, row] = parse(formatCsv(await compareRuns([storedRun({ params: { x: value } })])));
      const cell = row?.[7] ?? '';
      expect(cell === value || cell === `'${value}`).toBe(true);
      if (/^\s*[=+\-@＝]/.test(cell)) expect(Number.isFinite(Number(cell))).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['=1+1', "'=1+1"],
  ['=HYPERLINK("http://x","y")', `'=HYPERLINK("http://x","y")`],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['+1-1', "'+1-1"],
  [' =1', "' =1"],
  ['\t=1', "'\t=1"],
  ['-0.5', '-0.5'],
  ['-1e-05', '-1e-05'],
  ['+3', '+3'],
  ['-inf', '-inf'],
  ['--flag', "'--flag"],
  ['a=b', 'a=b'],
])('%j is written as %j', async (value, written) => {
  const [, row] = parse(formatCsv(await compareRuns([storedRun({ params: { x: value } })])));
  expect(row?.[7]).toBe(written);
});

test('metrics have their figures, a metric or a time that a run lacks is an empty cell', async () => {
  const runs = [storedRun({ name: 'a', metrics: { loss: [2, -1, Number.NaN] } }), storedRun({ name: 'b', endTime: undefined })];
  const [head, a, b] = parse(formatCsv(await compareRuns(runs)));
  expect(head?.slice(7)).toEqual(['best', 'last', 'min', 'max', 'count'].map((what) => `metrics.loss.${what}`));
  expect(a?.slice(4)).toEqual(['2026-11-20T09:00:00.000Z', '2026-11-20T09:02:05.000Z', 'ada', '-1', 'NaN', '-1', '2', '3']);
  expect(b?.slice(4)).toEqual(['2026-11-20T09:00:00.000Z', null, 'ada', null, null, null, null, null]);
});

test('only what differs has a column when that is asked for', async () => {
  const runs = [storedRun({ params: { lr: '1', seed: '1' } }), storedRun({ params: { lr: '2', seed: '1' } })];
  const [head] = parse(formatCsv(await compareRuns(runs), { onlyDifferent: true }));
  expect(head?.slice(7)).toEqual(['params.lr']);
});
