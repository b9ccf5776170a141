import { type Completed, flags, freeFlags } from './completed.js';

export function zshScript(commands: readonly Completed[]): string {
  return `#compdef headrace
_headrace() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    '${name}:${quoted(summary)}'`).join('\n')}
    'help:Tell about a command'
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  if (( \${words[(i)--]} < CURRENT )); then
    _files
    return
  fi
  case "$words[2] $words[CURRENT-1]" in
${commands.flatMap(choiceCases).join('\n')}
  esac
  case "$words[2]" in
    help) _describe command commands ;;
${commands.map(commandCase).join('\n')}
  esac
}
compdef _headrace headrace
`;
}

function choiceCases(command: Completed): string[] {
  const { name, choices } = command;
  const known = Object.entries(choices)
    .filter(([option]) => option !== '')
    .map(([option, words]) => `    '${name} --${option}') compadd -- ${words.join(' ')}; return ;;`);
  const free = freeFlags(command).map((flag) => `'${name} ${flag}'`);
  return free.length === 0 ? known : [...known, `    ${free.join('|')}) _files; return ;;`];
}

function commandCase(command: Completed): string {
  const words = command.choices[''];
  const other = words === undefined ? '_files' : `compadd -- ${words.join(' ')}`;
  return `    ${command.name}) if [[ $PREFIX == -* ]]; then compadd -- ${flags(command).join(' ')}; else ${other}; fi ;;`;
}

function quoted(text: string): string {
  return text.replaceAll("'", `'\\''`).replaceAll(':', '\\:');
}
