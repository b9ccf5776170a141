import { atMostOne, type Command, FAILED, parseLine } from './command.js';
import { listStore, type StoreListing } from './listing.js';
import { storeText, summaryText } from './listing-text.js';
import { chosenDir, findStores } from './places.js';

const HELP = `Lists what is in journals on this machine: per run, how many records have not reached the store
yet, whether the run has ended, and what the store has refused for good. Changes nothing, and may be
asked while programs are logging.

Usage: headrace journal [folder] [options]

  folder         All journals, those of one store, or one journal.
                 Default: HEADRACE_DIR, else .headrace

Options:
  --json         One JSON object instead of text
  -h, --help     This text

Examples:
  headrace journal
  headrace journal /data/project/.headrace
  headrace journal --json | jq '.stores[].journals[].runs[] | select(.landed | not)'

Exit code: 0, or 1 if a journal could not be read.
`;

const OPTIONS = { json: { type: 'boolean' } } as const;

export const journalCommand: Command = {
  help: HELP,
  options: OPTIONS,
  async run(args) {
    const { values, words } = parseLine('journal', args, OPTIONS);
    const dir = chosenDir(atMostOne('journal', words, 'folder'));
    const places = findStores(dir);
    const stores: StoreListing[] = [];
    for (const place of places) {
      const store = await listStore(place);
      stores.push(store);
      if (values.json !== true) process.stdout.write(`${storeText(store)}\n`);
    }
    process.stdout.write(
      values.json === true ? `${JSON.stringify({ folder: dir, stores }, undefined, 2)}\n` : ending(dir, stores),
    );
    return stores.some(({ journals }) => journals.some(({ error }) => error !== null)) ? FAILED : 0;
  },
};

function ending(dir: string, stores: readonly StoreListing[]): string {
  return stores.length === 0 ? `no journal in ${dir}\n` : summaryText(stores);
}
