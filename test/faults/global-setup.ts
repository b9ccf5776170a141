import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import bundleWorkers from '../bundle-workers.js';
import { pythonOf } from '../mlflow/mlflow-versions.js';
import { MortalServer } from '../mlflow/mortal-server.js';
import { mlflowPython, PINNED_MLFLOW } from '../mlflow/python-env.js';
import { VERSIONS } from './versions.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** For all files whose faults are before it, and not its own. */
    server: { readonly url: string; readonly path: string };
  }
}

export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  await bundleWorkers();
  process.env['HEADRACE_PYTHON'] = await mlflowPython(PINNED_MLFLOW);
  for (const version of VERSIONS) await pythonOf(version);
  // Journals of trackers that were given no folder.
  const journals = mkdtempSync(join(tmpdir(), 'headrace-journals-'));
  process.env['HEADRACE_DIR'] = journals;
  const server = await MortalServer.start(PINNED_MLFLOW);
  provide('server', { url: server.url, path: server.path });
  return async () => {
    await server.stop();
    rmSync(journals, { recursive: true, force: true });
  };
}
