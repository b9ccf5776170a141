import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../../examples/sweep/sweep.js', import.meta.url));

/** Six trials, of a second or two each: learning rates times sizes of a batch. */
const SMALL = ['--jobs=2', 'model.hidden=[16]', 'data.train=2500', 'data.held_out=200'];
export const TRIALS = 6;

/** The example's program, with trials that are small. */
export class Sweep {
  readonly process: ChildProcessWithoutNullStreams;
  readonly ended: Promise<{ readonly code: unknown; readonly signal: unknown }>;
  stdout = '';
  stderr = '';

  constructor(folder: string, extra: NodeJS.ProcessEnv = {}) {
    const kept = Object.entries(process.env).filter(([name]) => !/^(?:MLFLOW|HEADRACE|VITEST|NODE_)/.test(name));
    this.process = spawn(process.execPath, [PROGRAM, ...SMALL], { cwd: folder, env: { ...Object.fromEntries(kept), ...extra } });
    this.process.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.ended = once(this.process, 'close').then(([code, signal]) => ({ code, signal }));
    onTestFinished(() => void this.process.kill('SIGKILL'));
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
