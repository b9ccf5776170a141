/** What can be told without a browser; test/report opens the file in one. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareRuns } from '../../src/comparing/compare-runs.js';
import { formatHtml } from '../../src/comparing/html.js';
import { OptionError } from '../../src/errors.js';
import { sampleRuns } from './sample-runs.js';
import { storedRun } from './stored-runs.js';

/** Tags with the names of their attributes, without what is quoted in them and without text. */
function structure(html: string): string[] {
  return (
    unscripted(html)
      .replace(/"[^"]*"/g, '""')
      .match(/<[^>]*>/g) ?? []
  );
}

function unscripted(html: string): string {
  return html.replace(/<style>.*?<\/style>/s, '').replace(/<script>.*<\/script>/s, '');
}

test('nothing of a run becomes part of the page’s structure', async () => {
  const awkward = fc.array(
    fc.oneof(
      fc.constantFrom(
        '</script>',
        '<img src=x onerror=alert(1)>',
        '"',
        "'",
        '-->',
        '<!--',
        '&',
        '" onload="x',
        '</style>',
        '</title>',
        '\0',
        ']]>',
        '<',
      ),
      fc.string({ maxLength: 6 }),
    ),
    { maxLength: 6 },
  );
  const pageOf = async (text: string, view: 'flat' | 'nested'): Promise<string> => {
    const runs = [1, 2, 3].map((n) =>
      storedRun({
        id: String(n).repeat(32),
        name: n === 1 ? text : `name ${n}`,
        experiment: text,
        user: text,
        params: { [text]: String(n), z: n === 2 ? text : 'other', zz: String(n * 2) },
        metrics: { [text]: [n, Number.NaN, n + 1], z: [1] },
      }),
    );
    return formatHtml(await compareRuns(runs), { title: text, view });
  };
  await fc.assert(
    fc.asyncProperty(awkward, fc.constantFrom('flat', 'nested'), async (parts, view) => {
      // With a letter in front no text is a number; dots and slashes would make branches of it.
      const text = `p${parts.join('').replace(/[./]/g, '\u2215')}`;
      const harmless = text.replace(/[^\p{L}\p{N}]/gu, 'x');
      expect(structure(await pageOf(text, view))).toEqual(structure(await pageOf(harmless, view)));
    }),
    { numRuns: 200 },
  );
});

test('the page refuses the network and every script and style but its own', async () => {
  const html = formatHtml(await compareRuns(sampleRuns(3)));
  const hash = (text: string | undefined): string =>
    createHash('sha256')
      .update(text ?? '')
      .digest('base64');
  const policy = /<meta http-equiv="Content-Security-Policy" content="([^"]*)">/.exec(html)?.[1]?.replaceAll('&#39;', "'");
  expect(policy).toBe(
    `default-src 'none'; style-src 'sha256-${hash(/<style>(.*?)<\/style>/s.exec(html)?.[1])}'; ` +
      `script-src 'sha256-${hash(/<script>(.*?)<\/script>/s.exec(html)?.[1])}'; base-uri 'none'; form-action 'none'`,
  );
  // Inside such a policy a style attribute has no effect, and a link leads out of the file.
  expect(html).not.toMatch(/ (?:style|src|href|on\w+)=|@import|url\(|@font-face/);
});

test.each([1, 2, 12, 200])('a page of %i runs has a line for each, or a word on why not', async (count) => {
  const html = formatHtml(await compareRuns(sampleRuns(count)));
  expect(html.match(/<polyline /g)?.length ?? 0).toBe(count === 1 ? 0 : count);
  expect(html).toContain(count === 1 ? 'One run' : 'A line is a run');
  expect(unscripted(html)).not.toMatch(/NaN[ ,"]|undefined|\[object/);
  expect(html.length).toBeLessThan(6e6);
});

test('a curve has a gap where a value is NaN or infinite, and a dot where one stands alone', async () => {
  const runs = [storedRun({ metrics: { loss: [1, 2, Number.NaN, 3, Number.POSITIVE_INFINITY, 4, 5] } })];
  const html = formatHtml(await compareRuns(runs));
  const drawn = /class="line" d="([^"]*)"/.exec(html)?.[1] ?? '';
  expect(drawn.match(/M/g)).toHaveLength(3);
  expect(drawn.match(/h0/g)).toHaveLength(1);
  expect(/class="hole" d="([^"]*)"/.exec(html)?.[1]?.match(/M/g)).toHaveLength(2);
});

test('runs without metrics or params, and figures at the ends of what a double holds, give a page', async () => {
  const sketches = [
    [storedRun(), storedRun({ name: 'b' })],
    [storedRun({ params: { a: '1' } }), storedRun({ params: { a: '2' } })],
    [storedRun({ params: { a: '1', b: 'x' } }), storedRun({ params: { a: 'inf', b: 'y' } }), storedRun({ params: { a: 'nan' } })],
    [storedRun({ metrics: { m: [-1.7e308, 1.7e308, 5e-324] } }), storedRun({ metrics: { m: [Number.NaN, Number.NaN] } })],
    [storedRun({ params: { a: '1e-320' }, metrics: { m: [1] } }), storedRun({ params: { a: '1e300' }, metrics: { m: [1] } })],
    [
      storedRun({ params: { a: '9007199254740993' }, metrics: { m: [1] } }),
      storedRun({ params: { a: '9007199254740992' }, metrics: { m: [2] } }),
    ],
  ];
  for (const runs of sketches) {
    const html = formatHtml(await compareRuns(runs));
    expect(html).toContain('</html>');
    expect(unscripted(html).replace(/<(td|th|title|text)\b[^>]*>[^<]*/g, '')).not.toMatch(/\bNaN\b|Infinity/);
  }
});

test('a metric that no run has is an error that names those there are', async () => {
  const comparison = await compareRuns(sampleRuns(2));
  expect(() => formatHtml(comparison, { metric: 'acuracy' })).toThrow(OptionError);
  expect(() => formatHtml(comparison, { metric: 'acuracy' })).toThrow('"val/accuracy"');
});

test('a run that diverged leaves the others their colours', async () => {
  const runs = [1, 2, 1e12].map((loss, index) =>
    storedRun({ name: `run ${index}`, params: { lr: String(index) }, metrics: { loss: [loss] } }),
  );
  const html = formatHtml(await compareRuns(runs));
  expect([...html.matchAll(/class="run (shade-\d+)" data-run="(\d)"/g)].map(([, shade, run]) => `${run} ${shade}`)).toEqual([
    '2 shade-0',
    '1 shade-6',
    '0 shade-11',
  ]);
});
