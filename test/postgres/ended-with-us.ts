import { spawn } from 'node:child_process';

/** The pipe ends when its other side is gone, and no sooner. Nothing is left to kill where the server was stopped before. */
const LAST_RITES = `
  cat >/dev/null
  pid=$(head -n 1 "$1" 2>/dev/null) && [ -n "$pid" ] && kill -QUIT "$pid" && while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
  rm -rf "$2"
`;

/**
 * The server that the pid file names at that time is ended and its folder removed when this process is gone, also when it
 * was killed: a server of nobody's would go on for ever.
 */
export function endWithUs(pidFile: string, folder: string): void {
  const script = spawn('/bin/sh', ['-c', LAST_RITES, 'sh', pidFile, folder], {
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    // What ends a terminal's programs isn't meant for this one.
    detached: true,
  });
  script.unref();
}
