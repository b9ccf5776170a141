import { expect, test } from 'vitest';
import { compareRuns } from '../../src/comparing/compare-runs.js';
import { formatJson } from '../../src/comparing/json.js';
import { goalOf } from '../../src/comparing/metric-goal.js';
import { NoRunsError, OptionError } from '../../src/errors.js';
import { sampleRuns } from './sample-runs.js';
import { storedRun } from './stored-runs.js';

async function param(...values: readonly (string | undefined)[]) {
  const runs = values.map((value, index) =>
    storedRun({ name: `run ${index}`, params: value === undefined ? {} : { key: value } }),
  );
  return (await compareRuns(runs)).params[0];
}

test('no runs is an error that says so', async () => {
  await expect(compareRuns([])).rejects.toBeInstanceOf(NoRunsError);
  await expect(compareRuns([])).rejects.toThrow('got 0, expected at least 1');
});

test('one run is compared with nobody: all is equal', async () => {
  const comparison = await compareRuns(sampleRuns(1));
  expect(comparison.varying).toEqual([]);
  expect(comparison.params.every(({ status, sameNumber }) => status === 'equal' && !sameNumber)).toBe(true);
  expect(comparison.correlations).toEqual([]);
});

test('1e-3 and 0.001 are equal, and it says that the text differs', async () => {
  expect(await param('1e-3', '0.001')).toEqual({
    key: 'key',
    status: 'equal',
    values: ['1e-3', '0.001'],
    sameNumber: true,
    numeric: true,
  });
  expect(await param('0.001', '0.001')).toMatchObject({ status: 'equal', sameNumber: false });
  expect(await param('1e-3', '0.001', '0.01')).toMatchObject({ status: 'different', sameNumber: true });
  expect(await param('1e-3', undefined, '0.001')).toMatchObject({ status: 'missing', sameNumber: true });
});

test('different, missing and empty are told apart', async () => {
  expect(await param('a', 'b')).toMatchObject({ status: 'different', numeric: false });
  expect(await param('a', undefined)).toMatchObject({ status: 'missing', values: ['a', null] });
  expect(await param('a', '')).toMatchObject({ status: 'different', values: ['a', ''] });
  expect(await param('1', 'auto')).toMatchObject({ status: 'different', numeric: false });
});

test('what varies and what does not are all params, once', async () => {
  const { params, varying, constant } = await compareRuns(sampleRuns(12));
  expect([...varying, ...constant].sort()).toEqual(params.map(({ key }) => key));
  expect(constant).toContain('epochs');
  expect(varying).toContain('optimizer.lr');
  expect(varying).toContain('optimizer.momentum');
});

test('ignored keys are in no part of the comparison, also with a pattern that remembers where it was', async () => {
  const { params, metrics, correlations } = await compareRuns(sampleRuns(12), {
    ignore: ['data.*', /^(seed|test\/)/g, 'mode?.width'],
  });
  const keys = [...params.map(({ key }) => key), ...metrics.map(({ key }) => key), ...correlations.map((one) => one.param)];
  expect(keys).toContain('optimizer.lr');
  expect(keys.filter((key) => /^(data|seed|test|model\.width)/.test(key))).toEqual([]);
});

test('a glob has no other signs than * and ?', async () => {
  const runs = [storedRun({ params: { 'a.b': '1', axb: '2', 'a(b)+': '3' } })];
  const { params } = await compareRuns(runs, { ignore: ['a.b', 'a(b)+'] });
  expect(params.map(({ key }) => key)).toEqual(['axb']);
});

test('names that two runs share are told apart by their ids; the same run twice is not', async () => {
  const twin = storedRun({ name: 'twin', id: 'a'.repeat(32) });
  const { runs } = await compareRuns([twin, storedRun({ name: 'twin', id: 'b'.repeat(32) }), storedRun({ name: 'other' })]);
  expect(runs.map(({ label }) => label)).toEqual(['twin (aaaaaaaa)', 'twin (bbbbbbbb)', 'other']);
  expect((await compareRuns([twin, twin])).runs.map(({ label }) => label)).toEqual(['twin', 'twin']);
});

test('best follows the goal, and NaN or infinity never is it', async () => {
  const runs = [
    storedRun({ metrics: { loss: [3, 1, Number.NaN], accuracy: [0.5, Number.POSITIVE_INFINITY, 0.7] } }),
    storedRun({ name: 'lost', metrics: { loss: [Number.NaN], accuracy: [0.9] } }),
    storedRun({ name: 'without' }),
  ];
  const [accuracy, loss] = (await compareRuns(runs)).metrics;
  expect(accuracy).toMatchObject({ key: 'accuracy', goal: 'max', bestRun: 1 });
  expect(accuracy?.summaries[0]).toEqual({
    best: 0.7,
    bestStep: 2,
    last: 0.7,
    lastStep: 2,
    min: 0.5,
    minStep: 0,
    max: 0.7,
    maxStep: 2,
    count: 3,
    notFinite: 1,
  });
  expect(loss).toMatchObject({ goal: 'min', bestRun: 0 });
  expect(loss?.summaries[0]).toMatchObject({ best: 1, bestStep: 1, last: Number.NaN, lastStep: 2 });
  expect(loss?.summaries[1]).toMatchObject({ best: null, min: null, max: null, count: 1, notFinite: 1 });
  expect(loss?.summaries[2]).toBeNull();
});

