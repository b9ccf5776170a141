/** The part of a filter that SQLite can see to, so that only few runs have to be loaded and looked at. */
import { pythonNumber } from '../../params/python-text.js';
import type { SqlValue } from '../../store/sqlite/driver.js';
import { widerPattern } from '../filter/like.js';
import type { Comparator, Filter, Leaf, Literal, Operand } from '../filter/tree.js';

/** Of the row `r` of `runs`; never NULL. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/** Under a `not`, too little must be asked for instead of too much. */
type Bound = 'wider' | 'narrower';

/** SQLite takes expressions of a depth of 1000, and 32766 values. */
const MOST_VALUES = 400;
/** Of a pattern. SQLite's limit is 50,000 bytes. */
const LONGEST_PATTERN = 5000;

/** Holds for every run that `filter` holds for, and perhaps for others; undefined: none such is known. */
export function widerCondition(filter: Filter): Condition | undefined {
  return valuesIn(filter) > MOST_VALUES ? undefined : wider(filter, false);
}

function valuesIn(filter: Filter): number {
  if (filter.kind === 'and' || filter.kind === 'or') return filter.parts.reduce((sum, part) => sum + valuesIn(part), 0);
  if (filter.kind === 'not') return valuesIn(filter.part);
  return filter.kind === 'in' ? filter.values.length : 1;
}

function wider(filter: Filter, negated: boolean): Condition | undefined {
  if (filter.kind === 'not') return wider(filter.part, !negated);
  if (filter.kind === 'and' || filter.kind === 'or') {
    const conditions = filter.parts.map((part) => wider(part, negated));
    const known = conditions.filter((condition) => condition !== undefined);
    const word = (filter.kind === 'and') === negated ? 'OR' : 'AND';
    if (known.length === 0 || (word === 'OR' && known.length < conditions.length)) return undefined;
    return { sql: `(${known.map(({ sql }) => sql).join(` ${word} `)})`, values: known.flatMap(({ values }) => values) };
  }
  if (!negated) return ofLeaf(filter, 'wider');
  const narrower = ofLeaf(filter, 'narrower');
  return narrower === undefined ? undefined : { sql: `NOT ${narrower.sql}`, values: narrower.values };
}

function ofLeaf(leaf: Leaf, bound: Bound): Condition | undefined {
  const { of, key } = leaf.operand;
  // Such a text stands in no file, and SQLite's ideas of it differ.
  if (!isPlain(key)) return undefined;
  if (of !== 'attributes') {
    const rows = `(SELECT run_uuid FROM ${of === 'metrics' ? 'latest_metrics' : of} WHERE key = ?`;
    if (leaf.kind === 'null') return { sql: `(r.run_uuid ${leaf.negated ? '' : 'NOT '}IN ${rows}))`, values: [key] };
    const value = ofValue(leaf, 'value', bound);
    return value === undefined ? undefined : { sql: `(r.run_uuid IN ${rows} AND ${value.sql}))`, values: [key, ...value.values] };
  }
  const column = COLUMNS[key];
  if (column === undefined) return undefined;
  if (leaf.kind === 'null') return { sql: `(${column} IS ${leaf.negated ? 'NOT ' : ''}NULL)`, values: [] };
  const value = ofValue(leaf, column, bound);
  // What is NULL fits no comparison.
  return value === undefined ? undefined : { sql: `((${value.sql}) IS TRUE)`, values: value.values };
}

const COLUMNS: Readonly<Record<string, string>> = {
  run_id: 'r.run_uuid',
  status: 'r.status',
  user_id: "coalesce(r.user_id, '')",
  artifact_uri: 'r.artifact_uri',
  start_time: 'r.start_time',
  end_time: 'r.end_time',
};

/** Every value, so that what is left to say is that there is one; certain is nothing. */
function unknown(bound: Bound): Condition | undefined {
  return bound === 'wider' ? { sql: 'TRUE', values: [] } : undefined;
}

