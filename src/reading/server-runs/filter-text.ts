/**
 * The part of a filter that an MLflow server can see to, in its own syntax: comparisons joined by `and`, and of those
 * the ones for which MLflow, 2.22 or later, finds all runs that are meant, and perhaps others.
 */
import { widerPattern } from '../filter/like.js';
import type { Filter, Leaf, Operand } from '../filter/tree.js';
import type { OrderKey } from '../order.js';

/** Joins of tables on the server: more of them than this would cost it more than it saves. */
const MOST_CONDITIONS = 20;

/** Empty: there is no such part. */
export function filterText(filter: Filter): string {
  return conditionsOf(filter).slice(0, MOST_CONDITIONS).join(' AND ');
}

/** Undefined: the server would order by text what is ordered by number here, or by letters in an order of its own. */
export function orderText({ operand, descending }: OrderKey): string | undefined {
  const isNumber = operand.of === 'metrics' || operand.key === 'start_time' || operand.key === 'end_time';
  const name = isNumber && operand.of !== 'params' && operand.of !== 'tags' ? nameOf(operand) : undefined;
  return name === undefined ? undefined : `${name} ${descending ? 'DESC' : 'ASC'}`;
}

function conditionsOf(filter: Filter): readonly string[] {
  if (filter.kind === 'and') return filter.parts.flatMap(conditionsOf);
  if (filter.kind === 'or' || filter.kind === 'not') return [];
  const condition = ofLeaf(filter);
  return condition === undefined ? [] : [condition];
}

function ofLeaf(leaf: Leaf): string | undefined {
  const name = nameOf(leaf.operand);
  if (name === undefined || (leaf.kind === 'null' && !leaf.negated)) return undefined;
  const { of, key } = leaf.operand;
  if (of === 'metrics' || key === 'start_time' || key === 'end_time') {
    // The largest double stands for an infinity there. Times are whole numbers to older servers.
    if (leaf.kind !== 'compare' || typeof leaf.value !== 'number' || Math.abs(leaf.value) >= Number.MAX_VALUE) return undefined;
    if (of === 'attributes' && !Number.isSafeInteger(leaf.value)) return undefined;
    return `${name} ${leaf.comparator} ${numberText(leaf.value)}`;
  }
  // What else can be said of a text: that there is one.
  return ofText(name, leaf) ?? (of === 'attributes' ? undefined : `${name} LIKE '%'`);
}

function ofText(name: string, leaf: Leaf): string | undefined {
  if (leaf.kind === 'like') {
    // To PostgreSQL a backslash takes away what % and _ mean.
    if (!isQuotable(leaf.pattern)) return undefined;
    return leaf.ignoreCase ? `${name} ILIKE '${widerPattern(leaf.pattern)}'` : `${name} LIKE '${leaf.pattern}'`;
  }
  const isEqual = leaf.kind === 'compare' && leaf.comparator === '=' && typeof leaf.value === 'string';
  return isEqual && isQuotable(String(leaf.value)) ? `${name} = '${leaf.value}'` : undefined;
}

function nameOf({ of, key }: Operand): string | undefined {
  if (of === 'attributes') return `attributes.${key}`;
  return isQuotable(key) && key !== '' ? `${of}.\`${key}\`` : undefined;
}

/** MLflow's parser knows no way to write a quote, and differs by version about a backslash. */
function isQuotable(text: string): boolean {
  return text.isWellFormed() && !/['"`\\\0]/.test(text);
}

/** Its parser takes the + of an exponent for an operator. */
function numberText(value: number): string {
  return String(value).replace('e+', 'e');
}
