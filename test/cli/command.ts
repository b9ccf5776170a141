/** The command as it is installed: the built file, in a process of its own. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `cwd`: where it is called. Nothing of headrace's is in its environment but `env`. */
export function headrace(cwd: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Said> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(?:HEADRACE|MLFLOW)_/.test(name));
  const child = spawn(process.execPath, [main, ...args], { cwd, env: { ...Object.fromEntries(kept), ...env }, timeout: 30_000 });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
