/**
 * What every parser makes of a file. Maps, because objects would move integer-like keys to the front and
 * trip over `__proto__`. A bigint was spelled as an integer in the file, a number as a float.
 */
export type Parsed = string | number | bigint | boolean | null | Date | Parsed[] | ParsedMap;
export type ParsedMap = Map<string, Parsed>;

/** Counting from 1; a column is a UTF-16 unit, as editors count. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/**
 * The file breaks the rules of its format. `reason` tells the kind of problem and never shows what the
 * file holds: a config file may have secrets in it, and errors end up in logs.
 */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';
  readonly reason: string;
  readonly place: Place | undefined;

  constructor(reason: string, place?: Place) {
    super(reason);
    this.reason = reason;
    this.place = place;
  }
}

export function placeAt(text: string, offset: number): Place {
  const before = text.slice(0, offset);
  let line = 1;
  for (let at = before.indexOf('\n'); at !== -1; at = before.indexOf('\n', at + 1)) line += 1;
  return { line, column: offset - before.lastIndexOf('\n') };
}
