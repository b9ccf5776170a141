/** Whether files can be made in a folder, and how much more goes there. */
import { accessSync, constants, existsSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { size } from '../words.js';
import { type Finding, note, ok, todo } from './finding.js';

/** A day of a busy training, and little enough to be worth a word. */
const LITTLE_BYTES: number = 256 * 2 ** 20;

/** The folder that is there: of one that has yet to be made, what it is made in. */
export function existing(folder: string): string {
  let path = folder;
  while (!existsSync(path) && path !== dirname(path)) path = dirname(path);
  return path;
}

export function writable(folder: string, what: string): Finding {
  try {
    if (!statSync(folder).isDirectory()) return todo(`${folder} is not a folder`, `name another for ${what}, or move it away`);
    accessSync(folder, constants.W_OK | constants.X_OK);
    return ok(`${folder} can be written`);
  } catch (error) {
    return todo(
      `${folder} can't be written by this user (${codeOf(error)})`,
      `change its permissions, or name another folder for ${what}`,
    );
  }
}

export function freeSpace(folder: string): Finding {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  const what = `${size(free)} are free for ${folder}`;
  return free === 0 ? todo(what, 'free space there') : free < LITTLE_BYTES ? note(what, 'free space there soon') : ok(what);
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
