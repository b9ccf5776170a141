import { expect, test } from 'vitest';
import { varyingParams } from '../../src/cli/varying-params.js';
import { storedRun } from '../comparing/stored-runs.js';

function varying(...runs: Readonly<Record<string, string>>[]): string[] {
  return varyingParams(runs.map((params) => storedRun({ params })));
}

test('what is equal in all varies, or what only some have does not', () => {
  expect(varying({ lr: '0.1', seed: '1', amp: 'true' }, { lr: '1e-1', seed: '2' })).toEqual(['seed', 'amp']);
  expect(varying({ lr: '0.1' })).toEqual([]);
  expect(varying()).toEqual([]);
});

test('a param of a part stands before one of the whole', () => {
  const runs = ['1', '2', '1', '3'].map((lr, i) => ({
    'a.layers.0.units': lr,
    'optimizer.lr': i < 2 ? '1' : lr,
    seed: String(i % 2),
  }));
  expect(varying(...runs)).toEqual(['seed', 'optimizer.lr', 'a.layers.0.units']);
});

test('what says the same of the runs as one before it takes the place of another', () => {
  const runs = [
    { batch: '32', 'batch-text': 'small', epochs: '1', 'model.batch': '32' },
    { batch: '64', 'batch-text': 'large', epochs: '1', 'model.batch': '64' },
    { batch: '64', 'batch-text': 'large', epochs: '2', 'model.batch': '64' },
  ];
  expect(varying(...runs)).toEqual(['batch', 'epochs', 'batch-text', 'model.batch']);
});

test('names that each run has for itself, and what few runs have, stand before what was chosen', () => {
  const runs = ['0.1', '0.1', '0.2', '0.3'].map((lr, i) => ({
    dir: `/runs/${i}`,
    lr,
    seed: String(i),
    ...(i === 0 ? { fold: '1' } : {}),
  }));
  expect(varying(...runs)).toEqual(['lr', 'seed', 'fold', 'dir']);
});

test('more runs than a call takes arguments are too many', () => {
  const many = Array.from({ length: 200_000 }, (_, i) => ({ lr: String(i % 7), seed: String(i) }));
  expect(varyingParams(many.map((params) => storedRun({ id: 'a', params })))).toEqual(['lr', 'seed']);
});
