/** An MLflow server stores such a value as '' and drops what follows it in the request. */
export const HAS_LONE_SURROGATE = 'has a lone surrogate (half of a character); text.toWellFormed() replaces it';

/** PostgreSQL can't hold U+0000; the server answers 500, for ever. */
export const HAS_NUL_CHARACTER = 'has a NUL character, which not every store can keep; remove it';

/**
 * Why no store can keep a text as it is, worded to follow what the text is of; undefined when it can.
 * Checked on the caller's thread: a lone surrogate is gone once the text is UTF-8 in the ring.
 */
export function textProblem(text: string): string | undefined {
  if (!text.isWellFormed()) return HAS_LONE_SURROGATE;
  return text.includes('\0') ? HAS_NUL_CHARACTER : undefined;
}
