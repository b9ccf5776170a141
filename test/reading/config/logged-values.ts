/** Configurations of every kind that can be logged and come back as they were. */
import fc from 'fast-check';
import { keyProblem } from '../../../src/params/key.js';
import { double } from '../../params/loggable.js';

export type Logged = string | number | boolean | null | bigint | Date | Logged[] | LoggedTree;

export interface LoggedTree {
  [key: string]: Logged;
}

/** Text that another value would be spelled as. */
const LIKE_OTHERS = [
  ['1', '-0', '-0.0', '1.0', '1.10', '1e-05', '12345678901234567890', 'nan', 'inf', '-Infinity'],
  ['true', 'True', 'null', 'None', '', ' ', '[]', '{}', 'set()', '[1,2]', '[1, 2]', '{"a":1}', "{'a': 1}", "{1, 'a'}"],
  ['2024-01-02T03:04:05.000Z', '2024-01-02 03:04:05+00:00', 'text', '"quoted"', "'quoted'", '["\\n"]', "['\\n']"],
].flat();

const text: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...LIKE_OTHERS),
  fc.string({ unit: 'binary', maxLength: 8 }).map((any) => any.replaceAll('\0', '')),
  fc.string({ unit: fc.constantFrom(...'[]{},:"\'\\ 1-.eatn'), maxLength: 8 }),
);

const scalar: fc.Arbitrary<Logged> = fc.oneof(
  text,
  double,
  fc.boolean(),
  fc.constant(null),
  fc.bigInt({ min: -20n, max: 20n }),
  fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }),
  fc.nat(30).map((exponent) => 10n ** BigInt(exponent)),
  fc.date({ noInvalidDate: true }),
  fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }),
);

/** Names with all that a key may have in them, the separators among it. */
const name: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'ab1./ -_:é学'), maxLength: 4 }),
  fc.constantFrom('__proto__', 'constructor', 'toString', 'a.b', 'a/b', 'a', 'b', '0', 'lr', '.a', 'a.', 'x.__proto__'),
);

function object(value: fc.Arbitrary<Logged>, key: fc.Arbitrary<string>): fc.Arbitrary<LoggedTree> {
  return fc.array(fc.tuple(key, value), { maxLength: 4 }).map((entries) => treeOf(entries));
}

const leaf: fc.Arbitrary<Logged> = fc.letrec<{ value: Logged }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    { arbitrary: scalar, weight: 6 },
    { arbitrary: fc.array(tie('value'), { maxLength: 4 }), weight: 3 },
    { arbitrary: object(tie('value'), fc.oneof(text, name)), weight: 1 },
  ),
})).value;

const tree: fc.Arbitrary<LoggedTree> = fc.letrec<{ tree: LoggedTree; inner: Logged }>((tie) => ({
  tree: object(tie('inner'), name),
  inner: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    { arbitrary: leaf, weight: 3 },
    { arbitrary: object(tie('inner'), name), weight: 2 },
  ),
})).tree;

/** Without what has no key that MLflow takes, or the key of another value. */
export function configuration(separator: '.' | '/'): fc.Arbitrary<LoggedTree> {
  return tree.map((any) => loggable(any, undefined, separator, new Set()) ?? {});
}

/** Names that stand before a whole configuration; short, so that its keys stay such as MLflow takes. */
export const prefix: fc.Arbitrary<string[] | undefined> = fc.option(
  fc.array(fc.constantFrom('model', 'v1', '0'), { minLength: 1, maxLength: 2 }),
  { nil: undefined },
);

/** As `JSON.parse` gives them; whole numbers beyond 2^53 are bigints in a config file. */
export const jsonConfiguration: fc.Arbitrary<LoggedTree> = fc
  .dictionary(fc.string({ unit: fc.constantFrom(...'abc.-'), minLength: 1, maxLength: 4 }), fc.jsonValue({ maxDepth: 3 }))
  .map((any): LoggedTree => JSON.parse(JSON.stringify(any, (_, value: unknown) => plain(value))))
  .map((any) => loggable(any, undefined, '.', new Set()) ?? {});

function plain(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('\0', '');
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? 0.5 : value;
}

function loggable(given: LoggedTree, around: string | undefined, separator: string, used: Set<string>): LoggedTree | undefined {
  const claims = (key: string): boolean => keyProblem(key) === undefined && !used.has(key) && used.add(key).size > 0;
  const names = Object.keys(given);
  if (names.length === 0) return around === undefined || claims(around) ? {} : undefined;
  const kept: [string, Logged][] = [];
  for (const each of names) {
    const key = around === undefined ? each : around + separator + each;
    const value = given[each] ?? null;
    if (isTree(value)) {
      const inner = loggable(value, key, separator, used);
      if (inner !== undefined) kept.push([each, inner]);
    } else if (claims(key)) {
      kept.push([each, value]);
    }
  }
  return kept.length === 0 ? undefined : treeOf(kept);
}

function treeOf(entries: readonly (readonly [string, Logged])[]): LoggedTree {
  // Assigned, a `__proto__` would be none of its names.
  return Object.fromEntries(entries);
}

function isTree(value: Logged): value is LoggedTree {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
