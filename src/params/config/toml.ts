import type { TomlDate, TomlTable, TomlValue } from 'smol-toml';
import { load } from './load.js';
import { MalformedError, type Parsed, type ParsedMap, placeAt } from './parsed.js';

export function parseToml(text: string): ParsedMap {
  // `require` knows no types.
  const toml = load('smol-toml') as typeof import('smol-toml');
  let table: TomlTable;
  try {
    table = toml.parse(text, { integersAsBigInt: true });
  } catch (error) {
    if (!(error instanceof toml.TomlError)) throw error;
    // After the first line the message quotes the file.
    const [first = ''] = error.message.split('\n');
    const reason = first.replace('Invalid TOML document: ', '');
    throw new MalformedError(`malformed TOML: ${reason}`, { line: error.line, column: error.column });
  }
  return fromTable(table, text);
}

function fromTable(table: TomlTable, text: string): ParsedMap {
  return new Map(Object.entries(table).map(([key, value]) => [key, fromValue(value, text)]));
}

function fromValue(value: TomlValue, text: string): Parsed {
  if (value instanceof Date) return fromDate(value, text);
  if (Array.isArray(value)) return value.map((inner) => fromValue(inner, text));
  return typeof value === 'object' ? fromTable(value, text) : value;
}

/** A date or time without an offset names no point in time: it stays the text that it is. */
function fromDate(date: TomlDate, text: string): Date | string {
  const iso = date.toISOString();
  if (!date.isTime()) refuseRolledOver(iso, text);
  // The library always gives milliseconds; files rarely have them.
  return date.isLocal() ? iso.replace(/\.000$/, '') : new Date(date.getTime());
}

/** The library takes 30 February for 2 March, and a run's record would say so. */
function refuseRolledOver(iso: string, text: string): void {
  const [year = 0, month = 0, day = 0] = iso.slice(0, 10).split('-').map(Number);
  const monthBefore = new Date(Date.UTC(year, month - 1, 0));
  const impossible = `${monthBefore.toISOString().slice(0, 8)}${monthBefore.getUTCDate() + day}`;
  const at = text.indexOf(impossible);
  if (at !== -1) throw new MalformedError('malformed TOML: invalid date', placeAt(text, at));
}
