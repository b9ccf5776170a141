/** What a store has refused for good when it was sent for a dead process. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { type DeadLetter, deadLettersPath } from '../lane/dead-letters.js';

/** Of one run, for one reason. */
export interface Buried {
  readonly runId: string;
  readonly code: string;
  count: number;
  /** Of the first. */
  readonly message: string;
}

export interface Graveyard {
  readonly path: string;
  readonly groups: readonly Buried[];
  /** Lines that can't be read: a process was killed while it wrote, or somebody has edited them. */
  readonly unreadable: number;
}

/** Line by line: after a long mistake there may be millions. */
export async function graveyard(home: string): Promise<Graveyard> {
  const path = deadLettersPath(home);
  const groups = new Map<string, Buried>();
  let unreadable = 0;
  try {
    for await (const line of createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Infinity })) {
      if (line === '') continue;
      const letter = letterOf(line);
      if (letter === undefined) {
        unreadable++;
        continue;
      }
      const { runId, code, message } = letter;
      const group = groups.get(`${runId} ${code}`);
      if (group === undefined) groups.set(`${runId} ${code}`, { runId, code, count: 1, message });
      else group.count++;
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  return { path, groups: [...groups.values()], unreadable };
}

function letterOf(line: string): Pick<DeadLetter, 'runId' | 'code' | 'message'> | undefined {
  try {
    // Written by `bury`; the rest of it is not looked at.
    const { runId, code, message } = JSON.parse(line) as Partial<DeadLetter>;
    if (typeof runId !== 'string' || typeof code !== 'string' || typeof message !== 'string') return undefined;
    return { runId, code, message };
  } catch {
    return undefined;
  }
}
