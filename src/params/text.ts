/**
 * Why no store can keep a text as it is, worded to follow what the text is of; undefined when it can.
 * Checked on the caller's thread: a lone surrogate is gone once the text is UTF-8 in the ring.
 */
export function textProblem(text: string): string | undefined {
  // An MLflow server stores such a value as '' and drops what follows it in the request.
  if (!text.isWellFormed()) return 'has a lone surrogate (half of a character); text.toWellFormed() replaces it';
  // PostgreSQL can't hold U+0000; the server answers 500, for ever.
  if (text.includes('\0')) return 'has a NUL character, which not every store can keep; remove it';
  return undefined;
}
