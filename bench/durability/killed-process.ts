import { once } from 'node:events';
import { startScript } from '../server/process.js';

/** Runs a script that kills itself, and returns what it printed. Its current folder is `folder`. */
export async function untilKilled(script: URL, input: unknown, folder: string): Promise<string> {
  const { child, printed } = startScript(process.execPath, script, input, folder);
  const [code, signal] = await once(child, 'close');
  if (signal !== 'SIGKILL') throw new Error(`${script.pathname} ended with ${String(code ?? signal)} and was to be killed`);
  return printed();
}
