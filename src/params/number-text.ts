/** Numbers as params hold them: text that a program of JavaScript or of Python wrote. */

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i;
const NOT_FINITE: ReadonlyMap<string, number> = new Map([
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['infinity', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['-infinity', Number.NEGATIVE_INFINITY],
]);

/** Undefined: the text is no number. Hexadecimal, digit groups and blanks are none: nobody logs numbers so. */
export function numberOf(text: string): number | undefined {
  return isDecimal(text) ? Number(text) : NOT_FINITE.get(text.toLowerCase());
}

/**
 * The same for two texts that are one number, and for no others; undefined: the text is no number. By digits and not as
 * a double, in which integers beyond 2^53 would run into each other.
 */
export function numberIdentity(text: string): string | undefined {
  const decimal = DECIMAL.exec(text);
  if (decimal === null || !isDecimal(text)) {
    const value = NOT_FINITE.get(text.toLowerCase());
    return value === undefined ? undefined : String(value);
  }
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = decimal;
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - significant.length);
  return `${sign === '-' ? '-' : ''}${significant}e${power}`;
}

/** Equal as text, or one number. */
export function sameValue(left: string, right: string): boolean {
  if (left === right) return true;
  const identity = numberIdentity(left);
  return identity !== undefined && identity === numberIdentity(right);
}

function isDecimal(text: string): boolean {
  return DECIMAL.test(text) && /^[+-]?\.?\d/.test(text);
}
