/** Another program in the foreground: it has our input and output, and gets our signals. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';

export type ChildEnd =
  | { readonly how: 'exited'; readonly code: number }
  | { readonly how: 'killed'; readonly signal: NodeJS.Signals }
  | { readonly how: 'not started'; readonly code: number; readonly reason: string };

/** A shell's codes for what could not be run. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/** The last two: a batch system's way to say that time is nearly up. */
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;

export async function runChild([file = '', ...args]: readonly string[], env: NodeJS.ProcessEnv): Promise<ChildEnd> {
  const child = spawn(file, args, { stdio: 'inherit', env });
  const onSignal = (signal: NodeJS.Signals): void => {
    if (!reachesTheGroup(signal)) child.kill(signal);
  };
  for (const signal of PASSED_ON) process.on(signal, onSignal);
  try {
    return await new Promise<ChildEnd>((resolve) => {
      child.once('error', (error) => {
        // Also when a signal could not be sent to it: then it is there.
        if (child.pid === undefined) resolve(notStarted(file, error));
      });
      child.once('exit', (code, signal) =>
        resolve(signal === null ? { how: 'exited', code: code ?? 0 } : { how: 'killed', signal }),
      );
    });
  } finally {
    for (const signal of PASSED_ON) process.off(signal, onSignal);
  }
}

/** As a shell tells it to its caller. */
export function exitCode(end: ChildEnd): number {
  return end.how === 'killed' ? 128 + constants.signals[end.signal] : end.code;
}

function notStarted(file: string, error: Error): ChildEnd {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return { how: 'not started', code: NOT_FOUND, reason: `${file}: command not found` };
  return { how: 'not started', code: NOT_EXECUTABLE, reason: `${file} can't be run: ${error.message}` };
}

/** Ctrl-C and Ctrl-\ go to everybody in a terminal's foreground: sent on, they would count twice, and twice often means at once. */
function reachesTheGroup(signal: NodeJS.Signals): boolean {
  if (signal !== 'SIGINT' && signal !== 'SIGQUIT') return false;
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    // Fields from the third on: state, parent, group, session, terminal, the terminal's foreground group.
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return group === foreground;
  } catch {
    return [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);
  }
}
