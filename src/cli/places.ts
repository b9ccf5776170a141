/** Finds journals by what a person names: the folder of all of them, one store's, or a journal itself. */
import { type Dirent, existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DEFAULT_JOURNAL_DIR, foldersIn, readHome } from '../journal/home.js';
import { deadLettersPath } from '../lane/dead-letters.js';

export interface StorePlace {
  /** The folder of the store. */
  readonly home: string;
  /** Folders in it, the oldest first. */
  readonly journals: readonly string[];
}

/** The folder that a person named, or the one of a tracker that was given none. */
export function chosenDir(named: string | undefined): string {
  if (named === undefined) return resolve(process.env['HEADRACE_DIR'] || DEFAULT_JOURNAL_DIR);
  const path = resolve(named);
  // The default is made with the first journal; one that somebody names and that isn't there is a mistake.
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new Error(`${path} is not a folder`);
  return path;
}

/** Throws what the file system throws. */
export function findStores(folder: string): StorePlace[] {
  if (isJournal(folder)) return [{ home: dirname(folder), journals: [folder] }];
  const own = storePlace(folder);
  if (own !== undefined) return [own];
  return foldersIn(folder).flatMap((home) => storePlace(home) ?? []);
}

function storePlace(home: string): StorePlace | undefined {
  const journals = foldersIn(home).filter(isJournal);
  const isOne = journals.length > 0 || readHome(home) !== undefined || existsSync(deadLettersPath(home));
  return isOne ? { home, journals } : undefined;
}

/** Not by its name: somebody may have moved it. */
function isJournal(folder: string): boolean {
  return entriesIn(folder).some((entry) => entry.isFile() && (entry.name === 'owner' || entry.name.endsWith('.journal')));
}

/** A live tracker removes folders while we look. */
function entriesIn(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
