/** Lengths as MLflow counts them: in code points. */

/** Code points of well-formed text. */
export function codePoints(text: string): number {
  let pairs = 0;
  for (let i = 0; i < text.length; i++) {
    // The second half of a pair is what UTF-16 has over code points; counting halves needs no look ahead.
    if ((text.charCodeAt(i) & 0xfc00) === 0xdc00) pairs++;
  }
  return text.length - pairs;
}

/** True when `text` has more than `limit` code points. Nearly every value is short enough to know without counting. */
export function isLonger(text: string, limit: number): boolean {
  if (text.length <= limit) return false;
  return text.length > limit * 2 || codePoints(text) > limit;
}

/** The first `limit` code points of `text`; never half a pair. */
export function cutToCodePoints(text: string, limit: number): string {
  if (text.length <= limit) return text;
  let end = 0;
  for (let taken = 0; taken < limit && end < text.length; taken++) end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1;
  return text.slice(0, end);
}
