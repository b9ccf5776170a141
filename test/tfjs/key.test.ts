import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyProblem } from '../../src/params/key.js';
import { keyOf } from '../../src/tfjs/key.js';

test('whatever a layer is called, MLflow takes the key', () => {
  const name = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'binary', minLength: 260, maxLength: 300 }),
    fc.constantFrom('.', '..', '/', 'a//b', '..a', '/a/', '\ud800', '', ' '),
  );
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 3 }), (parts) => {
      fc.pre(parts.some((part) => part !== ''));
      expect(keyProblem(keyOf(...parts))).toBeUndefined();
    }),
    { numRuns: 300 },
  );
});

test('a name that MLflow takes as it is stays as it is', () => {
  expect(keyOf('', 'batch', 'val_loss')).toBe('batch.val_loss');
  expect(keyOf('block/conv 1', 'units')).toBe('block/conv 1.units');
});
