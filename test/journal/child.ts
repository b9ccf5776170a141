/** Programs of their own: a limit, a user or a death of a process can only be had by one. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { onTestFinished } from 'vitest';

const DEADLINE_MS = 15_000;

/** Bundles `children/<name>.ts` into one file that needs no modules: a child may be a user who can't read ours. */
export async function bundleChild(name: string): Promise<{ path: string; remove: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-child-'));
  chmodSync(folder, 0o755);
  const path = join(folder, `${name}.cjs`);
  await build({
    entryPoints: [fileURLToPath(new URL(`children/${name}.ts`, import.meta.url))],
    outfile: path,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    // Its native part is not needed.
    external: ['msgpackr-extract'],
    logLevel: 'error',
  });
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A child that answers each line on stdin by lines on stdout. */
export class Child {
  readonly process: ChildProcessWithoutNullStreams;
  readonly lines: string[] = [];
  private readonly ended: Promise<unknown>;
  private stderr = '';
  private arrived: () => void = () => {};

  constructor(command: string, args: readonly string[]) {
    this.process = spawn(command, args);
    this.ended = once(this.process, 'close');
    this.process.stderr.on('data', (text) => (this.stderr += text));
    this.process.stdin.on('error', () => {});
    createInterface(this.process.stdout).on('line', (line) => {
      this.lines.push(line);
      this.arrived();
    });
    onTestFinished(() => void this.process.kill('SIGKILL'));
  }

  say(line: string): void {
    this.process.stdin.write(`${line}\n`);
  }

  /** The line of that number, once it is there. */
  async line(number: number): Promise<string> {
    const end = this.ended.then(() => 'end');
    const deadline = Date.now() + DEADLINE_MS;
    for (;;) {
      const line = this.lines[number];
      if (line !== undefined) return line;
      const next = new Promise<string>((resolve) => {
        this.arrived = () => resolve('line');
      });
      const late = new Promise<string>((resolve) => setTimeout(resolve, deadline - Date.now(), 'late').unref());
      const what = await Promise.race([next, end, late]);
      if (what !== 'line' && this.lines[number] === undefined) {
        throw new Error(`${what} before line ${number}; said: ${this.lines.join(' | ')}; stderr: ${this.stderr}`);
      }
    }
  }

  async ask(line: string): Promise<string> {
    const number = this.lines.length;
    this.say(line);
    return await this.line(number);
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.ended;
  }
}
