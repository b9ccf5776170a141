/** The programs of docs/from-mlflow.md. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const top: string = fileURLToPath(new URL('../..', import.meta.url));
const page: string = readFileSync(join(top, 'docs/from-mlflow.md'), 'utf8');

export function programs(language: 'js' | 'python'): string[] {
  return [...page.matchAll(/```(\w+)\n(.*?)```/gs)].flatMap(([, name, program = '']) => (name === language ? [program] : []));
}

/** Runs it with the built package, as one of its files finds that, in `folder`. Answers its stdout. */
export function runProgram(program: string, folder: string): string {
  const scratch = join(top, '.test-workers');
  mkdirSync(scratch, { recursive: true });
  const home = mkdtempSync(join(scratch, 'page-'));
  try {
    const file = join(home, 'program.mjs');
    writeFileSync(file, program);
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:MLFLOW|VITEST|NODE_)/.test(name)));
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], {
      cwd: folder,
      env: { ...env, HEADRACE_DIR: join(folder, 'journals') },
      encoding: 'utf8',
      timeout: 60_000,
    });
    const greeting = /^=+\nHi, looks like you are running TensorFlow.js.*?\n=+\n/ms;
    expect([status, stderr.replace(greeting, '').trim()]).toEqual([0, '']);
    return stdout;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
