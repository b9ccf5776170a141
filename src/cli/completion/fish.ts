import type { Completed } from './completed.js';

export function fishScript(commands: readonly Completed[]): string {
  const names = commands.map(({ name }) => name).join(' ');
  const none = `not __fish_seen_subcommand_from ${names} help`;
  return [
    '# fish completion for headrace',
    ...commands.map(({ name, summary }) => `complete -c headrace -f -n '${none}' -a ${name} -d '${quoted(summary)}'`),
    `complete -c headrace -f -n '${none}' -a help -d 'Tell about a command'`,
    `complete -c headrace -f -n '__fish_seen_subcommand_from help' -a '${names}'`,
    ...commands.flatMap(optionLines),
    '',
  ].join('\n');
}

function optionLines({ name, options, choices }: Completed): string[] {
  const condition = `complete -c headrace -n '__fish_seen_subcommand_from ${name}'`;
  const words = choices[''];
  return [
    ...Object.entries(options).map(([option, { type }]) => {
      const values = choices[option];
      const value = values !== undefined ? ` -x -a '${values.join(' ')}'` : type === 'string' ? ' -r' : '';
      return `${condition} -l ${option}${value}`;
    }),
    `${condition} -s h -l help`,
    ...(words === undefined ? [] : [`${condition} -f -a '${words.join(' ')}'`]),
  ];
}

function quoted(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
}
