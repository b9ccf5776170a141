/**
 * One owner of a folder at a time, among processes and threads, with nothing but a file system: Node has no flock.
 *
 *   owner                 who owns the folder
 *   owner-after-<token>   who owns it after the one with that token, which is dead
 *
 * The owner is the end of that chain. A lock is made by linking a finished file to a name that must not exist, so of
 * two that take over from the same dead owner one fails; it never deletes or replaces the lock of somebody else. The
 * new owner then moves its file over `owner`, which is atomic, and the chain is short again. Whoever has read the
 * chain before that, and links to the name that became free, looks once more and sees that it is not its end.
 */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { isAlive, type ProcessIdentity, thisProcess } from './process-identity.js';

export interface Owner {
  /** Undefined: the file is not readable as a lock; a power cut may leave it so. */
  readonly process: ProcessIdentity | undefined;
  /** Which part of the process: one that takes its place (a worker started again) has the same. */
  readonly holder: string;
  /** When it was made or last touched. */
  readonly seenAt: number;
}

interface Link extends Owner {
  readonly path: string;
  readonly token: string;
}

interface LockText {
  readonly token: string;
  readonly holder: string;
  readonly process: ProcessIdentity;
}

export interface LockOptions {
  /** Default: nobody else's. */
  readonly holder?: string | undefined;
  /** An owner that can't be looked up from here (another machine or container) is dead when silent for so long. */
  readonly silenceMs?: number | undefined;
}

const SILENCE_MS = 10 * 60_000;

/** From making a file to linking it takes no time, unless the process was killed in between. Of who can't be looked up. */
const STALE_DRAFT_MS = 60_000;

const HEAD = 'owner';
const AFTER = 'owner-after-';
const DRAFT = 'owner-draft-';

/** Who owns the folder; undefined: nobody, or one that is dead. */
export function ownerOf(folder: string, { silenceMs = SILENCE_MS }: Pick<LockOptions, 'silenceMs'> = {}): Owner | undefined {
  const last = endOf(folder);
  return last !== undefined && holds(last, silenceMs) ? last : undefined;
}

export class OwnerLock {
  private readonly path: string;
  private readonly token: string;

  private constructor(folder: string, token: string) {
    this.path = join(folder, HEAD);
    this.token = token;
  }

  /** Undefined: somebody else owns the folder. A lock that this process has for the same holder is taken on. */
  static acquire(folder: string, { holder = randomUUID(), silenceMs = SILENCE_MS }: LockOptions = {}): OwnerLock | undefined {
    const token = randomUUID();
    // Another turn only when somebody else has got further meanwhile.
    for (;;) {
      const last = endOf(folder);
      if (last !== undefined && isOwn(last, holder)) return settle(folder, last.path, last.token);
      if (last !== undefined && holds(last, silenceMs)) return undefined;
      const path = join(folder, last === undefined ? HEAD : AFTER + last.token);
      if (!make(folder, path, { token, holder, process: thisProcess() })) continue;
      if (endOf(folder)?.token === token) return settle(folder, path, token);
      fs.rmSync(path, { force: true });
    }

    function settle(of: string, path: string, tokenOf: string): OwnerLock {
      const lock = new OwnerLock(of, tokenOf);
      if (path !== lock.path) fs.renameSync(path, lock.path);
      sweep(of, tokenOf);
      return lock;
    }
  }

  /** A sign of life, for those who can't look us up. False: the folder is somebody else's by now. */
  touch(): boolean {
    if (!this.isHeld()) return false;
    const now = new Date();
    fs.utimesSync(this.path, now, now);
    return true;
  }

  isHeld(): boolean {
    return read(this.path)?.token === this.token;
  }

  release(): void {
    if (this.isHeld()) fs.rmSync(this.path, { force: true });
  }
}

function endOf(folder: string): Link | undefined {
  let last = read(join(folder, HEAD));
  for (let next = last; next !== undefined; next = read(join(folder, AFTER + next.token))) last = next;
  return last;
}

function isOwn({ holder, process: other }: Link, wanted: string): boolean {
  const self = thisProcess();
  return holder === wanted && other?.pid === self.pid && isAlive(other, Date.now(), self) === true;
}

function holds({ process: other, seenAt }: Link, silenceMs: number): boolean {
  const isSilent = Date.now() - seenAt > silenceMs;
  // Not readable: made where files can't be linked, it is being written; or it has been lost.
  if (other === undefined) return Date.now() - seenAt < STALE_DRAFT_MS;
  return isAlive(other, seenAt) ?? !isSilent;
}

function read(path: string): Link | undefined {
  let file: number;
  try {
    file = fs.openSync(path, 'r');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    // Of the open file, as the name may be another's a moment later.
    const { mtimeMs: seenAt, ino } = fs.fstatSync(file);
    const text = fs.readFileSync(file, 'utf8');
    try {
      // Written by `make`.
      const { token, holder, process: by } = JSON.parse(text) as LockText;
      return { path, token, holder, process: by, seenAt };
    } catch {
      return { path, token: `lost-${ino}-${Math.floor(seenAt)}`, holder: '', process: undefined, seenAt };
    }
  } finally {
    fs.closeSync(file);
  }
}

/** False: there is one of that name. */
function make(folder: string, path: string, lock: LockText): boolean {
  const draft = join(folder, DRAFT + lock.token);
  const text = JSON.stringify(lock);
  fs.writeFileSync(draft, text, { mode: 0o600 });
  try {
    fs.linkSync(draft, path);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST') return false;
    if (code === 'EPERM' || code === 'ENOTSUP' || code === 'EOPNOTSUPP' || code === 'ENOSYS') return makeWithoutLink(path, text);
    throw error;
  } finally {
    fs.rmSync(draft, { force: true });
  }
}

/** For file systems without links (FAT, some mounts): for a moment the file is there and empty. */
function makeWithoutLink(path: string, text: string): boolean {
  try {
    fs.writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** What those left who were killed while they took over. Who comes after `token` is none of them. */
function sweep(folder: string, token: string): void {
  for (const file of fs.readdirSync(folder)) {
    const path = join(folder, file);
    const isStray = file.startsWith(AFTER) ? file !== AFTER + token : file.startsWith(DRAFT) && isAbandoned(path);
    if (isStray) fs.rmSync(path, { force: true });
  }
}

function isAbandoned(draft: string): boolean {
  const link = read(draft);
  if (link === undefined) return false;
  const { process: by, seenAt } = link;
  return (by !== undefined && isAlive(by, seenAt) === false) || Date.now() - seenAt > STALE_DRAFT_MS;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
