/** The part of a filter that SQLite can see to, so that only few runs have to be loaded and looked at. */
import type { SqlValue } from '../../store/sqlite/driver.js';
import { widerPattern } from '../filter/like.js';
import type { Comparator, Filter, Leaf, Literal, Operand } from '../filter/tree.js';

/** Of the row `r` of `runs`; never NULL. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/** `exact`: holds for no other run than those meant, so that its negation is of use, too. */
interface LeafCondition extends Condition {
  readonly exact: boolean;
}

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
  const leaf = ofLeaf(filter);
  if (!negated) return leaf;
  return leaf?.exact === true ? { sql: `NOT ${leaf.sql}`, values: leaf.values } : undefined;
}

function ofLeaf(leaf: Leaf): LeafCondition | undefined {
  const { of, key } = leaf.operand;
  // Such a text stands in no file, and SQLite's ideas of it differ.
  if (!isPlain(key)) return undefined;
  if (of !== 'attributes') {
    const rows = `(SELECT run_uuid FROM ${of === 'metrics' ? 'latest_metrics' : of} WHERE key = ?`;
    if (leaf.kind === 'null') return { sql: `(r.run_uuid ${leaf.negated ? '' : 'NOT '}IN ${rows}))`, values: [key], exact: true };
    const { sql, values, exact } = ofValue(leaf, leaf.operand);
    return { sql: `(r.run_uuid IN ${rows} AND ${sql}))`, values: [key, ...values], exact };
  }
  const column = COLUMNS[key];
  if (column === undefined) return undefined;
  if (leaf.kind === 'null') return { sql: `(${column} IS ${leaf.negated ? 'NOT ' : ''}NULL)`, values: [], exact: true };
  const { sql, values, exact } = ofValue(leaf, leaf.operand, column);
  // What is NULL fits no comparison.
  return { sql: `((${sql}) IS TRUE)`, values, exact };
}

const COLUMNS: Readonly<Record<string, string>> = {
  run_id: 'r.run_uuid',
  status: 'r.status',
  user_id: "coalesce(r.user_id, '')",
  artifact_uri: 'r.artifact_uri',
  start_time: 'r.start_time',
  end_time: 'r.end_time',
};

/** Every value, so that what is left to say is that there is one. */
const ANY = { sql: 'TRUE', values: [], exact: false } as const;

function ofValue(leaf: Exclude<Leaf, { kind: 'null' }>, operand: Operand, column = 'value'): LeafCondition {
  if (leaf.kind === 'compare') return ofComparison(operand, column, leaf.comparator, leaf.value);
  if (leaf.kind === 'in') {
    const parts = leaf.values.map((value) => ofComparison(operand, column, leaf.negated ? '!=' : '=', value));
    return {
      sql: `(${parts.map(({ sql }) => sql).join(leaf.negated ? ' AND ' : ' OR ')})`,
      values: parts.flatMap(({ values }) => values),
      exact: parts.every(({ exact }) => exact),
    };
  }
  const { pattern, ignoreCase } = leaf;
  if (!isPlain(pattern) || pattern.length > LONGEST_PATTERN) return ANY;
  if (ignoreCase) return { sql: `${column} LIKE ?`, values: [widerPattern(pattern)], exact: false };
  return { sql: `${column} GLOB ?`, values: [globOf(pattern)], exact: true };
}

function ofComparison({ of }: Operand, column: string, comparator: Comparator, value: Literal): LeafCondition {
  if (typeof value === 'string') {
    // MLflow leaves no tag NULL, but its table would let it.
    const text = of === 'tags' ? `coalesce(${column}, '')` : column;
    return isPlain(value) ? { sql: `${text} ${comparator} ?`, values: [value], exact: true } : ANY;
  }
  // The largest double stands for an infinity in the file.
  if (Math.abs(value) >= Number.MAX_VALUE) return ANY;
  if (of === 'attributes') return { sql: `${column} ${comparator} ?`, values: [value], exact: true };
  if (of === 'metrics') return { sql: `is_nan = 0 AND ${column} ${comparator} ?`, values: [value], exact: true };
  return ofNumberText(column, comparator, value);
}

/** SQLite reads the number at the front of a text, 0 where there is none, and may be off in the last digit. */
function ofNumberText(column: string, comparator: Comparator, value: number): LeafCondition {
  const slack = Math.abs(value) * 1e-9 + Number.MIN_VALUE;
  const number = `CAST(${column} AS REAL)`;
  switch (comparator) {
    case '!=':
      return ANY;
    case '=':
      return { sql: `${number} BETWEEN ? AND ?`, values: [value - slack, value + slack], exact: false };
    case '<':
    case '<=':
      return { sql: `(${number} <= ? OR ${column} LIKE '%inf%')`, values: [value + slack], exact: false };
    case '>':
    case '>=':
      return { sql: `(${number} >= ? OR ${column} LIKE '%inf%')`, values: [value - slack], exact: false };
  }
}

/** GLOB minds case, which SQLite's LIKE does not. */
function globOf(pattern: string): string {
  return pattern.replace(/[*?[]/g, '[$&]').replace(/%+/g, '*').replaceAll('_', '?');
}

function isPlain(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}
