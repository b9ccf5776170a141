/** PostgreSQL's way to ask for what a filter may mean. */
import { widerPattern } from '../filter/like.js';
import type { Dialect } from '../sql/wider-condition.js';

/** As `numberOf` has it, but for words. A longer exponent could be more than `numeric` holds. Question marks stand for values. */
const NUMBER = "'^[+-]{0,1}([0-9]+[.]{0,1}[0-9]*|[.][0-9]+)([eE][+-]{0,1}[0-9]{1,3}){0,1}$'";
/** Infinities, and numbers of a longer exponent. In brackets, as in Turkish I is not the capital of i. */
const OTHER_NUMBER = "'[iI][nN][fF]|[eE][+-]{0,1}[0-9]{4}'";

export const POSTGRES_DIALECT: Dialect = {
  attributes: {
    run_id: 'r.run_uuid',
    status: 'r.status',
    user_id: "coalesce(r.user_id, '')",
    artifact_uri: 'r.artifact_uri',
    // As here: beyond 2^53 they are rounded.
    start_time: 'r.start_time::float8',
    end_time: 'r.end_time::float8',
  },
  notNan: 'NOT is_nan',
  // Whatever order the database has for texts. What is equal is so in all of them, and an index has the database's.
  compareText: (column, comparator) => `${column}${/^!?=$/.test(comparator) ? '' : ' COLLATE "C"'} ${comparator} ?`,
  like: (column, pattern, ignoreCase, bound) => {
    // Nothing takes the meaning of a character away.
    if (!ignoreCase) return { sql: `${column} LIKE ? ESCAPE ''`, values: [pattern] };
    // In this collation it is the case of ASCII alone.
    return bound === 'wider' ? { sql: `${column} COLLATE "C" ILIKE ? ESCAPE ''`, values: [widerPattern(pattern)] } : undefined;
  },
  // Not float8, which refuses what it has to make 0 or infinite.
  number: (column) => `CASE WHEN ${column} ~ ${NUMBER} THEN ${column}::numeric END`,
  otherNumbers: (column) => `${column} ~ ${OTHER_NUMBER}`,
  isNumber: (column) => `${column} ~ ${NUMBER}`,
};
