/** A filter as a text that is read back as the same tree. */
import fc from 'fast-check';
import type { Filter, Leaf, Literal, Operand } from '../../../src/reading/filter/tree.js';

const quoted = (mark: string, text: string): string => mark + text.replaceAll(mark, mark + mark) + mark;

export function printed(filter: Filter): string {
  if (filter.kind === 'not') return `not ${wrapped(filter.part)}`;
  if (filter.kind === 'and' || filter.kind === 'or') return filter.parts.map(wrapped).join(` ${filter.kind} `);
  return leafText(filter);
}

function wrapped(filter: Filter): string {
  return filter.kind === 'and' || filter.kind === 'or' ? `(${printed(filter)})` : printed(filter);
}

function leafText(leaf: Leaf): string {
  const name = operandText(leaf.operand);
  switch (leaf.kind) {
    case 'compare':
      return `${name} ${leaf.comparator} ${literalText(leaf.value)}`;
    case 'like':
      return `${name} ${leaf.ignoreCase ? 'ILIKE' : 'like'} ${literalText(leaf.pattern)}`;
    case 'in':
      return `${name} ${leaf.negated ? 'NOT IN' : 'in'} (${leaf.values.map(literalText).join(',')})`;
    case 'null':
      return `${name} is ${leaf.negated ? 'not null' : 'NULL'}`;
  }
}

function operandText({ of, key }: Operand): string {
  if (of === 'attributes') return key.length % 2 === 0 ? key : `attributes.${key}`;
  if (/^[\w.\-/:]*[\w\-/:]$/.test(key)) return `${of}.${key}`;
  return `${of}.${key.length % 2 === 0 ? quoted('`', key) : quoted('"', key)}`;
}

function literalText(value: Literal): string {
  if (typeof value === 'string') return value.length % 2 === 0 ? quoted("'", value) : quoted('"', value);
  if (Object.is(value, -0)) return '-0';
  return value === Number.POSITIVE_INFINITY ? '1e999' : String(value);
}

/** Of the first ones MLflow has params and metrics. */
export const KEYS: readonly string[] = [
  'lr',
  'optimizer.lr',
  'val/loss',
  'my key',
  'größe',
  '1.5',
  'and',
  "it's",
  'a"b',
  'a`b',
  '.',
  'x.',
];
export const TEXTS: readonly string[] = [
  '',
  'adam',
  'Adam',
  "it's",
  '"',
  '0.001',
  '1e-3',
  'nan',
  '-inf',
  '5.',
  '7 apples',
  ' 5',
  '.5',
  '0x10',
  'größe',
  '%',
  'a_c',
  '\\',
  '😀',
  '[a]',
  '*',
];
export const NUMBERS: readonly number[] = [
  0,
  -0,
  1,
  0.001,
  -5,
  1e-7,
  5e-324,
  1e21,
  1.7976931348623157e308,
  Number.POSITIVE_INFINITY,
  1_700_000_000_000,
];

/** For the most part what runs have: what they don't have tells no two of them apart. */
const often = <T>(usual: readonly T[], all: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...usual) }, { weight: 1, arbitrary: all });

const key = often(KEYS.slice(0, 4), fc.constantFrom(...KEYS));
const text = often(TEXTS, fc.string({ unit: 'grapheme', maxLength: 5 }));
const number = often(NUMBERS, fc.double({ noNaN: true, noDefaultInfinity: true }));
const comparator = fc.constantFrom('=', '!=', '<', '<=', '>', '>=');

const loose = fc.record({ of: fc.constantFrom('params', 'tags'), key });
const ofText = fc.oneof(loose, fc.record({ of: fc.constant('attributes'), key: fc.constantFrom('run_id', 'status', 'user_id') }));
const ofNumber = fc.oneof(
  loose,
  fc.record({ of: fc.constant('metrics'), key }),
  fc.record({ of: fc.constant('attributes'), key: fc.constantFrom('start_time', 'end_time') }),
);

const leaves = fc.oneof(
  fc.record({ kind: fc.constant('compare'), operand: ofText, comparator, value: text }),
  fc.record({ kind: fc.constant('compare'), operand: ofNumber, comparator, value: number }),
  fc.record({ kind: fc.constant('like'), operand: ofText, pattern: text, ignoreCase: fc.boolean() }),
  fc.record({
    kind: fc.constant('in'),
    operand: ofText,
    values: fc.array(text, { minLength: 1, maxLength: 3 }),
    negated: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('in'),
    operand: ofNumber,
    values: fc.array(number, { minLength: 1, maxLength: 3 }),
    negated: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('null'), operand: fc.oneof(ofText, ofNumber), negated: fc.boolean() }),
);

/** Filters of every form, over few keys and values, so that they meet those of runs. */
// The records above are the leaves of `Filter`; fast-check's types of a recursive arbitrary don't say so.
export const filters: fc.Arbitrary<Filter> = fc.letrec((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaves,
    fc.record({ kind: fc.constantFrom('and', 'or'), parts: fc.array(tie('filter'), { minLength: 2, maxLength: 3 }) }),
    fc.record({ kind: fc.constant('not'), part: tie('filter') }),
  ),
})).filter as fc.Arbitrary<Filter>;
