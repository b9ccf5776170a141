import { nearest } from '../nearest.js';
import { type Command, exactlyOne, misuse, parseLine } from './command.js';
import { COMMANDS } from './commands.js';
import { bashScript } from './completion/bash.js';
import type { Completed } from './completion/completed.js';
import { fishScript } from './completion/fish.js';
import { zshScript } from './completion/zsh.js';

const HELP = `Prints a script that completes commands, options and their values in a shell.

Usage: headrace completion bash|zsh|fish

Options:
  -h, --help     This text

Examples:
  headrace completion bash > ~/.local/share/bash-completion/completions/headrace
  source <(headrace completion zsh)      # in ~/.zshrc, behind compinit
  headrace completion fish > ~/.config/fish/completions/headrace.fish

Exit code: 0, 2 if misused.
`;

const OPTIONS = {} as const;

const SCRIPTS: Readonly<Record<string, (commands: readonly Completed[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

export const completionCommand: Command = {
  help: HELP,
  options: OPTIONS,
  choices: { '': Object.keys(SCRIPTS) },
  async run(args) {
    const { words } = parseLine('completion', args, OPTIONS);
    const shell = exactlyOne('completion', words, 'shell');
    const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
    if (script === undefined)
      throw misuse('completion', `bash, zsh and fish; not ${JSON.stringify(shell)}`, nearest(shell, Object.keys(SCRIPTS)));
    const commands: Completed[] = [];
    for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
      const { options, choices = {} } = await load();
      commands.push({ name, summary, options, choices });
    }
    process.stdout.write(script(commands));
    return 0;
  },
};
