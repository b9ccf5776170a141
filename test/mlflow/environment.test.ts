import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { PINNED_MLFLOW } from './python-env.js';

test('the environment holds the pinned MLflow and not another one', () => {
  const python = process.env['HEADRACE_PYTHON'];
  expect(python).toBeTruthy();
  const printed = execFileSync(String(python), ['-c', 'import mlflow; print(mlflow.__version__)'], { encoding: 'utf8' });
  expect(printed.trim()).toBe(PINNED_MLFLOW);
});
