/** Choosing keys: a glob, in which `*` is any text and `?` one character, or a regular expression that is found in the key. */
export type KeyPattern = string | RegExp;

export function matches(key: string, pattern: KeyPattern): boolean {
  // `search` and not `test`: a regular expression with the flag g would remember where it was.
  return key.search(typeof pattern === 'string' ? glob(pattern) : pattern) >= 0;
}

function glob(pattern: string): RegExp {
  const source = pattern
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'su');
}
