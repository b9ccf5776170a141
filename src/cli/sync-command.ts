import { basename } from 'node:path';
import { journalHome, readHome } from '../journal/home.js';
import type { LeftoverProgress } from '../lane/leftovers.js';
import { replay } from '../lane/replay.js';
import { resolveOptions, type Settings } from '../options.js';
import { atMostOne, type Command, FAILED, parseLine, seconds, UsageError } from './command.js';
import { listStore } from './listing.js';
import { chosenDir, findStores, type StorePlace } from './places.js';
import { ProgressLine } from './progress-line.js';
import { amount } from './words.js';

const WAIT_SECONDS = 60;

const HELP = `Sends what killed, crashed or offline programs have left in journals to its store. Safe to run twice, at
the same time, while programs are logging, and after being stopped half-way: nothing is stored twice.
Journals of programs that live are left to them.

Usage: headrace sync [folder] [options]

  folder         All journals, those of one store, or one journal.
                 Default: HEADRACE_DIR, else .headrace

Options:
  --uri <uri>    Where to. Default: where the program wanted to log. Needed after logging to 'offline'
  --wait <s>     Seconds that a store which takes nothing is waited for. Default: ${WAIT_SECONDS}
  -h, --help     This text

Credentials come from the environment, as for a program that logs.

Examples:
  headrace sync
  headrace sync /data/project/.headrace/offline-8e2c7ac5 --uri https://mlflow.example

Exit code: 0 if everything is stored, 1 if something is left or was refused.
`;

const OPTIONS = { uri: { type: 'string' }, wait: { type: 'string' } } as const;

export const syncCommand: Command = {
  help: HELP,
  options: OPTIONS,
  async run(args) {
    const { values, words } = parseLine('sync', args, OPTIONS);
    const waitMs = 1000 * seconds('sync', 'wait', values.wait, WAIT_SECONDS);
    const dir = chosenDir(atMostOne('sync', words, 'folder'));
    const places = findStores(dir).filter(({ journals }) => journals.length > 0);
    if (values.uri !== undefined && places.length > 1) {
      const homes = places.map(({ home }) => home).join(', ');
      throw new UsageError(`--uri is for the journals of one store; name one of these folders: ${homes}`);
    }
    if (places.length === 0) process.stdout.write(`nothing to send in ${dir}\n`);
    const stop = new AbortController();
    const onSignal = (signal: NodeJS.Signals): void => stop.abort(signal);
    // Once: whoever can't wait asks again.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal);
    let isComplete = true;
    for (const place of places) {
      if (stop.signal.aborted) break;
      isComplete = (await sendStore(place, values.uri, waitMs, stop.signal)) && isComplete;
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
    // As if nobody had listened; what has landed is written down.
    if (stop.signal.aborted) process.kill(process.pid, stop.signal.reason as NodeJS.Signals); // given above
    return isComplete ? 0 : FAILED;
  },
};

/** False: something is left, or was refused. */
async function sendStore(place: StorePlace, uri: string | undefined, waitMs: number, stop: AbortSignal): Promise<boolean> {
  const { home, journals } = place;
  let settings: Settings;
  try {
    settings = settingsFor(home, uri);
  } catch (error) {
    process.stderr.write(`headrace: ${home}: ${error instanceof Error ? error.message : String(error)}\n`);
    return false;
  }
  const { display } = settings.location;
  const line = new ProgressLine(display);
  const tooLong = new AbortController();
  let patience: NodeJS.Timeout | undefined;
  let progress: Readonly<LeftoverProgress>;
  try {
    progress = await replay({
      home,
      folders: journals,
      settings,
      watcher: {
        down: (error) => {
          line.say(error.message);
          patience ??= setTimeout(() => tooLong.abort(), waitMs);
        },
        up: () => {
          line.say(`${display} takes records again`);
          clearTimeout(patience);
          patience = undefined;
        },
        notice: (text) => line.say(text),
      },
      onProgress: ({ settled, records }) => line.show(Math.min(settled, records), records),
      signal: AbortSignal.any([stop, tooLong.signal]),
    });
  } finally {
    clearTimeout(patience);
    line.end();
  }
  if (tooLong.signal.aborted) process.stderr.write(`headrace: ${display} has taken nothing for ${waitMs / 1000} s\n`);
  const left = await leftIn(place);
  process.stdout.write(outcome(display, progress, left));
  return left === 0 && progress.buried === 0 && !tooLong.signal.aborted;
}

function outcome(display: string, { runs, records, buried, live }: Readonly<LeftoverProgress>, left: number): string {
  // By what the journals hold now, and not by what was counted on the way.
  const stored = Math.max(0, records - left - buried);
  const parts = [`${amount(stored, 'record')} of ${amount(runs, 'run')} stored`];
  if (buried > 0) parts.push(`${amount(buried, 'record')} refused for good (headrace journal tells why)`);
  if (left > 0) parts.push(`${amount(left, 'record')} left`);
  if (live > 0) parts.push(`${amount(live, 'journal')} left to programs that are running`);
  return `${display}: ${parts.join(', ')}\n`;
}

/** Records that wait for the next time. */
async function leftIn(place: StorePlace): Promise<number> {
  const { journals } = await listStore(place);
  const dead = journals.filter(({ owner }) => owner === null);
  return dead.flatMap(({ runs }) => runs).reduce((sum, { pending }) => sum + pending, 0);
}

/** As a program's that logs there, with this environment. */
function settingsFor(home: string, given: string | undefined): Settings {
  const uri = given ?? readHome(home);
  if (uri === undefined) throw new Error('it does not say which store it is for; name it with --uri');
  // Switched off for programs, perhaps: what is asked for here is meant.
  const { HEADRACE_OFFLINE: _offline, HEADRACE_DISABLED: _disabled, ...env } = process.env;
  const settings = resolveOptions({ uri }, env, process.cwd());
  const { location } = settings;
  if (location.kind === 'offline') throw new Error('it was logged offline; name the store to send it to with --uri');
  if (given === undefined && location.kind === 'server' && location.uri !== location.display) {
    // A profile leads wherever its file says now.
    if (basename(journalHome('', location)) !== basename(home)) {
      throw new Error(`${uri} leads to ${location.display} now, where this was not logged to; name the store with --uri`);
    }
  }
  return settings;
}
