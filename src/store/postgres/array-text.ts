/** Arrays as PostgreSQL reads them in a text: whole columns travel in one value, and pg's own way takes twice as long. */

const SPECIAL = /["\\]/;

/** One element. */
export function elementText(text: string): string {
  return SPECIAL.test(text) ? `"${text.replace(/["\\]/g, '\\$&')}"` : `"${text}"`;
}

/** Elements that are written already, or numbers. */
export function arrayOf(elements: readonly (string | number)[]): string {
  return `{${elements.join(',')}}`;
}

export function textArray(texts: readonly string[]): string {
  return arrayOf(texts.map(elementText));
}
