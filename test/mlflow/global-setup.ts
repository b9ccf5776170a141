import bundleWorkers from '../bundle-workers.js';
import { pythonOf, pythonWithAuth, SERVERS } from './mlflow-versions.js';
import { mlflowPython, PINNED_MLFLOW } from './python-env.js';

/**
 * Makes every environment that the short form needs, one after the other: made by the test files they would
 * count against a test's time limit. Test files read HEADRACE_PYTHON: vitest's forks start after this and
 * inherit the environment.
 */
export default async function setup(): Promise<void> {
  await bundleWorkers();
  process.env['HEADRACE_PYTHON'] = await mlflowPython(PINNED_MLFLOW);
  for (const version of SERVERS) await pythonOf(version);
  await pythonWithAuth();
}
