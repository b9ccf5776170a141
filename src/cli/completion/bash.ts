import { type Completed, flags, freeFlags } from './completed.js';

/** Behind `--` stands another program's line, which bash completes by files. */
export function bashScript(commands: readonly Completed[]): string {
  return `# bash completion for headrace
_headrace() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} word
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W '${commands.map(({ name }) => name).join(' ')} help --help --version' -- "$cur"))
    return
  fi
  for word in "\${COMP_WORDS[@]:2:COMP_CWORD-2}"; do
    [[ $word == -- ]] && return
  done
  case "\${COMP_WORDS[1]} $prev" in
${commands.flatMap(choiceCases).join('\n')}
  esac
  case "\${COMP_WORDS[1]}" in
    help) COMPREPLY=($(compgen -W '${commands.map(({ name }) => name).join(' ')}' -- "$cur")) ;;
${commands.map(commandCase).join('\n')}
  esac
}
complete -o default -F _headrace headrace
`;
}

function choiceCases(command: Completed): string[] {
  const { name, choices } = command;
  const known = Object.entries(choices)
    .filter(([option]) => option !== '')
    .map(([option, words]) => `    '${name} --${option}') COMPREPLY=($(compgen -W '${words.join(' ')}' -- "$cur")); return ;;`);
  const free = freeFlags(command).map((flag) => `'${name} ${flag}'`);
  return free.length === 0 ? known : [...known, `    ${free.join(' | ')}) return ;;`];
}

function commandCase(command: Completed): string {
  const words = command.choices['']?.join(' ');
  const other = words === undefined ? '' : `; [[ $cur != -* ]] && COMPREPLY=($(compgen -W '${words}' -- "$cur"))`;
  return `    ${command.name}) [[ $cur == -* ]] && COMPREPLY=($(compgen -W '${flags(command).join(' ')}' -- "$cur"))${other} ;;`;
}
