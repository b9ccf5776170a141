/** What the commands of `headrace` have in common. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { nearest } from '../nearest.js';

/** Exit codes; 0: done. */
export const FAILED = 1;
/** The command line can't be understood. */
export const MISUSED = 2;

export type Options = NonNullable<ParseArgsConfig['options']>;

export interface Command {
  readonly help: string;
  readonly options: Options;
  /** What an option may be, where that is one of a few words; by the empty name: what words that belong to none may be. */
  readonly choices?: Readonly<Record<string, readonly string[]>>;
  /** Answers the exit code. */
  run(args: readonly string[]): Promise<number>;
}

/** The command line can't be understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What stands on a command's line: its options, and the words between them. */
export function parseLine<T extends Options>(
  name: string,
  args: readonly string[],
  options: T,
): { readonly values: ReturnType<typeof parseArgs<{ options: T }>>['values']; readonly words: readonly string[] } {
  let parsed: ReturnType<typeof parseArgs<{ options: T; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const unknown = /^Unknown option '(-[^']*)'/.exec(error.message)?.[1];
    if (unknown === undefined) throw misuse(name, error.message.replace(/\.$/, ''));
    const meant = nearest(unknown.replace(/^-+/, ''), Object.keys(options));
    throw misuse(name, `there is no option ${unknown}`, meant === undefined ? undefined : `--${meant}`);
  }
  return { values: parsed.values, words: parsed.positionals };
}

/** `meant`: what was perhaps to be written instead. */
export function misuse(command: string, problem: string, meant?: string): UsageError {
  return new UsageError(`${problem}.${meant === undefined ? '' : ` Did you mean ${meant}?`} See headrace ${command} --help`);
}

export function atMostOne(command: string, words: readonly string[], what: string): string | undefined {
  if (words.length > 1) throw misuse(command, `one ${what} at most, got ${words.join(' ')}`);
  return words[0];
}

export function exactlyOne(command: string, words: readonly string[], what: string): string {
  const word = atMostOne(command, words, what);
  if (word === undefined || word === '') throw misuse(command, `name a ${what}`);
  return word;
}

/** What was chosen of a few words; the first of them where nothing was. */
export function chosen<const T extends string>(
  command: string,
  option: string,
  word: string | undefined,
  choices: readonly [T, ...T[]],
): T {
  if (word === undefined) return choices[0];
  const choice = choices.find((each) => each === word);
  if (choice !== undefined) return choice;
  throw misuse(command, `--${option} is ${choices.join(', ')}; got ${JSON.stringify(word)}`, nearest(word, choices));
}

/** Whole, and not negative. */
export function count(command: string, option: string, word: string | undefined, fallback: number): number {
  if (word === undefined) return fallback;
  if (/^\d{1,15}$/.test(word)) return Number(word);
  throw misuse(command, `--${option} is a whole number, got ${JSON.stringify(word)}`);
}

export function seconds(command: string, option: string, word: string | undefined, fallback: number): number {
  if (word === undefined) return fallback;
  const value = Number(word);
  // What Node's timers take.
  if (word.trim() !== '' && value >= 0 && value <= 2_000_000) return value;
  throw misuse(command, `--${option} is a number of seconds, got ${JSON.stringify(word)}`);
}

/** The words of another program stand behind `--`, and are none of ours. */
export function splitCommand(args: readonly string[]): { readonly own: readonly string[]; readonly command: readonly string[] } {
  const at = args.indexOf('--');
  return at < 0 ? { own: args, command: [] } : { own: args.slice(0, at), command: args.slice(at + 1) };
}
