/** The command as it is installed: the built file, in a process of its own. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class Called {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly ended: Promise<Said>;

  /**
   * `cwd`: where it is called. Nothing of headrace's is in its environment but `env`. Without a terminal, also where the
   * tests have one: Ctrl-C is another thing there, and so is the width.
   */
  constructor(cwd: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const kept = Object.entries(process.env).filter(([name]) => !/^(?:(?:HEADRACE|MLFLOW|DATABRICKS)_|COLUMNS$)/.test(name));
    const child = spawn(process.execPath, [main, ...args], {
      cwd,
      env: { ...Object.fromEntries(kept), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
      detached: true,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    this.child = child;
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code) => resolve({ code, stdout, stderr }));
    });
  }
}

export function headrace(...call: ConstructorParameters<typeof Called>): Promise<Said> {
  return new Called(...call).ended;
}
