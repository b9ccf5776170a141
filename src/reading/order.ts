/** In which order runs come: what `orderBy` says, then the latest start, then the id. */
import { numberOf } from '../params/number-text.js';
import { compareText } from './filter/text-order.js';
import { TokenReader } from './filter/token-reader.js';
import type { Literal, Operand } from './filter/tree.js';

export interface OrderKey {
  readonly operand: Operand;
  readonly descending: boolean;
}

export type Order = readonly OrderKey[];

/** Each text may hold several, with commas between. Throws FilterError. */
export function parseOrder(texts: readonly string[]): Order {
  return texts.flatMap((text) => {
    const reader = new TokenReader('orderBy', text);
    const keys: OrderKey[] = [];
    do keys.push({ operand: reader.takeOperand(), descending: reader.takeWord('ASC', 'DESC') === 'DESC' });
    while (reader.takeSymbol(',') !== undefined);
    if (!reader.isAtEnd()) throw reader.error(reader.next, 'asc, desc, a comma or the end');
    return keys;
  });
}

/** What decides a run's place. */
export interface Ranked {
  readonly id: string;
  readonly startTime: number | undefined;
  /** One for each key of the order. */
  readonly ranks: readonly Rank[];
}

export interface Rank {
  readonly group: Group;
  readonly value: Literal;
}

/** Numbers before other texts, NaN and what is missing behind them, whichever way the order goes. */
type Group = 0 | 1 | 2 | 3;

const MISSING: Rank = { group: 3, value: 0 };
const NOT_A_NUMBER: Rank = { group: 2, value: 0 };

/** The value of a param or tag is a number here if its text is one. */
export function rankOf({ of }: Operand, value: Literal | undefined): Rank {
  if (value === undefined) return MISSING;
  if (typeof value === 'number') return Number.isNaN(value) ? NOT_A_NUMBER : { group: 0, value };
  if (of === 'attributes') return { group: 1, value };
  const number = numberOf(value);
  if (number === undefined) return { group: 1, value };
  return Number.isNaN(number) ? NOT_A_NUMBER : { group: 0, value: number };
}

export function inOrderOf(order: Order): (a: Ranked, b: Ranked) => number {
  return (a, b) => {
    for (const [i, { descending }] of order.entries()) {
      const apart = compareRanks(a.ranks[i] ?? MISSING, b.ranks[i] ?? MISSING, descending);
      if (apart !== 0) return apart;
    }
    return startOf(b) - startOf(a) || compareText(a.id, b.id);
  };
}

function compareRanks(a: Rank, b: Rank, descending: boolean): number {
  if (a.group !== b.group) return a.group - b.group;
  const apart =
    typeof a.value === 'string' && typeof b.value === 'string'
      ? compareText(a.value, b.value)
      : Number(a.value > b.value) - Number(a.value < b.value);
  return descending ? -apart : apart;
}

/** One that has none comes last. */
function startOf({ startTime }: Ranked): number {
  return startTime ?? Number.MIN_SAFE_INTEGER;
}
