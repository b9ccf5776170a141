/** A command, as a shell has to know it. */
import type { Command, Options } from '../command.js';

export interface Completed {
  readonly name: string;
  readonly summary: string;
  readonly options: Options;
  readonly choices: NonNullable<Command['choices']>;
}

/** `--uri`, and `--help` that every command has. */
export function flags({ options }: Completed): string[] {
  return [...Object.keys(options).sort(), 'help'].map((name) => `--${name}`);
}

/** Flags that a word belongs to which only the caller knows: a path may be as good as any. */
export function freeFlags({ options, choices }: Completed): string[] {
  return Object.entries(options).flatMap(([name, { type }]) =>
    type === 'string' && choices[name] === undefined ? [`--${name}`] : [],
  );
}
