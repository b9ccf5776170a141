/** `key=value` as somebody types it. */
import type { ConfigValue } from '../reading/config.js';
import { misuse } from './command.js';

/** In their order; a key that is given twice is a mistake. */
export function paramWords(command: string, option: string, words: readonly string[]): Map<string, ConfigValue> {
  const params = new Map<string, ConfigValue>();
  for (const word of words) {
    const at = word.indexOf('=');
    if (at < 1) throw misuse(command, `--${option} is key=value, got ${JSON.stringify(word)}`);
    const key = word.slice(0, at);
    if (params.has(key)) throw misuse(command, `--${option} ${key} is given twice`);
    params.set(key, valueIn(word.slice(at + 1)));
  }
  return params;
}

const NOT_IN_JSON: ReadonlyMap<string, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

/** What JSON takes for a value is that value, everything else is text; so `"1"` in quotes is text, too. */
function valueIn(word: string): ConfigValue {
  if (/^-?(?:0|[1-9]\d*)$/.test(word)) return wholeNumber(word);
  const number = NOT_IN_JSON.get(word);
  if (number !== undefined) return number;
  try {
    return JSON.parse(word) as ConfigValue; // which is what JSON has
  } catch {
    return word;
  }
}

/** All of its digits count. */
function wholeNumber(word: string): number | bigint {
  const value = Number(word);
  return Number.isSafeInteger(value) ? value : BigInt(word);
}
