import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import bundleWorkers from '../bundle-workers.js';
import { mlflowPython, PINNED_MLFLOW, POSTGRES_REQUIREMENTS } from '../mlflow/python-env.js';
import { Cluster } from './cluster.js';
import { pgbouncerPath } from './executables.js';
import { makeTemplate } from './mlflow-database.js';
import { share, TEST_SETTINGS } from './shared-server.js';

/** One server and one template for all test files. What is missing is told before anything is made. */
export default async function setup(): Promise<() => Promise<void>> {
  pgbouncerPath();
  const cluster = await Cluster.make(TEST_SETTINGS);
  try {
    await bundleWorkers();
    const python = await mlflowPython(PINNED_MLFLOW, POSTGRES_REQUIREMENTS);
    process.env['HEADRACE_PYTHON'] = python;
    await makeTemplate(cluster.address, python);
    await cluster.stop();
    const original = `${cluster.data}-original`;
    await promisify(execFile)('cp', ['-a', cluster.data, original]);
    await cluster.start();
    share({ ...cluster.address, original });
    return () => cluster.remove();
  } catch (error) {
    await cluster.remove();
    throw error;
  }
}
