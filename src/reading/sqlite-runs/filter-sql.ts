/** SQLite's way to ask for what a filter may mean. */
import { widerPattern } from '../filter/like.js';
import type { Dialect } from '../sql/wider-condition.js';

/** Of a pattern. SQLite's limit is 50,000 bytes. */
const LONGEST_PATTERN = 5000;

export const SQLITE_DIALECT: Dialect = {
  attributes: {
    run_id: 'r.run_uuid',
    status: 'r.status',
    user_id: "coalesce(r.user_id, '')",
    artifact_uri: 'r.artifact_uri',
    start_time: 'r.start_time',
    end_time: 'r.end_time',
  },
  notNan: 'is_nan = 0',
  compareText: (column, comparator) => `${column} ${comparator} ?`,
  like: (column, pattern, ignoreCase, bound) => {
    if (ignoreCase || pattern.length > LONGEST_PATTERN) {
      if (bound === 'narrower') return undefined;
      if (pattern.length > LONGEST_PATTERN) return { sql: 'TRUE', values: [] };
      return { sql: `${column} LIKE ?`, values: [widerPattern(pattern)] };
    }
    return { sql: `${column} GLOB ?`, values: [globOf(pattern)] };
  },
  // It reads the number at the front of a text, 0 where there is none, and may be off in the last digits.
  number: (column) => `CAST(${column} AS REAL)`,
  otherNumbers: (column, comparator) => (comparator === '=' ? undefined : `${column} LIKE '%inf%'`),
  // What is JSON and has none but these characters is a number as a whole.
  isNumber: (column) => `${column} NOT GLOB '*[^0-9eE.+-]*' AND json_valid(${column})`,
};

/** GLOB minds case, which SQLite's LIKE does not. */
function globOf(pattern: string): string {
  return pattern.replace(/[*?[]/g, '[$&]').replace(/%+/g, '*').replaceAll('_', '?');
}
