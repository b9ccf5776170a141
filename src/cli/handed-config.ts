/** A configuration, handed to a command in one of the ways that programs take one. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigTree } from '../reading/config.js';
import { configText } from './config-format.js';

export interface Handed {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** When the command has ended. */
  remove(): void;
}

const PLACE = '{}';

export async function handAsFile(
  tree: ConfigTree,
  format: 'json' | 'yaml' | 'toml',
  command: readonly string[],
  omitted: (key: string) => void,
): Promise<Handed> {
  const text = await configText(tree, format, omitted);
  const folder = mkdtempSync(join(tmpdir(), 'headrace-'));
  const path = join(folder, `config.${format}`);
  writeFileSync(path, text, { mode: 0o600 });
  return {
    command: command.map((word) => word.replaceAll(PLACE, path)),
    env: { HEADRACE_CONFIG: path },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export async function handAsVariables(tree: ConfigTree, command: readonly string[]): Promise<Handed> {
  const { variablesOf } = await import('./formats/env.js');
  return { command, env: Object.fromEntries(variablesOf(tree)), remove: () => undefined };
}

/** In the place of `{}`, or behind the others. */
export async function handAsArguments(tree: ConfigTree, command: readonly string[]): Promise<Handed> {
  const { argumentsOf } = await import('./formats/args.js');
  const args = argumentsOf(tree);
  const placed = command.includes(PLACE) ? command.flatMap((word) => (word === PLACE ? args : [word])) : [...command, ...args];
  return { command: placed, env: {}, remove: () => undefined };
}
