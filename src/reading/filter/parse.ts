/** MLflow's search syntax, with `or`, `not`, parentheses and numbers besides: docs/search.md. */
import { kindsOf, type ValueKind } from './names.js';
import { TokenReader } from './token-reader.js';
import type { Comparator, Filter, Literal, Operand } from './tree.js';

/** Parentheses and `not` within each other: enough for anybody who writes them, and the stack bears it. */
const DEEPEST = 200;

const COMPARATORS: readonly Comparator[] = ['=', '!=', '<', '<=', '>', '>='];

/** Undefined: there is nothing in it, so every run is meant. Throws FilterError. */
export function parseFilter(text: string): Filter | undefined {
  const reader = new TokenReader('filter', text);
  if (reader.isAtEnd()) return undefined;
  const filter = joined(reader, 'or', 0);
  if (!reader.isAtEnd()) throw reader.error(reader.next, 'and, or, or the end');
  return filter;
}

function joined(reader: TokenReader, kind: 'and' | 'or', depth: number): Filter {
  const part = (): Filter => (kind === 'or' ? joined(reader, 'and', depth) : unary(reader, depth));
  const first = part();
  const parts = [first];
  while (reader.takeWord(kind.toUpperCase()) !== undefined) parts.push(part());
  return parts.length === 1 ? first : { kind, parts };
}

function unary(reader: TokenReader, depth: number): Filter {
  const start = reader.next;
  if (depth > DEEPEST) throw reader.error(start, `at most ${DEEPEST} of "(" and "not" within each other`);
  if (reader.takeWord('NOT') !== undefined) return { kind: 'not', part: unary(reader, depth + 1) };
  if (reader.takeSymbol('(') === undefined) return comparison(reader);
  const inside = joined(reader, 'or', depth + 1);
  if (reader.takeSymbol(')') === undefined) throw reader.error(reader.next, 'and, or, or ")"');
  return inside;
}

function comparison(reader: TokenReader): Filter {
  const operand = reader.takeOperand();
  const kinds = kindsOf(operand);
  const symbol = reader.takeSymbol(...COMPARATORS);
  const comparator = COMPARATORS.find((each) => each === symbol);
  if (comparator !== undefined) return { kind: 'compare', operand, comparator, value: literal(reader, kinds) };
  if (reader.takeWord('IN') !== undefined) return inList(reader, operand, false);
  if (reader.takeWord('NOT') !== undefined) {
    if (reader.takeWord('IN') === undefined) throw reader.error(reader.next, 'in, to make it not in');
    return inList(reader, operand, true);
  }
  if (reader.takeWord('IS') !== undefined) {
    const negated = reader.takeWord('NOT') !== undefined;
    if (reader.takeWord('NULL') === undefined) throw reader.error(reader.next, negated ? 'null' : 'null or not null');
    return { kind: 'null', operand, negated };
  }
  const like = kinds.includes('text') ? reader.takeWord('LIKE', 'ILIKE') : undefined;
  if (like !== undefined) {
    return { kind: 'like', operand, pattern: String(literal(reader, ['text'])), ignoreCase: like === 'ILIKE' };
  }
  const words = `${kinds.includes('text') ? 'like, ilike, ' : ''}in, not in, is null or is not null`;
  throw reader.error(reader.next, `a comparison: ${COMPARATORS.join(' ')}, ${words}`);
}

function inList(reader: TokenReader, operand: Operand, negated: boolean): Filter {
  if (reader.takeSymbol('(') === undefined) throw reader.error(reader.next, 'a list in parentheses');
  const values: Literal[] = [];
  do values.push(literal(reader, kindsOf(operand)));
  while (reader.takeSymbol(',') !== undefined);
  if (reader.takeSymbol(')') === undefined) throw reader.error(reader.next, '"," or ")"');
  return { kind: 'in', operand, values, negated };
}

function literal(reader: TokenReader, kinds: readonly ValueKind[]): Literal {
  const token = reader.take();
  if (token.kind === 'number' && kinds.includes('number')) return Number(token.text);
  if ((token.kind === 'single' || token.kind === 'double') && kinds.includes('text')) return token.text;
  const example = token.kind === 'word' || token.kind === 'number' ? token.text : 'text';
  const names = { number: 'a number without quotes', text: `a text in quotes, such as '${example}'` };
  throw reader.error(token, kinds.map((kind) => names[kind]).join(' or '));
}
