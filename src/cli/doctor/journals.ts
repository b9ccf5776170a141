import { existsSync } from 'node:fs';
import { listStore, type StoreListing } from '../listing.js';
import { chosenDir, findStores } from '../places.js';
import { amount, plain } from '../words.js';
import { type Finding, note, ok, todo } from './finding.js';
import { existing, freeSpace, writable } from './folder.js';

/** Where what a store has not taken yet is kept, and what is left there. `looked`: what has been found out already. */
export async function journals(looked: readonly Finding[]): Promise<Finding[]> {
  const dir = chosenDir(undefined);
  const folder = existing(dir);
  const permission = writable(folder, 'journals (HEADRACE_DIR)');
  if (permission.state === 'todo') return [permission];
  // The database is often in the same folder.
  const space = looked.some(({ what }) => what === permission.what) ? [] : [permission, freeSpace(folder)];
  if (!existsSync(dir)) return [ok(`no journal in ${dir}`), ...space];
  const stores: StoreListing[] = [];
  for (const place of findStores(dir)) stores.push(await listStore(place));
  const found = stores.flatMap(leftIn);
  return [...(found.length === 0 ? [ok(`nothing is left in the journals of ${dir}`)] : found), ...space];
}

function leftIn({ home, uri, journals, dead }: StoreListing): Finding[] {
  const store = uri === null ? home : plain(uri);
  const ownerless = journals.filter(({ owner }) => owner === null);
  const pending = ownerless.flatMap(({ runs }) => runs).filter(({ landed }) => !landed);
  const records = pending.reduce((sum, run) => sum + run.pending, 0);
  const found: Finding[] = [];
  if (pending.length > 0) {
    const what = `${amount(records, 'record')} of ${amount(pending.length, 'run')} for ${store} are left by programs that have ended`;
    found.push(todo(what, uri === null || uri === 'offline' ? `headrace sync ${home} --uri <uri>` : `headrace sync ${home}`));
  }
  for (const { folder, error } of ownerless) if (error !== null) found.push(todo(`${folder} can't be read: ${plain(error)}`));
  if (dead.count > 0)
    found.push(note(`${amount(dead.count, 'record')} were refused for good by ${store}`, 'headrace journal tells why'));
  const live = journals.length - ownerless.length;
  if (live > 0) found.push(note(`${amount(live, 'journal')} for ${store} belong to programs that are running`));
  return found;
}
