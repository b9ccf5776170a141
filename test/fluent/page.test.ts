import { expect, test } from 'vitest';
import { Stored } from '../tracker/stored.js';
import { programs, runProgram } from './page.js';

const [first = '', rules = '', sideBySide = '', training = '', ...others] = programs('js');

function run(program: string): { stored: Stored; stdout: string } {
  const stored = new Stored();
  return { stored, stdout: runProgram(program, stored.folder) };
}

test('the first program of the page logs what it says', () => {
  const { stored, stdout } = run(first);
  const id = stdout.trim();
  expect(stored.run(id)).toMatchObject({ name: 'first', experiment: 'iris', status: 'FINISHED' });
  expect(stored.params(id)).toEqual({ lr: '0.01', depth: '3' });
  expect(stored.tags(id)).toEqual({ verdict: 'good' });
  expect(stored.metrics(id)).toHaveLength(100);
});

test('the page’s program of MLflow’s rules keeps them', () => {
  const { stored } = run(rules);
  const [alone, parent, child] = stored.rows('SELECT run_uuid, name, status FROM runs ORDER BY start_time, rowid');
  expect(stored.params(String(alone?.['run_uuid']))).toEqual({ in: 'a run that this call has started' });
  expect(parent).toMatchObject({ name: 'parent', status: 'FINISHED' });
  expect(child).toMatchObject({ name: 'child', status: 'FAILED' });
  expect(stored.tag(String(child?.['run_uuid']), 'mlflow.parentRunId')).toBe(parent?.['run_uuid']);
  expect(stored.tags(String(child?.['run_uuid']))).toEqual({ refused: 'yes' });
  expect(stored.count('runs')).toBe(3);
});

test('the page’s runs side by side have what is theirs', () => {
  const { stored } = run(sideBySide);
  const rows = stored.rows(
    `SELECT name, status, group_concat(p.key || '=' || p.value, ', ') AS params
     FROM runs r LEFT JOIN (SELECT * FROM params ORDER BY key) p USING (run_uuid) GROUP BY run_uuid ORDER BY name`,
  );
  expect(rows).toEqual([
    { name: 'fast', status: 'FINISHED', params: 'after a while=0.2, lr=0.2' },
    { name: 'lr 0.1', status: 'FINISHED', params: 'after a while=0.1, lr=0.1' },
    { name: 'lr 0.2', status: 'FINISHED', params: 'after a while=0.2, lr=0.2' },
    { name: 'slow', status: 'FINISHED', params: 'after a while=0.1, lr=0.1' },
    { name: 'sweep', status: 'FINISHED', params: null },
  ]);
});

test('the page’s training logs its epochs', () => {
  const { stored } = run(training);
  expect(stored.rows("SELECT count(*) AS n FROM metrics WHERE key = 'val_loss'")).toEqual([{ n: 3 }]);
});

test('every program of the page is run', () => {
  expect(others).toEqual([]);
  expect(training).not.toBe('');
});
