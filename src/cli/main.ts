#!/usr/bin/env node
import { nearest } from '../nearest.js';
/** The command `headrace`. */
import { VERSION } from '../version.js';
import { type Command, FAILED, MISUSED, splitCommand, UsageError } from './command.js';
import { COMMANDS } from './commands.js';

const HELP = `headrace ${VERSION}: experiment logging that does not make the program wait

Usage: headrace <command> [options]

Commands:
${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(12)}${summary}`)
  .join('\n')}
  help [command]

Options:
  -h, --help     This text, or a command's
  -V, --version  The version

Where the runs are: --uri, else MLFLOW_TRACKING_URI, else sqlite:///mlflow.db

Examples:
  headrace exec --param lr=0.01 -- python train.py
  headrace runs "metrics.accuracy > 0.9" --order "metrics.accuracy DESC"
  headrace compare brisk-otter-1 calm-lake-7 --only-different
  headrace export brisk-otter-1 --format yaml > config.yaml
  headrace help sync

Exit codes: 0 done, 1 failed, 2 misused; exec and reproduce end as their command does.
`;

// Whoever reads only the first lines (head, less) has what was wanted.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit();
  process.stderr.write(`headrace: stdout can't be written: ${error.message}\n`);
  process.exit(FAILED);
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
  const { own } = splitCommand(rest);
  if (own.includes('-h') || own.includes('--help')) {
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
