/**
 * Text into shared memory as UTF-8. What encoding would erase is found here, on the caller's side: a
 * lone surrogate would become U+FFFD, and servers store text with NUL as something else.
 */

export const LONE_SURROGATE = -2;
export const NUL_CHARACTER = -3;

/**
 * Up to this length a loop over `charCodeAt` beats a native write (on Node 20 up to 24 characters, on 22
 * and later up to 13; at 24 both cost about 60 ns).
 */
const LOOP_LENGTH = 24;

/** Above this length counting the bytes is cheaper than claiming three for every UTF-16 unit. */
const COUNT_LENGTH = 1024;

/** Bytes that `writeText` may need at most. */
export function textBound(text: string): number {
  return text.length <= COUNT_LENGTH ? text.length * 3 : Buffer.byteLength(text);
}

/** Returns the bytes written, or LONE_SURROGATE or NUL_CHARACTER. */
export function writeText(target: Buffer, offset: number, text: string): number {
  const length = text.length;
  if (length <= LOOP_LENGTH) {
    // Code 0 makes (code - 1) negative and code 128 and above has bit 7 or a higher one: one test for all.
    let seen = 0;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      seen |= code | (code - 1);
      target[offset + i] = code;
    }
    if ((seen & ~127) === 0) return length;
  }
  if (!text.isWellFormed()) return LONE_SURROGATE;
  if (text.includes('\0')) return NUL_CHARACTER;
  return target.write(text, offset, 'utf8');
}

export function readText(source: Buffer, start: number, end: number): string {
  return source.toString('utf8', start, end);
}
