/**
 * Where journals are: `<dir>/<store>/<journal>`. All journals of one store stand in one folder, so that the next
 * tracker of the same store finds what an earlier one left.
 */
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import type { StoreLocation } from '../store/uri.js';

/** In a store's folder: which store it is, for whoever finds the folder without the program. */
const DESCRIPTION = 'store.json';

/** The folder of all journals that is used when none is named. */
export const DEFAULT_JOURNAL_DIR = '.headrace';

/** The folder of a store's journals. */
export function journalHome(dir: string, { display }: StoreLocation): string {
  const name = display
    .replace(/^[a-z]+:\/+/, '')
    .replace(/[^\w.-]+/g, '_')
    .slice(-40);
  return join(dir, `${name}-${createHash('sha256').update(display).digest('hex').slice(0, 8)}`);
}

/** A name that no other journal has. Nothing is made. */
export function newJournalFolder(home: string): string {
  const time = new Date().toISOString().replace(/[-:]|\..*/g, '');
  return join(home, `${time}-${process.pid}-${randomBytes(4).toString('hex')}`);
}

/** Folders in a folder, by name, so the oldest journal first. None if there is no such folder. */
export function foldersIn(folder: string): string[] {
  try {
    const entries = fs.readdirSync(folder, { withFileTypes: true });
    const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    return names.sort().map((name) => join(folder, name));
  } catch (error) {
    // A live tracker removes folders while we look.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** Writes into a store's folder which store it is, if that isn't there. Throws what the file system throws. */
export function describeHome(home: string, location: StoreLocation): void {
  if (readHome(home) !== undefined) return;
  const uri = 'uri' in location ? location.uri : location.display;
  fs.mkdirSync(home, { recursive: true, mode: 0o700 });
  // Lanes and processes may do it at the same moment, and whoever reads it meanwhile finds all of it or nothing.
  const draft = join(home, `${DESCRIPTION}-${randomBytes(4).toString('hex')}`);
  try {
    fs.writeFileSync(draft, `${JSON.stringify({ uri })}\n`, { mode: 0o600 });
    fs.renameSync(draft, join(home, DESCRIPTION));
  } catch (error) {
    fs.rmSync(draft, { force: true });
    throw error;
  }
}

/** The uri of the store whose folder this is, without secrets; undefined: it doesn't say, or not readably. */
export function readHome(home: string): string | undefined {
  try {
    const said: unknown = JSON.parse(fs.readFileSync(join(home, DESCRIPTION), 'utf8'));
    if (typeof said !== 'object' || said === null || !('uri' in said)) return undefined;
    return typeof said.uri === 'string' ? said.uri : undefined;
  } catch {
    return undefined;
  }
}
