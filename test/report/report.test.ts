/** The HTML report in a real browser: it runs, it shows what it should, and nothing of a run gets loose in it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compareRuns } from '../../src/comparing/compare-runs.js';
import { formatHtml } from '../../src/comparing/html.js';
import type { StoredRun } from '../../src/reading/stored-run.js';
import { sampleRuns } from '../comparing/sample-runs.js';
import { storedRun } from '../comparing/stored-runs.js';
import { chromium } from './chromium.js';

const folder = mkdtempSync(join(tmpdir(), 'headrace-report-'));
const asked: string[] = [];
let server: Server;
let origin: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // Listening on TCP, so it is no path of a pipe.
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

async function page(runs: readonly StoredRun[], options: Parameters<typeof formatHtml>[1] = {}): Promise<string> {
  return formatHtml(await compareRuns(runs), options);
}

function saved(name: string, html: string): string {
  const path = join(folder, name);
  writeFileSync(path, html);
  return pathToFileURL(path).href;
}

async function rootTag(html: string, name: string, args: readonly string[] = []): Promise<string> {
  const dom = await chromium(['--dump-dom', ...args], saved(name, html));
  return /<html[^>]*>/.exec(dom)?.[0] ?? '';
}

/** What `program` returns in the page. Its policy is taken out for it, so that the page is as weak as it can be. */
async function ask(html: string, program: string, args: readonly string[] = []): Promise<unknown> {
  const open = html.replace(/<meta http-equiv="Content-Security-Policy"[^>]*>\n/, '');
  expect(open).not.toBe(html);
  const probe = `<script>document.documentElement.dataset.said = encodeURIComponent(JSON.stringify((() => { ${program} })()));</script>`;
  const tag = await rootTag(
    open.replace('</body>', () => `${probe}</body>`),
    'probed.html',
    args,
  );
  expect(tag).not.toContain('data-error');
  const said = /data-said="([^"]*)"/.exec(tag)?.[1];
  return JSON.parse(decodeURIComponent(said ?? 'null'));
}

test.each([1, 2, 12, 200])('a report of %i runs opens without an error and without asking for anything', async (count) => {
  const before = asked.length;
  const tag = await rootTag(await page(sampleRuns(count)), `${count}.html`);
  expect(tag).toContain('data-ready=""');
  expect(tag).not.toMatch(/data-(error|refused)/);
  expect(asked).toHaveLength(before);
});

test('every run has its line, its row, its column and its curves, and no picture leaves its frame', async () => {
  const said = await ask(
    await page(sampleRuns(12)),
    `const count = (selector) => document.querySelectorAll(selector).length;
     const outside = [...document.querySelectorAll('svg')].filter((svg) => {
       const { x, y, width, height } = svg.getBBox();
       const view = svg.viewBox.baseVal;
       return x < -1 || y < -1 || x + width > view.width + 1 || y + height > view.height + 1;
     }).length;
     return {
       lines: count('#parallel polyline'), rows: count('#runs tbody tr'), columns: count('#params thead th[data-run]'),
       curves: count('.curve'), curveLines: count('.curve .run'), legend: count('.legend li'), outside,
       scrollsSideways: document.documentElement.scrollWidth > innerWidth,
       font: getComputedStyle(document.body).fontSize,
     };`,
  );
  // Three metrics have curves of 12 runs; test/accuracy has one value for each.
  expect(said).toEqual({
    lines: 12,
    rows: 12,
    columns: 12,
    curves: 3,
    curveLines: 36,
    legend: 12,
    outside: 0,
    scrollsSideways: false,
    font: '14px',
  });
});

test('pointing at a line shows its run and marks it everywhere; leaving it marks nothing', async () => {
  const said = await ask(
    await page(sampleRuns(12)),
    `const over = (target) => target.dispatchEvent(new PointerEvent('pointerover', { bubbles: true }));
     const tip = document.getElementById('tip');
     over(document.querySelector('#parallel [data-run="4"] polyline'));
     const shown = { tip: tip.textContent, hidden: tip.hidden, lines: document.querySelectorAll('svg .run.on').length,
       others: document.querySelectorAll('.on:not([data-run="4"])').length, row: document.querySelectorAll('#runs .on').length };
     over(document.body);
     return { ...shown, left: document.querySelectorAll('.on').length, hiddenAfter: tip.hidden, picked: document.documentElement.className };`,
  );
  expect(said).toMatchObject({ hidden: false, lines: 4, others: 0, row: 1, left: 0, hiddenAfter: true, picked: '' });
  expect(said).toHaveProperty('tip', expect.stringMatching(/^sweep-05-sgd\n(.*\n)*optimizer\.lr: 0\.0003\n/));
});

