import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Environment, text } from './variable.js';

/** As Python's expanduser: the variable first, then the system's record of the user. */
export function inHome(env: Environment, ...path: string[]): string {
  return join(text(env, process.platform === 'win32' ? 'USERPROFILE' : 'HOME') ?? homedir(), ...path);
}

/** A path of which a leading `~` is the home folder. */
export function expandHome(env: Environment, path: string): string {
  return /^~(?=$|[/\\])/.test(path) ? inHome(env, path.slice(1)) : path;
}
