import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, uptime } from 'node:os';

/** A process, told apart from every other one: also from one that has its pid later, after a reboot or elsewhere. */
export interface ProcessIdentity {
  readonly pid: number;
  /** In the kernel's ticks since boot. Undefined where there is no /proc. */
  readonly startTime: string | undefined;
  readonly bootId: string | undefined;
  readonly host: string;
  /** Containers count pids each for themselves. */
  readonly pidNamespace: string | undefined;
}

/** Clocks of a machine's boot and of its files need not agree to the second. */
const BOOT_SLACK_MS = 10_000;

let own: ProcessIdentity | undefined;

export function thisProcess(): ProcessIdentity {
  own ??= {
    pid: process.pid,
    startTime: startTimeOf(process.pid),
    bootId: textOf(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()),
    host: hostname(),
    pidNamespace: textOf(() => readlinkSync('/proc/self/ns/pid')),
  };
  return own;
}

/**
 * Whether the process is alive. Undefined: it can't be known from here, as it is, or was, on another machine or in
 * another container. `seenAt`: when it has last given a sign of life, in milliseconds since 1970.
 */
export function isAlive(other: ProcessIdentity, seenAt: number, self: ProcessIdentity = thisProcess()): boolean | undefined {
  const bootedAt = Date.now() - uptime() * 1000;
  if (other.bootId !== self.bootId || other.host !== self.host) {
    const sameKernel = other.bootId !== undefined && other.bootId === self.bootId;
    // A machine of our name that was last heard of before we booted was this one; else it may be another of that name.
    if (!sameKernel) return other.host === self.host && seenAt + BOOT_SLACK_MS < bootedAt ? false : undefined;
  }
  if (other.pidNamespace !== self.pidNamespace) return undefined;
  if (!answers(other.pid)) return false;
  const startTime = startTimeOf(other.pid);
  if (startTime !== undefined && other.startTime !== undefined) return startTime === other.startTime;
  // Without /proc: a pid in use is taken for the same process, unless the machine has booted since.
  return seenAt + BOOT_SLACK_MS >= bootedAt;
}

function answers(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    // EPERM: there is one, of another user.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Killed, and its parent has not asked for its exit code. */
function isZombie(pid: number): boolean {
  const state = statOf(pid)?.[0];
  return state === 'Z' || state === 'X';
}

function startTimeOf(pid: number): string | undefined {
  return statOf(pid)?.[19];
}

/** Fields of /proc/<pid>/stat from the third on. The second is the program's name, and may hold anything. */
function statOf(pid: number): string[] | undefined {
  const text = textOf(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

function textOf(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
