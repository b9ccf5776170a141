// @ts-check
import { hostname } from 'node:os';

/** What the runs of a sweep are found by, whichever process looks for them. */
export const EXPERIMENT = 'digits-sweep';
/** Of a trial's run: which trial it is. */
export const TRIAL_TAG = 'sweep.trial';
/** Of every run: the process that has it, as host:pid. */
export const PROCESS_TAG = 'sweep.process';

export function thisProcess() {
  return `${hostname()}:${process.pid}`;
}

/**
 * It ran on this machine, and does no more. Of another machine's processes nothing is known.
 * @param {string | undefined} name
 */
export function isGone(name) {
  const [, host, pid] = /^(.*):(\d+)$/.exec(name ?? '') ?? [];
  if (host !== hostname()) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}
