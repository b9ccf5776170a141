/** SQL's LIKE: `%` stands for any text, `_` for one character (a code point); nothing takes that meaning away from them. */

/** Two places to go on from instead of a regular expression, whose time could explode: `%a%a%a%b` on a long text. */
export function isLike(text: string, pattern: string, ignoreCase: boolean): boolean {
  const held = characters(text, ignoreCase);
  const wanted = characters(pattern, ignoreCase);
  let at = 0;
  let from = 0;
  /** Behind the last `%`, and how far it reaches now. */
  let restart = -1;
  let reach = 0;
  while (at < held.length) {
    if (wanted[from] === '%') {
      restart = ++from;
      reach = at;
    } else if (from < wanted.length && (wanted[from] === '_' || wanted[from] === held[at])) {
      from++;
      at++;
    } else if (restart >= 0) {
      from = restart;
      at = ++reach;
    } else {
      return false;
    }
  }
  while (wanted[from] === '%') from++;
  return from === wanted.length;
}

function characters(text: string, ignoreCase: boolean): readonly string[] {
  // Each by itself: the case of a whole text may change its length, and depends on what stands beside a letter.
  return ignoreCase ? Array.from(text, (character) => character.toLowerCase()) : [...text];
}

/**
 * For an ILIKE that knows less of letters than we do, SQLite's of ASCII alone: a pattern that there matches all that
 * `pattern` matches here. Beyond ASCII, K is also the sign for Kelvin; and in Turkish I is not the capital of i.
 */
export function widerPattern(pattern: string): string {
  return pattern.replace(/[^\x20-\x7e]|[ik_]/giu, '%').replace(/%+/g, '%');
}