test('last is the store’s latest value, not the end of the list', async () => {
  const tied = {
    ...storedRun({ metrics: { loss: [2, 1] } }),
    metrics: new Map([['loss', { value: 2, step: 1, timestamp: 1001 }]]),
  };
  expect((await compareRuns([tied])).metrics[0]?.summaries[0]).toMatchObject({ last: 2, min: 1 });
});

test('a metric whose history is gone still has its latest value', async () => {
  const bare = { ...storedRun({ metrics: { loss: [2, 1] } }), history: async () => [] };
  expect((await compareRuns([bare])).metrics[0]?.summaries[0]).toMatchObject({ best: 1, count: 1 });
});

test.each([
  ['loss', 'min'],
  ['val_loss', 'min'],
  ['valLoss', 'min'],
  ['eval/crossEntropyLoss', 'min'],
  ['test-RMSE', 'min'],
  ['accuracy', 'max'],
  ['glossary_hits', 'max'],
  ['f1', 'max'],
])('%s is best at its %s', (key, goal) => {
  expect(goalOf(key, {})).toBe(goal);
});

test('a chosen goal wins over the name, the first pattern over the others', () => {
  expect(goalOf('loss', { loss: 'max' })).toBe('max');
  expect(goalOf('val/loss', { loss: 'max' })).toBe('min');
  expect(goalOf('val/score', { 'val/*': 'min', '*score': 'max' })).toBe('min');
});

test('correlation rests on the runs that have both, and categories have none', async () => {
  const runs = [1, 2, 3, 4].map((n) =>
    storedRun({
      name: `run ${n}`,
      params: {
        lr: String(n),
        optimizer: n % 2 === 0 ? 'adam' : 'sgd',
        ...(n > 2 ? { late: String(n) } : {}),
        nan: n === 4 ? 'nan' : String(n),
      },
      metrics: { ...(n === 1 ? {} : { accuracy: [0.1, n / 10] }), flat: [1] },
    }),
  );
  const { correlations, varying } = await compareRuns(runs);
  expect(varying).toEqual(['late', 'lr', 'nan', 'optimizer']);
  expect(correlations).toEqual([
    { param: 'late', metric: 'accuracy', rho: null, runs: 2 },
    { param: 'late', metric: 'flat', rho: null, runs: 2 },
    { param: 'lr', metric: 'accuracy', rho: 1, runs: 3 },
    { param: 'lr', metric: 'flat', rho: null, runs: 4 },
    { param: 'nan', metric: 'accuracy', rho: null, runs: 2 },
    { param: 'nan', metric: 'flat', rho: null, runs: 3 },
  ]);
});

test('histories are read a few at a time, and only of metrics that a run has', async () => {
  let open = 0;
  let most = 0;
  const runs = sampleRuns(40).map((run) => ({
    ...run,
    history: async (key: string) => {
      expect(run.metrics.has(key)).toBe(true);
      most = Math.max(most, ++open);
      const points = await run.history(key);
      await new Promise((resolve) => setImmediate(resolve));
      open--;
      return points;
    },
  }));
  await compareRuns(runs);
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(8);
});

test('curves have as many points as asked for, or are left out', async () => {
  const long = storedRun({ metrics: { loss: Array.from({ length: 5000 }, (_, index) => Math.sin(index)) } });
  const pointsAt = async (curvePoints?: number) =>
    (await compareRuns([long], { curvePoints })).metrics[0]?.curves[0]?.values.length;
  expect(await pointsAt(undefined)).toBeLessThanOrEqual(1000);
  expect(await pointsAt(undefined)).toBeGreaterThan(600);
  expect(await pointsAt(20)).toBeLessThanOrEqual(20);
  expect(await pointsAt(0)).toBeUndefined();
  await expect(compareRuns([long], { curvePoints: 2 })).rejects.toThrow(OptionError);
  await expect(compareRuns([long], { curvePoints: 2 })).rejects.toThrow(
    'curvePoints: got 2; expected 0, or an integer from 5 on',
  );
});

test('JSON holds all of it, and NaN and infinities as text instead of null', async () => {
  const comparison = await compareRuns(sampleRuns(12));
  const text = formatJson(comparison);
  const named: Readonly<Record<string, number>> = {
    NaN: Number.NaN,
    Infinity: Number.POSITIVE_INFINITY,
    '-Infinity': Number.NEGATIVE_INFINITY,
  };
  const back: unknown = JSON.parse(text, (_key, value: unknown) => (typeof value === 'string' ? (named[value] ?? value) : value));
  expect(back).toEqual(comparison);
  expect(text).toContain('"NaN"');
  expect(text).toContain('"Infinity"');
});
