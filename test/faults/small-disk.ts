/** A disk that gets full, and then has room again. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { newFolder } from '../store/place.js';

export interface SmallDisk {
  readonly folder: string;
  /** What a program that is to have it must be started by. */
  readonly launcher: readonly string[];
  /** `pid`: of that program. */
  makeRoom(pid: number): void;
}

/** A file system of its own; where nobody may mount one, a limit on the size of each file. */
export function smallDisk(bytes: number): SmallDisk {
  const folder = join(newFolder(), 'disk');
  mkdirSync(folder);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder]).status !== 0) {
    return {
      folder,
      launcher: ['prlimit', `--fsize=${bytes}:unlimited`],
      makeRoom: (pid) => void execFileSync('prlimit', ['--pid', String(pid), '--fsize=unlimited']),
    };
  }
  onTestFinished(() => void spawnSync('umount', ['-l', folder]));
  return {
    folder,
    launcher: [],
    makeRoom: () => void execFileSync('mount', ['-o', 'remount,size=500m', folder]),
  };
}
