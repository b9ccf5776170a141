/** The part of a filter that a database can see to, so that only few runs have to be loaded and looked at. */
import { pythonNumber } from '../../params/python-text.js';
import type { Comparator, Filter, Leaf, Literal, Operand } from '../filter/tree.js';

/** Of the row `r` of `runs`; never NULL. `?` stands for each value, and for nothing else. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly Literal[];
}

/** Under a `not`, too little must be asked for instead of too much. */
export type Bound = 'wider' | 'narrower';

/** Where databases differ. What it says of a column may be NULL where the column is. */
export interface Dialect {
  /** Those that aren't here are not asked for. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Of a row of `latest_metrics`. */
  readonly notNan: string;
  /** By code points. */
  compareText(column: string, comparator: Comparator): string;
  like(column: string, pattern: string, ignoreCase: boolean, bound: Bound): Condition | undefined;
  /** The number that a text is, perhaps off in its last digits; of a text that is none: anything. */
  number(column: string): string;
  /** Holds for texts that are numbers fit for the comparison, and that `number` doesn't know; undefined: there are none. */
  otherNumbers(column: string, comparator: Comparator): string | undefined;
  /** Holds for no text but such that `number` knows. */
  isNumber(column: string): string;
}

/** SQLite takes expressions of a depth of 1000, and 32766 values. */
const MOST_VALUES = 400;

/** Holds for every run that `filter` holds for, and perhaps for others; undefined: none such is known. */
export function widerCondition(filter: Filter, dialect: Dialect): Condition | undefined {
  return valuesIn(filter) > MOST_VALUES ? undefined : wider(filter, false, dialect);
}

function valuesIn(filter: Filter): number {
  if (filter.kind === 'and' || filter.kind === 'or') return filter.parts.reduce((sum, part) => sum + valuesIn(part), 0);
  if (filter.kind === 'not') return valuesIn(filter.part);
  return filter.kind === 'in' ? filter.values.length : 1;
}

function wider(filter: Filter, negated: boolean, dialect: Dialect): Condition | undefined {
  if (filter.kind === 'not') return wider(filter.part, !negated, dialect);
  if (filter.kind === 'and' || filter.kind === 'or') {
    const conditions = filter.parts.map((part) => wider(part, negated, dialect));
    const known = conditions.filter((condition) => condition !== undefined);
    const word = (filter.kind === 'and') === negated ? 'OR' : 'AND';
    if (known.length === 0 || (word === 'OR' && known.length < conditions.length)) return undefined;
    return { sql: `(${known.map(({ sql }) => sql).join(` ${word} `)})`, values: known.flatMap(({ values }) => values) };
  }
  if (!negated) return ofLeaf(filter, 'wider', dialect);
  const narrower = ofLeaf(filter, 'narrower', dialect);
  return narrower === undefined ? undefined : { sql: `NOT ${narrower.sql}`, values: narrower.values };
}

function ofLeaf(leaf: Leaf, bound: Bound, dialect: Dialect): Condition | undefined {
  const { of, key } = leaf.operand;
  // Such a text stands in no database, and its ideas of it differ.
  if (!isPlain(key)) return undefined;
  if (of !== 'attributes') {
    const rows = `(SELECT run_uuid FROM ${of === 'metrics' ? 'latest_metrics' : of} WHERE key = ?`;
    if (leaf.kind === 'null') return { sql: `(r.run_uuid ${leaf.negated ? '' : 'NOT '}IN ${rows}))`, values: [key] };
    const value = ofValue(leaf, 'value', bound, dialect);
    return value === undefined ? undefined : { sql: `(r.run_uuid IN ${rows} AND ${value.sql}))`, values: [key, ...value.values] };
  }
  const column = dialect.attributes[key];
  if (column === undefined) return undefined;
  if (leaf.kind === 'null') return { sql: `(${column} IS ${leaf.negated ? 'NOT ' : ''}NULL)`, values: [] };
  const value = ofValue(leaf, column, bound, dialect);
  // What is NULL fits no comparison.
  return value === undefined ? undefined : { sql: `((${value.sql}) IS TRUE)`, values: value.values };
}

/** Every value, so that what is left to say is that there is one; certain is nothing. */
function unknown(bound: Bound): Condition | undefined {
  return bound === 'wider' ? { sql: 'TRUE', values: [] } : undefined;
}

function ofValue(leaf: Exclude<Leaf, { kind: 'null' }>, column: string, bound: Bound, dialect: Dialect): Condition | undefined {
  const compared = (comparator: Comparator, value: Literal): Condition | undefined =>
    ofComparison(leaf.operand, column, comparator, value, bound, dialect);
  if (leaf.kind === 'compare') return compared(leaf.comparator, leaf.value);
  if (leaf.kind === 'in') {
    const parts = leaf.values.map((value) => compared(leaf.negated ? '!=' : '=', value));
    const known = parts.filter((part) => part !== undefined);
    if (known.length === 0 || (leaf.negated && known.length < parts.length)) return undefined;
    return {
      sql: `(${known.map(({ sql }) => `(${sql})`).join(leaf.negated ? ' AND ' : ' OR ')})`,
      values: known.flatMap(({ values }) => values),
    };
  }
  const { pattern, ignoreCase } = leaf;
  return isPlain(pattern) ? dialect.like(column, pattern, ignoreCase, bound) : unknown(bound);
}

function ofComparison(
  { of }: Operand,
  column: string,
  comparator: Comparator,
  value: Literal,
  bound: Bound,
  dialect: Dialect,
): Condition | undefined {
  if (typeof value === 'string') {
    // MLflow leaves no tag NULL, but its table would let it.
    const text = of === 'tags' ? `coalesce(${column}, '')` : column;
    return isPlain(value) ? { sql: dialect.compareText(text, comparator), values: [value] } : unknown(bound);
  }
  // The largest double stands for an infinity in the database.
  if (Math.abs(value) >= Number.MAX_VALUE) return unknown(bound);
  if (of === 'attributes') return { sql: `${column} ${comparator} ?`, values: [value] };
  if (of === 'metrics') return { sql: `${dialect.notNan} AND ${column} ${comparator} ?`, values: [value] };
  return bound === 'wider'
    ? widerThanNumber(column, comparator, value, dialect)
    : narrowerThanNumber(column, comparator, value, dialect);
}

function widerThanNumber(column: string, comparator: Comparator, value: number, dialect: Dialect): Condition | undefined {
  const number = dialect.number(column);
  const others = dialect.otherNumbers(column, comparator);
  const orOthers = others === undefined ? '' : ` OR ${others}`;
  const slack = slackOf(value);
  switch (comparator) {
    case '!=':
      return unknown('wider');
    case '=':
      return { sql: `(${number} BETWEEN ? AND ?${orOthers})`, values: [value - slack, value + slack] };
    case '<':
    case '<=':
    case '>':
    case '>=': {
      const [sign, limit] = comparator.startsWith('<') ? ['<=', value + slack] : ['>=', value - slack];
      const sql = `(${number} ${sign} ?${orOthers})`;
      if (comparator.endsWith('=')) return { sql, values: [limit] };
      // The values of a grid: most of those within the slack are this very number.
      return { sql: `${column} NOT IN (?, ?) AND ${sql}`, values: [...spellingsOf(value), limit] };
    }
  }
}

function narrowerThanNumber(column: string, comparator: Comparator, value: number, dialect: Dialect): Condition | undefined {
  const number = `${dialect.isNumber(column)} AND ${dialect.number(column)}`;
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

function isPlain(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}
