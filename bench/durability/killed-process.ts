import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { mlflowEnvironment } from '../../test/mlflow/mlflow-versions.js';

/** Runs a script that kills itself, and returns what it printed. Its current folder is `folder`. */
export async function untilKilled(script: URL, input: unknown, folder: string): Promise<string> {
  const child = spawn(process.execPath, [fileURLToPath(script), JSON.stringify(input)], {
    cwd: folder,
    env: mlflowEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const [code, signal] = await once(child, 'close');
  if (signal !== 'SIGKILL') throw new Error(`${script.pathname} ended with ${String(code ?? signal)} and was to be killed`);
  return printed;
}
