/** Journals as programs leave them. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeHome, journalHome } from '../../src/journal/home.js';
import { JournalWriter } from '../../src/journal/writer.js';
import type { Item } from '../../src/store/store.js';
import { parseStoreUri } from '../../src/store/uri.js';

export function homeOf(dir: string, uri: string): string {
  const location = parseStoreUri(uri, '/data', {});
  const home = journalHome(dir, location);
  describeHome(home, location);
  return home;
}

export function writerIn(folder: string): JournalWriter {
  return new JournalWriter({ folder, durability: 'os' });
}

/** Seqs from 2 on: 1 is its making. */
export function begin(writer: JournalWriter, id: string, request: object = {}): number {
  const run = writer.newRun();
  writer.append({ kind: 'opened', run, seq: 1, id, request: JSON.stringify(request) });
  return run;
}

export function log(writer: JournalWriter, run: number, firstSeq: number, count: number): void {
  const items = Array.from({ length: count }, (_, i): Item => ({ kind: 'param', key: `p${firstSeq + i}`, value: 'v' }));
  writer.append({ kind: 'items', run, firstSeq, lastSeq: firstSeq + count - 1, items });
}

/** Every file below a folder, and what is in it. */
export function contents(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path, createHash('sha256').update(readFileSync(path)).digest('hex')];
    }),
  );
}
