import { parse, TomlDate, TomlError, type TomlTable, type TomlValue } from 'smol-toml';
import { MalformedError, type Parsed, type ParsedMap } from './parsed.js';

export function parseToml(text: string): ParsedMap {
  let table: TomlTable;
  try {
    table = parse(text, { integersAsBigInt: true });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // After the first line the message quotes the file.
    const [first = ''] = error.message.split('\n');
    const reason = first.replace('Invalid TOML document: ', '');
    throw new MalformedError(`malformed TOML: ${reason}`, { line: error.line, column: error.column });
  }
  return fromTable(table);
}

function fromTable(table: TomlTable): ParsedMap {
  return new Map(Object.entries(table).map(([key, value]) => [key, fromValue(value)]));
}

function fromValue(value: TomlValue): Parsed {
  if (value instanceof TomlDate) return fromDate(value);
  if (Array.isArray(value)) return value.map(fromValue);
  return typeof value === 'object' ? fromTable(value) : value;
}

/** A date or time without an offset names no point in time: it stays the text that it is. */
function fromDate(date: TomlDate): Date | string {
  if (!date.isLocal()) return new Date(date.getTime());
  // The library always gives milliseconds; files rarely have them.
  return date.toISOString().replace(/\.000$/, '');
}
