import { execFile } from 'node:child_process';

const GIT_TIMEOUT_MS = 2000;

/**
 * Whether files that git knows have changed since the commit; files that it doesn't know don't count, as in MLflow: the
 * run's own database is one. Undefined: no git, no repository, no answer.
 */
export function isDirty(folder: string): Promise<boolean | undefined> {
  return new Promise((answer) => {
    const options = { cwd: folder, timeout: GIT_TIMEOUT_MS, killSignal: 'SIGKILL', windowsHide: true } as const;
    execFile('git', ['status', '--porcelain', '--untracked-files=no'], options, (error, stdout) =>
      answer(error === null ? stdout !== '' : undefined),
    );
  });
}
