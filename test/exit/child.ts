/** Programs of their own that use the built package: how a process ends can only be seen from outside. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { PROGRAM_BUNDLE } from '../program-bundle.js';

const built: string = fileURLToPath(new URL('../../dist', import.meta.url));
/** Ignored by git, and below the folder whose node_modules the package needs. */
const scratch: string = fileURLToPath(new URL('../../.test-workers', import.meta.url));
const fixtures: string = fileURLToPath(new URL('fixtures', import.meta.url));
let programs = '';

/**
 * For the top of a test file: its children's programs, with the package taken from `dist`; a copy of it, as a
 * build that runs meanwhile would change the worker under a child. `folders`: where there are more of them.
 */
export function useChildren(...folders: readonly string[]): void {
  beforeAll(async () => {
    const index = join('src', 'index.js');
    if (!existsSync(join(built, index))) throw new Error('these tests run the built package: npm run build');
    mkdirSync(scratch, { recursive: true });
    programs = mkdtempSync(join(scratch, 'children-'));
    cpSync(built, join(programs, 'dist'), { recursive: true });
    const copy = pathToFileURL(join(programs, 'dist', index)).href;
    await build({
      entryPoints: [fixtures, ...folders].flatMap((folder) =>
        readdirSync(folder).map((name) => ({ in: join(folder, name), out: basename(name, '.ts') })),
      ),
      outdir: programs,
      outExtension: { '.js': '.mjs' },
      ...PROGRAM_BUNDLE,
      plugins: [
        {
          name: 'built-package',
          setup({ onResolve }) {
            onResolve({ filter: /\/src\/index\.js$/ }, () => ({ path: copy, external: true }));
          },
        },
      ],
    });
  });
  afterAll(() => rmSync(programs, { recursive: true, force: true }));
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From the last text on stdout to the end. */
  readonly endingMs: number;
}

const DEADLINE_MS = 30_000;

export interface ChildOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** What starts it, as `prlimit --fsize=100`. */
  readonly launcher?: readonly string[];
  /** It is killed when it takes longer. */
  readonly deadlineMs?: number;
}

export class Child {
  readonly process: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  private stdout = '';
  private stderr = '';
  private lastWordAt = 0;
  private hasEnded = false;

  constructor(program: string, args: readonly string[], options: ChildOptions = {}) {
    const { env = {}, launcher = [], deadlineMs = DEADLINE_MS } = options;
    // Never empty: Node is in it.
    const [command, ...rest] = [...launcher, process.execPath, fileOf(program), ...args] as [string, ...string[]];
    this.process = spawn(command, rest, {
      cwd: programs,
      env: { ...withoutMlflow(process.env), ...env },
    });
    this.process.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.lastWordAt = performance.now();
    });
    this.process.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    const alarm = setTimeout(() => this.process.kill('SIGKILL'), deadlineMs);
    this.ended = new Promise((resolve, reject) => {
      this.process.on('error', reject);
      this.process.on('close', (code, signal) => {
        this.hasEnded = true;
        clearTimeout(alarm);
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr, endingMs: performance.now() - this.lastWordAt });
      });
    });
    onTestFinished(() => void this.process.kill('SIGKILL'));
  }

  /** Resolves when the child has said it. */
  async said(text: string): Promise<void> {
    while (!this.stdout.includes(text)) {
      if (this.hasEnded) throw new Error(`the child ended before it said ${JSON.stringify(text)}: ${this.stdout}${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** What it has said so far. */
  get words(): string {
    return this.stdout;
  }

  /** Resolves when nothing was said for so long: the child's thread stands still. */
  async fallsSilent(ms: number): Promise<void> {
    while (performance.now() - this.lastWordAt < ms) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  say(text: string): void {
    this.process.stdin.write(`${text}\n`);
  }
}

/** Of a program, or of what a program is to import first. */
export function fileOf(program: string): string {
  return join(programs, `${basename(program, '.ts')}.mjs`);
}

function withoutMlflow(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(?:MLFLOW|HEADRACE|VITEST|NODE_)/.test(name)));
}
