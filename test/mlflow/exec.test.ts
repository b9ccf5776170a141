/** Python's MLflow as the command of `headrace exec`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { headrace } from '../cli/command.js';
import { RunsPlace } from '../cli/stored-runs.js';
import { pythonOf } from './mlflow-versions.js';

test('it makes a run of its own, or its word about the end stays', async () => {
  const place = new RunsPlace();
  const path = join(place.folder, 'train.py');
  writeFileSync(
    path,
    `import sys
import mlflow
with mlflow.start_run():
    mlflow.log_param("lr", 0.1)
    mlflow.log_param("flag", True)
    mlflow.log_metric("loss", 0.5, step=1)
sys.exit(3)
`,
  );
  const args = ['exec', '--uri', 'sqlite:///runs.db', '--experiment', 'digits', '--name', 'first', '--param', 'lr=0.1'];
  const said = await headrace(place.folder, [...args, '--', await pythonOf(), path]);
  expect(said.code, said.stderr).toBe(3);
  const { params, tags, ...run } = place.only();
  expect(run).toMatchObject({ name: 'first', experiment: 'digits', status: 'FAILED', hasEnd: true });
  expect(params).toEqual({ lr: '0.1', flag: 'True' });
  expect(tags).toMatchObject({ 'headrace.exit_code': '3', 'mlflow.source.name': path });
});
