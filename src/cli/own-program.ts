/** Which file a command line runs: what git is asked about, and what MLflow calls a run's source. */
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';

export interface OwnProgram {
  /** A path in the program's folder, also where it has no file of its own. */
  readonly path: string;
  /** For people. */
  readonly source: string;
}

const SCRIPT = /\.(?:[cm]?[jt]s|py|r|jl|rb|pl|lua|sh|bash|ipynb)$/i;

/** `python train.py`: the script, and not Python. Of a program without one (`python -m train`) the folder that it runs in. */
export function ownProgram(command: readonly string[], cwd: string): OwnProgram {
  const script = command.find((word) => SCRIPT.test(word) && isFile(resolve(cwd, word)));
  if (script === undefined) return { path: join(cwd, '-'), source: command[0] ?? '' };
  const path = resolve(cwd, script);
  return { path, source: path };
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
