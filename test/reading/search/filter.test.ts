/** What a filter's text means, and what is said of one that means nothing. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FilterError } from '../../../src/errors.js';
import { numberOf } from '../../../src/params/number-text.js';
import { matches } from '../../../src/reading/filter/evaluate.js';
import { isLike, widerPattern } from '../../../src/reading/filter/like.js';
import { parseFilter } from '../../../src/reading/filter/parse.js';
import { compareText } from '../../../src/reading/filter/text-order.js';
import { parseOrder } from '../../../src/reading/order.js';
import type { RunRecord } from '../../../src/reading/run-source.js';
import { filters, printed } from './filter-text.js';

function refusal(work: () => unknown): FilterError {
  try {
    work();
  } catch (error) {
    if (error instanceof FilterError) return error;
    throw error;
  }
  throw new Error('it should have been refused');
}

const run: RunRecord = {
  id: 'abcd1234',
  name: 'first',
  experimentId: '1',
  experimentName: 'iris',
  status: 'FINISHED',
  startTime: 1000,
  endTime: undefined,
  user: 'ada',
  artifactUri: undefined,
  params: new Map([
    ['lr', '1e-3'],
    ['optimizer.lr', '0.01'],
    ['name', 'Adam'],
    ['empty', ''],
    ['broken', 'nan'],
    ['huge', 'inf'],
    ['layers', '[1,2]'],
    ['my key', '5'],
  ]),
  metrics: new Map([
    ['accuracy', { value: 0.9, step: 3, timestamp: 5 }],
    ['lost', { value: Number.NaN, step: 3, timestamp: 5 }],
    ['exploded', { value: Number.POSITIVE_INFINITY, step: 3, timestamp: 5 }],
  ]),
  tags: new Map([
    ['mlflow.runName', 'first'],
    ['fold', '3'],
  ]),
};

function holds(text: string): boolean {
  const filter = parseFilter(text);
  return filter === undefined || matches(filter, run);
}

test('a filter that is printed and read again is the same one', () => {
  fc.assert(
    fc.property(filters, (filter) => {
      expect(parseFilter(printed(filter))).toEqual(filter);
    }),
    { numRuns: 1000 },
  );
});

test('no text makes the parser fail but by FilterError, which names a place within the text', () => {
  const words = 'params. metrics.a tags status and or not in is null like __proto__ constructor 5 -1e9 .'.split(' ');
  const marks = [...'(),=\'"` \n😀%', '!=', '<>', "'a'", '`a`', '\ud800', '\0'];
  const parts = fc.constantFrom(...words, ...marks);
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(parts, { maxLength: 12 }).map((all) => all.join(' ')),
    fc.array(parts).map((all) => all.join('')),
  );
  fc.assert(
    fc.property(texts, (text) => {
      for (const parse of [() => parseFilter(text), () => parseOrder([text])]) {
        try {
          parse();
        } catch (error) {
          if (!(error instanceof FilterError)) throw error;
          if (!(error.position >= 1 && error.position <= text.length + 1))
            throw new Error(`place ${error.position}`, { cause: error });
        }
      }
    }),
    { numRuns: 1000 },
  );
});

test('a hundred thousand parentheses are refused and end no process; as many comparisons are read', () => {
  for (const piece of ['(', 'not ', 'not('])
    expect(refusal(() => parseFilter(piece.repeat(100_000))).expected).toContain('at most 200');
  expect(holds(Array.from({ length: 100_000 }, () => 'params.lr = 0.001').join(' and '))).toBe(true);
});

describe('what is true of a run', () => {
  test.each([
    ['', true],
    [' ', true],
    ['params.lr = 0.001', true],
    ["params.lr = '0.001'", false],
    ["params.lr = '1e-3'", true],
    ['params.lr < 0.01', true],
    ['params.lr <= 0.001 and params.lr >= 0.001', true],
    ['params.lr > 0.001', false],
    ['parameter.optimizer.lr = .01', true],
    ['params.name = "Adam"', true],
    ["params.name < 'B'", true],
    ['params.name != 5', false],
    ["params.name != 'SGD'", true],
    ['params.layers > 0', false],
    ["params.empty = ''", true],
    ['params.empty = 0', false],
    ['params.broken = 0 or params.broken != 0', false],
    ['not params.broken != 0', true],
    ['params.huge > 1e308', true],
    ['params.`my key` = 5', true],
    ['params."my key" >= +5', true],
    ['params.missing = 1', false],
    ['params.missing != 1', false],
    ['not params.missing != 1', true],
    ["params.missing not in ('a')", false],
    ['params.missing is null', true],
    ['params.lr IS NOT NULL', true],
    ["params.name in ('SGD', 'Adam')", true],
    ["params.name NOT IN ('SGD', 'Adam')", false],
    ["params.lr in ('a', 0.001)", true],
    ["params.name like 'A%m'", true],
    ["params.name like 'a%m'", false],
    ["params.name ilike 'a__M'", true],
    ["params.name ilike 'a_M'", false],
    ['metrics.accuracy > 0.9', false],
    ['metric.accuracy >= 0.9', true],
    ['metrics.lost = 0 or metrics.lost != 0 or metrics.lost < 5', false],
    ['metrics.lost is not null', true],
    ['metrics.exploded > 1.7976931348623157e308', true],
    ['tags.fold = 3', true],
    ["status = 'FINISHED'", true],
    ["attributes.status != 'FAILED'", true],
    ["attr.run_id = 'abcd1234'", true],
    ["run_name = 'first'", true],
    ["attributes.`Run name` = 'first'", true],
    ['start_time = 1000', true],
    ['created < 1001', true],
    ['end_time > 0', false],
    ['not end_time > 0', true],
    ['end_time is null and artifact_uri is null', true],
    ["user_id = 'ada'", true],
    ["status = 'FAILED' or status = 'FINISHED' and params.lr < 0.01", true],
    ["(status = 'FAILED' or status = 'FINISHED') and params.lr > 0.01", false],
    ["not status = 'FAILED' and not (params.lr > 1 or params.lr < 0)", true],
    ["NOT NOT status='FINISHED'AND(params.lr<1)", true],
  ])('%s: %s', (text, expected) => expect(holds(text)).toBe(expected));
});

describe('an error says where, what and what else', () => {
  test.each([
    ['param5.lr = 1', 1, '"param5.lr"', 'params, metrics, tags or attributes', 'params'],
    ['metrcs.a > 1', 1, '"metrcs.a"', 'params, metrics, tags or attributes', 'metrics'],
    ["stauts = 'a'", 1, '"stauts"', 'an attribute (run_id, run_name, status', 'status'],
    ['lr < 1', 1, '"lr"', 'or params.lr, metrics.lr or tags.lr', undefined],
    ["params.lr == '1'", 11, '"=="', 'a comparison: =', undefined],
    ["params.lr <> '1'", 11, '"<>"', '!=', undefined],
    ['params.lr < ', 13, 'its end', 'a text in quotes', undefined],
    ['params.name = adam', 15, '"adam"', "such as 'adam'", undefined],
    ["metrics.a > '1'", 13, `"'1'"`, 'a number without quotes', undefined],
    ['status = 5', 10, '"5"', "a text in quotes, such as '5'", undefined],
    ["start_time > 'x'", 14, `"'x'"`, 'a number', undefined],
    ["metrics.a like 'x'", 11, '"like"', '=, !=, <, <=, >, >='.split(', ').join(' '), undefined],
    ["params.a = 'x", 12, `"'x", a quote without its end`, 'a text in quotes', undefined],
    ['(params.a = 1', 14, 'its end', '")"', undefined],
    ['params.a = 1)', 13, '")"', 'and, or, or the end', undefined],
    ['params.a = 1 params.b = 2', 14, '"params.b"', 'and, or, or the end', undefined],
    ['params. = 1', 9, '"="', 'a key right behind "params."', undefined],
    ['params.a in 5', 13, '"5"', 'a list in parentheses', undefined],
    ['params.a is 5', 13, '"5"', 'null or not null', undefined],
    ['params.a not like 5', 14, '"like"', 'not in', undefined],
    ['and params.a = 1', 1, '"and"', 'an attribute', undefined],
    ['😀 = 1', 1, '"😀"', 'params.KEY', undefined],
  ])('%s', (text, position, found, expected, nearest) => {
    const error = refusal(() => parseFilter(text));
    expect(error).toMatchObject({ code: 'HEADRACE_FILTER', part: 'filter', text, position, found, nearest });
    expect(error.expected).toContain(expected);
    expect(error.message).toContain(found);
  });

  test('of an order too', () => {
    expect(parseOrder(['metrics.accuracy DESC, `run name`', 'params."my key"'])).toEqual([
      { operand: { of: 'metrics', key: 'accuracy' }, descending: true },
      { operand: { of: 'tags', key: 'mlflow.runName' }, descending: false },
      { operand: { of: 'params', key: 'my key' }, descending: false },
    ]);
    expect(refusal(() => parseOrder(['metrics.a downwards']))).toMatchObject({
      part: 'orderBy',
      position: 11,
      found: '"downwards"',
    });
    expect(refusal(() => parseOrder(['']))).toMatchObject({ part: 'orderBy', position: 1, found: 'its end' });
  });
});

test.each<[text: string, number: number | undefined]>([
  ['0.001', 0.001],
  ['1e-05', 1e-5],
  ['-5', -5],
  ['+5', 5],
  ['5.', 5],
  ['.5', 0.5],
  ['1E+16', 1e16],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['18446744073709551616', 2 ** 64],
  ['nan', Number.NaN],
  ['NaN', Number.NaN],
  ...['', ' 5', '5 ', '0x10', '1_000', '1,5', 'true', '[1]', '5e', '.', 'e5', '٣', 'infinite'].map(
    (text): [string, undefined] => [text, undefined],
  ),
])('the number of %j is %s', (text, number) => expect(numberOf(text)).toBe(number));

test('a pattern is matched as a regular expression would', () => {
  const alphabet = fc.constantFrom('a', 'b', 'A', 'k', '\u212a', 'I', 'ı', 'İ', 'ß', '%', '_', '.', '*', '[', '😀', '\n');
  const texts = fc.array(alphabet, { maxLength: 8 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(texts, texts, (text, pattern) => {
      const source = pattern
        .replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
        .replaceAll('%', '.*')
        .replaceAll('_', '.');
      expect(isLike(text, pattern, false)).toBe(new RegExp(`^${source}$`, 'su').test(text));
      // SQLite's ILIKE, given the wider pattern, finds what ours finds.
      const ascii = (each: string): string => each.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
      if (isLike(text, pattern, true)) expect(isLike(ascii(text), ascii(widerPattern(pattern)), false)).toBe(true);
    }),
    { numRuns: 5000 },
  );
});

test('a pattern of many % takes no time on a long text', () => {
  expect(isLike('a'.repeat(6000), `${'%a'.repeat(200)}%b`, false)).toBe(false);
});

test('texts are ordered by their code points, as a database orders their bytes', () => {
  const texts = fc.string({ unit: fc.constantFrom('a', 'é', '\ud7ff', '\ue000', '\uffff', '😀', '𐐀'), maxLength: 4 });
  fc.assert(
    fc.property(texts, texts, (a, b) => {
      expect(Math.sign(compareText(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
});
