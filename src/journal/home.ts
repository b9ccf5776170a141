/**
 * Where journals are: `<dir>/<store>/<journal>`. All journals of one store stand in one folder, so that the next
 * tracker of the same store finds what an earlier one left.
 */
import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { StoreLocation } from '../store/uri.js';

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
