/** Runs a program of `children/` in a process of its own: bundled, as Node 20 can't run TypeScript. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { onTestFinished } from 'vitest';
import { PROGRAM_BUNDLE } from '../program-bundle.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

export type ChildName = 'create' | 'full' | 'hold-lock' | 'no-rights' | 'warnings' | 'write';

/** Within the project, where `node_modules` is found from; one per process, which may be of another Node. */
const bundled = new Map<ChildName, Promise<string>>();

function bundle(name: ChildName): Promise<string> {
  const known = bundled.get(name);
  if (known !== undefined) return known;
  const made = build({
    entryPoints: [fileURLToPath(new URL(`children/${name}.ts`, import.meta.url))],
    ...PROGRAM_BUNDLE,
    write: false,
  }).then(({ outputFiles: [output] }) => {
    if (output === undefined) throw new Error(`nothing was bundled for ${name}`);
    const file = join(root, '.test-workers', `store-${name}.mjs`);
    mkdirSync(dirname(file), { recursive: true });
    // By rename: another test run may be starting the same file at this moment.
    writeFileSync(`${file}.${process.pid}`, output.contents);
    renameSync(`${file}.${process.pid}`, file);
    return file;
  });
  bundled.set(name, made);
  return made;
}

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Child {
  /** Resolves when the child has written this text to stdout. */
  printed(text: string): Promise<void>;
  /** A line to its stdin. */
  tell(line: string): Promise<void>;
  readonly end: Promise<ChildEnd>;
}

/** `shell`: limits set before it starts, `ulimit -f 100`. */
export function runChild(name: ChildName, args: readonly string[] = [], shell = ''): Child {
  let stdout = '';
  let stderr = '';
  const watchers: (() => void)[] = [];
  const notify = (): void => {
    for (const watch of watchers) watch();
  };
  const started = bundle(name).then((file): ChildProcess => {
    const command = [process.execPath, file, ...args];
    const child =
      shell === '' ? spawn(process.execPath, command.slice(1)) : spawn('bash', ['-c', `${shell}; exec "$@"`, 'bash', ...command]);
    child.stdout?.on('data', (chunk) => {
      stdout += chunk;
      notify();
    });
    child.stderr?.on('data', (chunk) => {
      stderr += chunk;
    });
    return child;
  });
  const end = started.then(
    (child) =>
      new Promise<ChildEnd>((resolve, reject) => {
        child.on('error', reject);
        child.on('close', (code, signal) => {
          resolve({ code, signal, stdout, stderr });
          notify();
        });
      }),
  );
  let ended = false;
  void end.then(() => {
    ended = true;
  });
  onTestFinished(async () => {
    if (!ended) (await started).kill('SIGKILL');
    await end;
  });
  return {
    end,
    printed: (text) =>
      new Promise((resolve, reject) => {
        const watch = (): void => {
          if (stdout.includes(text)) resolve();
        };
        watchers.push(watch);
        watch();
        void end.then((result) => reject(new Error(`the child ended without printing ${text}: ${JSON.stringify(result)}`)));
      }),
    tell: async (line) => {
      (await started).stdin?.write(`${line}\n`);
    },
  };
}
