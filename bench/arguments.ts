import { parseArgs } from 'node:util';
import type { Scale } from './question.js';

export interface Arguments<Name extends string> {
  /** What to ask: those named on the command line, else all. */
  readonly names: readonly Name[];
  readonly scale: Scale;
  /** Nothing was left out. */
  readonly whole: boolean;
}

/** The command line `[question …] [--quick]`; ends the process for a question that there is not. */
export function readArguments<Name extends string>(command: string, known: readonly Name[]): Arguments<Name> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { quick: { type: 'boolean', default: false } } });
  const isKnown = (name: string): name is Name => known.some((each) => each === name);
  const unknown = positionals.filter((name) => !isKnown(name));
  if (unknown.length > 0) {
    console.error(`${command}: no question ${unknown.join(', ')}; there are ${known.join(', ')}`);
    process.exit(1);
  }
  const named = positionals.filter(isKnown);
  const scale: Scale = values.quick
    ? { name: 'quick', of: (_full, quick) => quick }
    : { name: 'full', of: (full, _quick) => full };
  return { names: named.length > 0 ? named : known, scale, whole: named.length === 0 && !values.quick };
}
