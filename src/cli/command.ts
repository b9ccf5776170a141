/** What the commands of `headrace` have in common. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { nearest } from './nearest.js';

export interface Command {
  readonly help: string;
  /** Answers the exit code. */
  run(args: readonly string[]): Promise<number>;
}

/** The command line can't be understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export type Options = NonNullable<ParseArgsConfig['options']>;

/** What stands on a command's line, at most one folder among it. */
export function parseLine<T extends Options>(
  name: string,
  args: readonly string[],
  options: T,
): { readonly values: ReturnType<typeof parseArgs<{ options: T }>>['values']; readonly folder: string | undefined } {
  const see = `See headrace ${name} --help`;
  let parsed: ReturnType<typeof parseArgs<{ options: T; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const unknown = /^Unknown option '(-[^']*)'/.exec(error.message)?.[1];
    if (unknown === undefined) throw new UsageError(`${error.message}. ${see}`);
    const meant = nearest(unknown.replace(/^-+/, ''), Object.keys(options));
    throw new UsageError(`there is no option ${unknown}.${meant === undefined ? '' : ` Did you mean --${meant}?`} ${see}`);
  }
  const { values, positionals } = parsed;
  if (positionals.length > 1) throw new UsageError(`one folder at most, got ${positionals.join(' ')}. ${see}`);
  return { values, folder: positionals[0] };
}
