/**
 * `valueFormat: 'python'` against the real Python: the same values are built on both sides, each by its own
 * language, and the texts compared. HEADRACE_PYTHON names the interpreter; any Python from 3.8 on will do.
 */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { take } from '../../src/params/take.js';
import { valueText } from '../../src/params/value.js';
import { type Described, double, loggable } from '../params/loggable.js';

const SEED = 20_240_102;
const VALUES = 8000;
const NUMBERS = 20_000;

const BUILD_AND_STR = `
import datetime, json, struct, sys, unicodedata

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)

def double(hexadecimal):
    return struct.unpack('>d', bytes.fromhex(hexadecimal))[0]

def number(value):
    # What a JavaScript number is: an int where it is a safe integer (and not -0), else a float.
    if value == value and abs(value) < 2.0 ** 53 and value == int(value) and not (value == 0 and str(value)[0] == '-'):
        return int(value)
    return value

def build(described):
    kind, rest = described[0], described[1:]
    if kind == 'none': return None
    if kind in ('bool', 'str'): return rest[0]
    if kind == 'number': return number(double(rest[0]))
    if kind == 'float': return double(rest[0])
    if kind == 'int': return int(rest[0])
    if kind == 'date': return EPOCH + datetime.timedelta(milliseconds=rest[0])
    if kind == 'list': return [build(item) for item in rest[0]]
    if kind == 'set': return {build(item) for item in rest[0]}
    if kind == 'dict': return {build(key): build(value) for key, value in rest[0]}
    raise ValueError(kind)

values = json.load(sys.stdin.buffer)

def kind_of(code):
    character = chr(code)
    return 'u' if unicodedata.category(character) == 'Cn' else 'p' if character.isprintable() else 'e'

json.dump({
    'texts': [str(build(value)) for value in values],
    # One letter per code point: printable, escaped, unassigned.
    'characters': ''.join(kind_of(code) for code in range(0x110000)),
}, sys.stdout)
`;

interface Answer {
  readonly texts: readonly string[];
  readonly characters: string;
}

function askPython(values: readonly Described[]): Answer {
  const python = process.env['HEADRACE_PYTHON'];
  if (python === undefined || python === '') {
    throw new Error('HEADRACE_PYTHON is not set: it must be the path of a Python interpreter; this test is nothing without one');
  }
  const answer = execFileSync(python, ['-c', BUILD_AND_STR], {
    input: JSON.stringify(values),
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
  // Made by the program above.
  return JSON.parse(answer) as Answer;
}

const samples = [
  ...fc.sample(loggable, { seed: SEED, numRuns: VALUES }),
  // Numbers once more by themselves: how a text of a float looks depends on its magnitude.
  ...fc.sample(
    double.map((value) => {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleBE(value);
      return { value, described: ['number', bytes.toString('hex')] as const };
    }),
    { seed: SEED, numRuns: NUMBERS },
  ),
];
const { texts, characters } = askPython(samples.map((sample) => sample.described));

/** Assigned by one side's Unicode tables and not by the other's: newer than one of the two. */
function differsInUnicodeVersion(character: string): boolean {
  return (characters[character.codePointAt(0) ?? 0] === 'u') !== /\p{Cn}/u.test(character);
}

test(`every value has the text of Python's str(), seed ${SEED}`, () => {
  const mismatches: unknown[] = [];
  let compared = 0;
  for (const [i, { value, described }] of samples.entries()) {
    // Characters newer than one side's Unicode tables are printable here and escaped there: left out.
    if ([...JSON.stringify(described)].some(differsInUnicodeVersion)) continue;
    compared++;
    const text = valueText(take(value, 'k'), 'python');
    if (text !== texts[i]) mismatches.push({ ours: text, python: texts[i], described: JSON.stringify(described) });
  }
  expect(mismatches.slice(0, 5)).toEqual([]);
  expect(texts).toHaveLength(samples.length);
  expect(compared).toBeGreaterThan(samples.length * 0.9);
});

test('every character of Unicode is printed or escaped as Python does it', () => {
  const wrong: string[] = [];
  let compared = 0;
  for (let code = 1; code < 0x110000; code++) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const character = String.fromCodePoint(code);
    if (differsInUnicodeVersion(character)) continue;
    compared++;
    const printed = valueText([0, character], 'python').includes(character);
    // A backslash stays itself within its escape.
    if (printed !== (characters[code] === 'p')) wrong.push(`U+${code.toString(16)}`);
  }
  expect(wrong).toEqual([]);
  expect(compared).toBeGreaterThan(1_080_000);
});
