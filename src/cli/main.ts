#!/usr/bin/env node
/** The command `headrace`. Each of its commands is loaded only when it is asked for: help should come at once. */
import { VERSION } from '../version.js';
import { type Command, UsageError } from './command.js';
import { nearest } from './nearest.js';

interface Entry {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

const COMMANDS: Readonly<Record<string, Entry>> = {
  journal: {
    summary: 'List what is in journals on this machine and has not reached its store',
    load: async () => (await import('./journal-command.js')).journalCommand,
  },
  sync: {
    summary: 'Send it there',
    load: async () => (await import('./sync-command.js')).syncCommand,
  },
};

const HELP = `headrace ${VERSION}: experiment logging that does not make the program wait

Usage: headrace <command> [options]

Commands:
${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`)
  .join('\n')}
  help [command]

Options:
  -h, --help     This text, or a command's
  -V, --version  The version

Examples:
  headrace journal
  headrace sync
  headrace help sync
`;

const FAILED = 1;
const MISUSED = 2;

// Whoever reads only the first lines (head, less) has what was wanted.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`headrace: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? MISUSED : FAILED;
}

async function run([first, ...rest]: readonly string[]): Promise<number> {
  switch (first) {
    case undefined:
      process.stderr.write(HELP);
      return MISUSED;
    case '-V':
    case '--version':
      process.stdout.write(`${VERSION}\n`);
      return 0;
    case 'help':
    case '-h':
    case '--help':
      process.stdout.write(rest[0] === undefined ? HELP : (await command(rest[0])).help);
      return 0;
  }
  const asked = await command(first);
  if (rest.includes('-h') || rest.includes('--help')) {
    process.stdout.write(asked.help);
    return 0;
  }
  return await asked.run(rest);
}

async function command(name: string): Promise<Command> {
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (entry !== undefined) return await entry.load();
  const meant = nearest(name, [...Object.keys(COMMANDS), 'help']);
  const hint = meant === undefined ? '' : ` Did you mean ${meant}?`;
  throw new UsageError(`there is no command ${JSON.stringify(name)}.${hint} See headrace --help`);
}
