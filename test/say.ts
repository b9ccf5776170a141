import { writeSync } from 'node:fs';

/** A line on stdout by a system call: a SIGKILL takes back nothing that was said. */
export function say(text: string): void {
  let rest = Buffer.from(`${text}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      // Whoever reads is busy.
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    }
  }
}
