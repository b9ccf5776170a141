const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const INFINITE = /^(-?)inf(?:inity)?$/i;

/**
 * The number that a param's text is as a whole, as JavaScript or Python spells numbers: `0.001`, `1e-05`, `-inf`,
 * `Infinity`. Undefined for anything else: NaN, which equals nothing, blanks around, hexadecimal, `1_000`.
 */
export function numberOf(text: string): number | undefined {
  if (DECIMAL.test(text)) return Number(text);
  const infinite = INFINITE.exec(text);
  if (infinite === null) return undefined;
  return infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}
