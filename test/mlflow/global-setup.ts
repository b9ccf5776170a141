import bundleWorkers from '../bundle-workers.js';
import { mlflowPython, PINNED_MLFLOW } from './python-env.js';

/** Test files read HEADRACE_PYTHON: vitest's forks start after this and inherit the environment. */
export default async function setup(): Promise<void> {
  await bundleWorkers();
  process.env['HEADRACE_PYTHON'] = await mlflowPython(PINNED_MLFLOW);
}
