import { expect, test } from 'vitest';
import { compareRuns } from '../../src/comparing/compare-runs.js';
import { nestedParams, paramLines } from '../../src/comparing/param-tree.js';
import { storedRun } from './stored-runs.js';

async function params(keys: readonly string[]) {
  const { params } = await compareRuns([storedRun({ params: Object.fromEntries(keys.map((key) => [key, '1'])) })]);
  return params;
}

test('a key that is a param and the start of another is both', async () => {
  const [optimizer, seed] = nestedParams(await params(['optimizer', 'optimizer.lr', 'seed']));
  expect(optimizer).toMatchObject({
    name: 'optimizer',
    param: { key: 'optimizer' },
    children: [{ name: 'lr', key: 'optimizer.lr' }],
  });
  expect(seed).toMatchObject({ name: 'seed', children: [] });
});

test('keys with dots or slashes at odd places, or named like parts of an object, lose no param', async () => {
  const keys = ['.', '..', 'a.', 'a..b', '.a', '/a/b', 'a/b', 'a.b', '__proto__.x', 'constructor', 'a'].sort();
  const lines = paramLines(await params(keys), 'nested');
  expect(lines.flatMap(({ param }) => param?.key ?? []).sort()).toEqual(keys);
});

test('the flat view has a line for each param, the nested one for each branch too', async () => {
  const all = await params(['model.width', 'optimizer.adam.beta', 'optimizer.lr']);
  expect(paramLines(all, 'flat').map(({ depth, text }) => `${depth} ${text}`)).toEqual([
    '0 model.width',
    '0 optimizer.adam.beta',
    '0 optimizer.lr',
  ]);
  expect(paramLines(all, 'nested').map(({ depth, text }) => `${depth} ${text}`)).toEqual([
    '0 model',
    '1 width',
    '0 optimizer',
    '1 adam',
    '2 beta',
    '1 lr',
  ]);
});