test('the table is filtered by what differs and by part of a key', async () => {
  const said = await ask(
    await page(sampleRuns(12), { view: 'nested' }),
    `const shown = () => [...document.querySelectorAll('#params tbody tr')].filter((row) => row.getClientRects().length > 0).map((row) => row.dataset.key ?? null);
     const only = document.getElementById('only-different');
     const wanted = document.getElementById('wanted');
     const all = shown().length;
     only.click();
     const different = shown();
     only.click();
     wanted.value = 'WIDTH';
     wanted.dispatchEvent(new Event('input'));
     return { all, different, found: shown(), left: document.getElementById('left').textContent };`,
  );
  expect(said).toEqual({
    // 14 params and the branches data, model and optimizer.
    all: 17,
    different: ['data.augment', 'model.dropout', 'model.width', 'optimizer.lr', 'optimizer.momentum', 'optimizer.name', 'seed'],
    found: ['model.width'],
    left: '1 of 14 params',
  });
});

test('asked for only what differs, it opens so', async () => {
  const html = await page(sampleRuns(12), { onlyDifferent: true });
  expect(
    await ask(html, `return [document.getElementById('only-different').checked, document.getElementById('left').textContent];`),
  ).toEqual([true, '7 of 14 params']);
});

test('markup in names, keys and values stays text, also where the page’s policy does not hold', async () => {
  const payloads = [
    `</script><script>fetch('${origin}/script')</script>`,
    `</script><img src="${origin}/img" onerror="document.documentElement.dataset.loose='img'">`,
    `"><svg onload="document.documentElement.dataset.loose='svg'">`,
    `' onmouseover='x' style='background:url(${origin}/style)`,
    `</title></style><link rel="stylesheet" href="${origin}/link">`,
    `--><base href="${origin}"><iframe src="/frame"></iframe>`,
    `{{constructor.constructor('x')()}}\${1}`,
  ];
  const runs = payloads.map((text, index) =>
    storedRun({
      name: text,
      id: text,
      experiment: text,
      user: text,
      params: { [text]: text, [`varying ${text}`]: String(index), long: text.repeat(9) },
      metrics: { [text]: [index, index + 1], [`all ${payloads[0]}`]: [1, index] },
    }),
  );
  const before = asked.length;
  for (const view of ['flat', 'nested'] as const) {
    const html = await page(runs, { view, title: payloads.join(' ') });
    const tag = await rootTag(html, 'injected.html');
    expect(tag).toContain('data-ready=""');
    expect(tag).not.toMatch(/data-(error|refused|loose)/);
    const said = await ask(
      html,
      `const all = [...document.querySelectorAll('*')];
       return {
         foreign: all.filter((one) => one.matches('img, iframe, link, base, object, embed, form, a, image, use, foreignObject')).length,
         scripts: document.scripts.length,
         handlers: all.flatMap((one) => one.getAttributeNames()).filter((name) => name.startsWith('on')).length,
         styles: document.querySelectorAll('style, [style]:not(#tip)').length,
         names: document.querySelectorAll('#runs tbody tr').length,
         text: document.querySelector('#runs tbody').textContent.includes('<\\/script><img src='),
         loose: document.documentElement.dataset.loose ?? null,
       };`,
    );
    // Its own script and the one that asks.
    expect(said).toEqual({ foreign: 0, scripts: 2, handlers: 0, styles: 1, names: payloads.length, text: true, loose: null });
  }
  expect(asked).toHaveLength(before);
});

test('the check above would see a payload that got loose, and the policy would stop it', async () => {
  const html = await page(sampleRuns(2));
  const loose = html.replace(
    '<main>',
    () => `<main><img src="${origin}/loose" onerror="document.documentElement.dataset.loose='img'">`,
  );
  const before = asked.length;
  const tag = await rootTag(loose, 'refused.html');
  expect(tag).toContain('data-refused="img-src"');
  expect(tag).not.toContain('data-loose');
  expect(asked).toHaveLength(before);
  await ask(loose, 'return null;');
  expect(asked).toContain('/loose');
});

test('it prints, on a few pages', async () => {
  const path = join(folder, 'report.pdf');
  await chromium([`--print-to-pdf=${path}`, '--no-pdf-header-footer'], saved('printed.html', await page(sampleRuns(12))));
  const pdf = readFileSync(path, 'latin1');
  expect(pdf.startsWith('%PDF-')).toBe(true);
  const pages = pdf.match(/\/Type \/Page\b/g)?.length ?? 0;
  expect(pages).toBeGreaterThan(1);
  expect(pages).toBeLessThan(8);
});

test('a dark and a light screen each have colours of their own, with a colour for each of 12 runs', async () => {
  const html = await page(sampleRuns(12));
  const program = `const strokes = [...document.querySelectorAll('#parallel polyline')].map((line) => getComputedStyle(line).stroke);
    return { paper: getComputedStyle(document.body).backgroundColor, best: strokes.at(-1), strokes: new Set(strokes).size };`;
  const dark = await ask(html, program, ['--blink-settings=preferredColorScheme=0']);
  const light = await ask(html, program, ['--blink-settings=preferredColorScheme=1']);
  expect(light).toEqual({ paper: 'rgb(255, 255, 255)', best: 'rgb(68, 1, 84)', strokes: 12 });
  expect(dark).toEqual({ paper: 'rgb(20, 23, 28)', best: 'rgb(253, 231, 37)', strokes: 12 });
});