function ofValue(leaf: Exclude<Leaf, { kind: 'null' }>, column: string, bound: Bound): Condition | undefined {
  if (leaf.kind === 'compare') return ofComparison(leaf.operand, column, leaf.comparator, leaf.value, bound);
  if (leaf.kind === 'in') {
    const comparator = leaf.negated ? '!=' : '=';
    const parts = leaf.values.map((value) => ofComparison(leaf.operand, column, comparator, value, bound));
    const known = parts.filter((part) => part !== undefined);
    if (known.length === 0 || (leaf.negated && known.length < parts.length)) return undefined;
    return {
      sql: `(${known.map(({ sql }) => `(${sql})`).join(leaf.negated ? ' AND ' : ' OR ')})`,
      values: known.flatMap(({ values }) => values),
    };
  }
  const { pattern, ignoreCase } = leaf;
  if (!isPlain(pattern) || pattern.length > LONGEST_PATTERN) return unknown(bound);
  if (!ignoreCase) return { sql: `${column} GLOB ?`, values: [globOf(pattern)] };
  return bound === 'wider' ? { sql: `${column} LIKE ?`, values: [widerPattern(pattern)] } : undefined;
}

function ofComparison(
  { of }: Operand,
  column: string,
  comparator: Comparator,
  value: Literal,
  bound: Bound,
): Condition | undefined {
  if (typeof value === 'string') {
    // MLflow leaves no tag NULL, but its table would let it.
    const text = of === 'tags' ? `coalesce(${column}, '')` : column;
    return isPlain(value) ? { sql: `${text} ${comparator} ?`, values: [value] } : unknown(bound);
  }
  // The largest double stands for an infinity in the file.
  if (Math.abs(value) >= Number.MAX_VALUE) return unknown(bound);
  if (of === 'attributes') return { sql: `${column} ${comparator} ?`, values: [value] };
  if (of === 'metrics') return { sql: `is_nan = 0 AND ${column} ${comparator} ?`, values: [value] };
  return bound === 'wider' ? widerThanNumber(column, comparator, value) : narrowerThanNumber(column, comparator, value);
}

/** SQLite reads the number at the front of a text, 0 where there is none, and may be off in the last digits. */
function widerThanNumber(column: string, comparator: Comparator, value: number): Condition | undefined {
  const number = `CAST(${column} AS REAL)`;
  const slack = slackOf(value);
  switch (comparator) {
    case '!=':
      return unknown('wider');
    case '=':
      return { sql: `${number} BETWEEN ? AND ?`, values: [value - slack, value + slack] };
    case '<':
    case '<=':
    case '>':
    case '>=': {
      const [sign, limit] = comparator.startsWith('<') ? ['<=', value + slack] : ['>=', value - slack];
      const sql = `(${number} ${sign} ? OR ${column} LIKE '%inf%')`;
      if (comparator.endsWith('=')) return { sql, values: [limit] };
      // The values of a grid: most of those within the slack are this very number.
      return { sql: `${column} NOT IN (?, ?) AND ${sql}`, values: [...spellingsOf(value), limit] };
    }
  }
}

/** What is JSON and has none but these characters is a number as a whole. */
function narrowerThanNumber(column: string, comparator: Comparator, value: number): Condition | undefined {
  const number = `${column} NOT GLOB '*[^0-9eE.+-]*' AND json_valid(${column}) AND CAST(${column} AS REAL)`;
  const slack = slackOf(value);
  switch (comparator) {
    case '=':
      return undefined;
    case '!=':
      return { sql: `${number} NOT BETWEEN ? AND ?`, values: [value - slack, value + slack] };
    case '<':
    case '<=':
    case '>':
    case '>=': {
      const [sign, limit] = comparator.startsWith('<') ? ['<', value - slack] : ['>', value + slack];
      const sql = `${number} ${sign} ?`;
      if (!comparator.endsWith('=')) return { sql, values: [limit] };
      return { sql: `(${column} IN (?, ?) OR ${sql})`, values: [...spellingsOf(value), limit] };
    }
  }
}

/** JavaScript's and Python's. */
function spellingsOf(value: number): readonly [string, string] {
  return [String(value), pythonNumber(value)];
}

function slackOf(value: number): number {
  return Math.abs(value) * 1e-9 + Number.MIN_VALUE;
}

/** GLOB minds case, which SQLite's LIKE does not. */
function globOf(pattern: string): string {
  return pattern.replace(/[*?[]/g, '[$&]').replace(/%+/g, '*').replaceAll('_', '?');
}

function isPlain(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}
