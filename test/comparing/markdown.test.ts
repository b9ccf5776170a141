import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareRuns } from '../../src/comparing/compare-runs.js';
import { formatMarkdown, markdownText } from '../../src/comparing/markdown.js';
import { sampleRuns } from './sample-runs.js';
import { storedRun } from './stored-runs.js';

test('every row of a table has as many cells as its head, whatever is in them', async () => {
  const awkward = fc.string({ unit: fc.constantFrom('|', '\\', '\n', '\r', '`', '*', '_', '<', 'a', ' ') });
  await fc.assert(
    fc.asyncProperty(awkward, awkward, async (name, value) => {
      const text = formatMarkdown(await compareRuns([storedRun({ name, params: { x: value } }), storedRun({ name: 'other' })]));
      const params = text.split('## Params\n\n')[1]?.trimEnd().split('\n') ?? [];
      expect(params).toHaveLength(3);
      // A bar with an even number of backslashes before it ends a cell.
      for (const line of params) expect(line.match(/(?<!\\)(?:\\\\)*\|/g)?.length).toBe(5);
    }),
    { numRuns: 1000 },
  );
});

test.each([
  ['a|b', 'a\\|b'],
  ['a\\|b', 'a\\\\\\|b'],
  ['one\ntwo', 'one<br>two'],
  ['<img src=x>', '\\<img src=x\\>'],
  ['learning_rate', 'learning_rate'],
  ['_private_', '\\_private\\_'],
  ['__init__', '\\_\\_init\\_\\_'],
  ['*bold* `code`', '\\*bold\\* \\`code\\`'],
  ['[text](url)', '\\[text\\](url)'],
  ['&lt;', '\\&lt;'],
  ['0.001', '0.001'],
])('%j is written as %j', (text, written) => {
  expect(markdownText(text)).toBe(written);
});

test('numbers are in columns aligned to the right', async () => {
  const text = formatMarkdown(await compareRuns(sampleRuns(2)));
  expect(text).toContain('| metric | value | sweep-01-adam | sweep-02-adam |\n| --- | --- | ---: | ---: |');
});
