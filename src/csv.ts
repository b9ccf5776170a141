/** Rows by RFC 4180; null: a missing value. */
export function csvText(rows: readonly (readonly (string | null)[])[]): string {
  return rows.map((row) => `${row.map(csvField).join(',')}\r\n`).join('');
}

/** Spreadsheets also compute what follows blanks or full-width signs. */
const STARTS_FORMULA = /^\s*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^[\t\r\n]/u;
/** `-0.5` and `-inf` are values, not formulas, and must stay what a program reads. */
const IS_NUMBER = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:inity)?)$/i;

/** With an apostrophe in front where a spreadsheet would compute it. */
export function guardedFromFormulas(text: string): string {
  return STARTS_FORMULA.test(text) && !IS_NUMBER.test(text) ? `'${text}` : text;
}

function csvField(text: string | null): string {
  if (text === null) return '';
  // Unlike a missing value.
  if (text === '') return '""';
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
