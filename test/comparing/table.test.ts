import { expect, test } from 'vitest';
import { compareRuns } from '../../src/comparing/compare-runs.js';
import { formatTable } from '../../src/comparing/table.js';
import { sampleRuns } from './sample-runs.js';
import { storedRun } from './stored-runs.js';

test('two runs side by side read as they should', async () => {
  const runs = [
    storedRun({
      name: 'calm',
      id: '1'.repeat(32),
      params: { lr: '1e-3', 'net.act': 'relu', 'net.width': '64' },
      metrics: { loss: [0.5, 0.25] },
    }),
    storedRun({
      name: 'wild',
      id: '2'.repeat(32),
      params: { lr: '0.001', 'net.act': 'tanh' },
      metrics: { loss: [0.5, Number.NaN] },
      endTime: undefined,
    }),
  ];
  expect(await formatTable(await compareRuns(runs), { width: 120, view: 'nested' })).toBe(
    [
      'Runs',
      'run   id                                experiment  status    start                    took',
      `calm  ${'1'.repeat(32)}  digits      FINISHED  2026-11-20 09:00 UTC  2 m 5 s`,
      `wild  ${'2'.repeat(32)}  digits      FINISHED  2026-11-20 09:00 UTC`,
      '',
      'Params',
      'param    is                   calm  wild',
      'lr       equal, text differs  1e-3  0.001',
      'net',
      '  act    different            relu  tanh',
      '  width  missing in 1         64    (missing)',
      '',
      'Metrics',
      'metric  value          calm  wild',
      'loss    best (lowest)  0.25   0.5',
      '        at step           1     0',
      '        last           0.25   NaN',
      '        min            0.25   0.5',
      '        max             0.5   0.5',
      '        count             2     2',
      '',
    ].join('\n'),
  );
});

test('no line is wider than the terminal, and no run or value is left out for it', async () => {
  const comparison = await compareRuns(sampleRuns(12));
  const text = await formatTable(comparison, { width: 90 });
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(90);
  const params = text.slice(text.indexOf('Params\n'), text.indexOf('Metrics\n'));
  for (const { label } of comparison.runs)
    expect(params.split('\n').filter((line) => line.startsWith('param ') && line.includes(label))).toHaveLength(1);
  expect(params.match(/^optimizer\.lr /gm)?.length).toBe(params.match(/^param /gm)?.length);
  for (const seed of comparison.params.find(({ key }) => key === 'seed')?.values ?? [])
    expect(params).toMatch(new RegExp(`^seed .*\\b${seed}\\b`, 'm'));
});

test.each([40, 60, 80])('keys and values longer than a terminal of %i columns are cut, not wrapped', async (width) => {
  const key = `very.${'long.'.repeat(30)}key`;
  const runs = ['1', '2'].map((n) =>
    storedRun({ name: n.repeat(90), params: { [key]: n.repeat(300) }, metrics: { [key]: [1, Number(n)] } }),
  );
  const lines = (await formatTable(await compareRuns(runs), { width })).split('\n');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
  expect(lines.filter((line) => /^….*long\.key /.test(line)).length).toBeGreaterThan(1);
});

test('a terminal too narrow for one run still gets each of them', async () => {
  const text = await formatTable(await compareRuns(sampleRuns(3)), { width: 10 });
  for (const name of ['sweep-01-…', 'sweep-02-…', 'sweep-03-…']) expect(text.split(name).length).toBeGreaterThan(3);
});

test('only what differs is shown when that is asked for, with a word on the rest', async () => {
  const text = await formatTable(await compareRuns(sampleRuns(12)), { width: 400, onlyDifferent: true });
  expect(text).not.toContain('model.activation');
  expect(text).toContain('optimizer.lr');
  expect(text).toContain('params are equal and not shown.');
});

test('a value can neither move the cursor nor break a line', async () => {
  const runs = [storedRun({ name: 'a\u001b[2Jb', params: { x: 'one\r\ntwo\u0007\u202e\tthree' } })];
  const text = await formatTable(await compareRuns(runs));
  expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}|\u202e/u);
  expect(text).toContain('one⏎two');
});

test('long and wide texts are cut and keep the columns straight', async () => {
  const runs = [
    storedRun({ name: 'one', params: { a: '学'.repeat(60), b: 'x'.repeat(6000), c: 'é' } }),
    storedRun({ name: 'two', params: { a: '1', b: '2', c: '3' } }),
  ];
  const lines = (await formatTable(await compareRuns(runs), { width: 100 })).split('\n');
  const [a, b, c] = ['a', 'b', 'c'].map((key) => lines.find((line) => line.startsWith(`${key} `)) ?? '');
  expect(a).toContain('…');
  expect(b).toContain('…');
  expect(b?.indexOf(' 2')).toBe(c?.indexOf(' 3'));
});
