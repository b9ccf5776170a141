/**
 * Which separators of a key stand within one of the names that were joined to it: bit n is that of the key's separator n.
 * 0: none of them, as in most keys. So the names need not travel beside the key.
 */
export type InnerSeparators = number;

/** As many bits as a record has for it. */
const INNER_BITS = 16;

/** A separator behind those that there are bits for stands within a name. */
export const TOO_MANY = -1;

/** Of names joined one after the other; `before`: separators in front of the last of them, `count`: in it. */
export function withInner(inner: InnerSeparators, before: number, count: number): InnerSeparators {
  if (count === 0) return inner;
  return before + count > INNER_BITS ? TOO_MANY : inner | (((1 << count) - 1) << before);
}

/** The names that were joined to the key. */
export function namesIn(key: string, separator: '.' | '/', inner: InnerSeparators): readonly string[] {
  const [first = '', ...parts] = key.split(separator);
  const names = [first];
  for (const [n, part] of parts.entries()) {
    // Behind the last bit nothing is within a name, and a shift by 32 would be one by 0.
    if (n < INNER_BITS && (inner >>> n) & 1) names.push(names.pop() + separator + part);
    else names.push(part);
  }
  return names;
}

export function countOf(separator: string, text: string): number {
  let count = 0;
  for (let at = text.indexOf(separator); at !== -1; at = text.indexOf(separator, at + 1)) count++;
  return count;
}
