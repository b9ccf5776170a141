import type { Comparison } from './comparison.js';

/** JSON has no NaN and no infinities: they are the texts "NaN", "Infinity" and "-Infinity", where it would write null. */
export function formatJson(comparison: Comparison): string {
  const text = JSON.stringify(
    comparison,
    (_key, value: unknown) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value),
    2,
  );
  return `${text}\n`;
}
