import { userInfo } from 'node:os';

/** Asking the system takes 30 µs, and its answer does not change. */
let ofSystem: string | undefined;

/** As Python's getpass.getuser, which MLflow asks. */
export function userName(env: NodeJS.ProcessEnv): string {
  const named = env.LOGNAME || env.USER || env.LNAME || env.USERNAME;
  if (named) return named;
  ofSystem ??= askSystem();
  return ofSystem;
}

function askSystem(): string {
  try {
    return userInfo().username;
  } catch {
    // A container's user may have no entry in the system's list.
    return 'unknown';
  }
}
