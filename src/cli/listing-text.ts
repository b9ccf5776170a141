/** A store's journals for a person to read. */
import { basename } from 'node:path';
import type { JournalListing, RunListing, StoreListing } from './listing.js';
import { textTable } from './text-table.js';
import { amount, cut, number, plain, size } from './words.js';

const NAME_LETTERS = 30;

export function storeText(store: StoreListing): string {
  const { home, uri, journals, dead } = store;
  const lines = [uri === null ? home : `${plain(uri)}  (${home})`];
  for (const journal of journals) lines.push(...journalLines(journal, deadByRun(store)).map((line) => `  ${line}`));
  if (dead.count > 0) lines.push(`  ${amount(dead.count, 'record')} refused for good, in ${dead.path}`);
  for (const { runId, code, count, message } of dead.reasons) {
    lines.push(`    run ${plain(runId)}: ${number(count)} ${code}, such as: ${plain(message)}`);
  }
  if (dead.unreadableLines > 0) lines.push(`  ${amount(dead.unreadableLines, 'line')} of ${dead.path} can't be read`);
  return `${lines.join('\n')}\n`;
}

export function summaryText(stores: readonly StoreListing[]): string {
  const journals = stores.flatMap((store) => store.journals);
  const runs = journals.flatMap((journal) => journal.runs);
  const pending = runs.reduce((sum, run) => sum + run.pending, 0);
  const dead = stores.reduce((sum, store) => sum + store.dead.count, 0);
  return (
    `${amount(journals.length, 'journal')} of ${amount(stores.length, 'store')}, ${amount(runs.length, 'run')}: ` +
    `${amount(pending, 'record')} pending, ${number(dead)} refused for good\n`
  );
}

function journalLines(journal: JournalListing, dead: ReadonlyMap<string | null, number>): string[] {
  const { folder, owner, bytes, runs, skipped, error } = journal;
  const who =
    owner === null
      ? 'no live owner'
      : `owned by process ${owner.pid ?? '?'} on ${plain(owner.host ?? '?')} (${plain(owner.holder)})`;
  const lines = [`${basename(folder)}: ${who}, ${size(bytes)}`];
  if (error !== null) lines.push(`  can't be read: ${plain(error)}`);
  if (runs.length > 0) lines.push(...runTable(runs, dead).map((line) => `  ${line}`));
  return [...lines, ...skipped.map((words) => `  ${plain(words)}`)];
}

function runTable(runs: readonly RunListing[], dead: ReadonlyMap<string | null, number>): string[] {
  const rows = runs.map(({ id, name, storeId, pending, landed, end }) => [
    id === null ? '(lost)' : plain(id),
    cut(plain(name ?? ''), NAME_LETTERS),
    storeId === null ? '-' : plain(storeId),
    number(pending),
    landed ? 'yes' : 'no',
    number(dead.get(id) ?? 0),
    end ?? 'none',
  ]);
  return textTable(['run', 'name', 'in the store', 'pending', 'landed', 'dead', 'end'], rows, [3, 5]);
}

function deadByRun({ dead }: StoreListing): ReadonlyMap<string | null, number> {
  const counts = new Map<string | null, number>();
  for (const { runId, count } of dead.reasons) counts.set(runId, (counts.get(runId) ?? 0) + count);
  return counts;
}
