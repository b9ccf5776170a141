import { OptionError } from '../errors.js';
import { parseStoreUri, type StoreLocation } from '../store/uri.js';
import { VERSION } from '../version.js';
import { type Colours, coloursFor } from './colours.js';
import { type Command, FAILED, misuse, parseLine } from './command.js';
import { type Finding, note, ok, todo } from './doctor/finding.js';
import { journals } from './doctor/journals.js';
import { nodeVersion, sqliteDriver } from './doctor/runtime.js';
import { amount } from './words.js';

const HELP = `Looks whether headrace can work here, and says what to do where it can't: Node and its SQLite, the store (a file
and its folder, a server, its answers and its clock, or a database and its tables), and the folder of journals with
what is left in it. Changes nothing.

Usage: headrace doctor [options]

Options:
  --uri <uri>    The store. Default: MLFLOW_TRACKING_URI, else sqlite:///mlflow.db
  --json         A JSON array of {state, what, remedy} instead of text; state: ok, note or todo
  -h, --help     This text

Examples:
  headrace doctor
  headrace doctor --uri http://mlflow.example:5000
  headrace doctor --json | jq '.[] | select(.state == "todo")'

Exit code: 0, or 1 if something must be done; 2 if misused.
`;

const OPTIONS = { uri: { type: 'string' }, json: { type: 'boolean' } } as const;

export const doctorCommand: Command = {
  help: HELP,
  options: OPTIONS,
  async run(args) {
    const { values, words } = parseLine('doctor', args, OPTIONS);
    if (words.length > 0) throw misuse('doctor', `it takes no ${JSON.stringify(words[0])}; the store is named by --uri`);
    const findings = await examine(values.uri ?? (process.env['MLFLOW_TRACKING_URI'] || 'sqlite:///mlflow.db'));
    const todos = findings.filter(({ state }) => state === 'todo');
    if (values.json === true) process.stdout.write(`${JSON.stringify(findings, undefined, 2)}\n`);
    else process.stdout.write(`${[...findings.map(lineOf(coloursFor(process.stdout))), '', summary(todos.length)].join('\n')}\n`);
    return todos.length > 0 ? FAILED : 0;
  },
};

async function examine(uri: string): Promise<Finding[]> {
  const env = process.env;
  const switches = [
    ...(env['HEADRACE_DISABLED'] === '1' ? [note('HEADRACE_DISABLED=1: programs log nothing', 'unset it to log')] : []),
    ...(env['HEADRACE_OFFLINE'] === '1' ? [note('HEADRACE_OFFLINE=1: what is logged stays in journals', 'headrace sync')] : []),
  ];
  const found = [ok(`headrace ${VERSION}`), nodeVersion(), ...switches, ...(await storeAt(uri))];
  try {
    return [...found, ...(await journals(found))];
  } catch (error) {
    return [...found, todo(error instanceof Error ? error.message : String(error))];
  }
}

async function storeAt(uri: string): Promise<Finding[]> {
  let location: StoreLocation;
  try {
    location = parseStoreUri(uri, process.cwd(), process.env);
  } catch (error) {
    // Also of the variables that a server needs; its message shows no secret.
    if (!(error instanceof OptionError)) throw error;
    return [todo(error.message)];
  }
  switch (location.kind) {
    case 'sqlite':
      return [sqliteDriver(), ...(await import('./doctor/sqlite-file.js')).sqliteFile(location)];
    case 'server':
      return await (await import('./doctor/server.js')).server(location);
    case 'postgres':
      return await (await import('./doctor/postgres.js')).postgres(location);
    case 'offline':
      return [note('offline: what is logged stays in journals', 'headrace sync <folder> --uri <uri>')];
  }
}

function lineOf({ good, bad, notable }: Colours): (finding: Finding) => string {
  const marks = { ok: good('ok  '), note: notable('note'), todo: bad('todo') };
  return ({ state, what, remedy }) => `${marks[state]}  ${what}${remedy === undefined ? '' : `\n      -> ${remedy}`}`;
}

function summary(count: number): string {
  return count === 0 ? 'all is well' : `${amount(count, 'thing')} to do`;
}
