import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HeadraceError } from '../errors.js';
import type { Item } from '../store/store.js';

/** A record of a dead process that the store refused for good: nobody is there to be told. */
export interface DeadLetter {
  /** ISO 8601. */
  readonly at: string;
  readonly runId: string;
  readonly storeId: string | undefined;
  /** Undefined: the run itself could not be made, or ended. */
  readonly item: Item | undefined;
  readonly code: string;
  readonly message: string;
}

/** What of a run was refused. */
export interface Dead {
  readonly item?: Item | undefined;
  readonly error: HeadraceError;
}

/** Of one store: a line of JSON for each. NaN and infinities of metrics as text. */
export function deadLettersPath(home: string): string {
  return join(home, 'dead.jsonl');
}

/** Throws what the file system throws. */
export function bury(
  home: string,
  run: { readonly runId: string; readonly storeId: string | undefined },
  dead: readonly Dead[],
): void {
  const at = new Date().toISOString();
  const lines = dead.map(({ item, error }) => {
    const letter: DeadLetter = { at, ...run, item, code: error.code, message: error.message };
    return `${JSON.stringify(letter, (_, value: unknown) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value))}\n`;
  });
  appendFileSync(deadLettersPath(home), lines.join(''), { mode: 0o600 });
}
