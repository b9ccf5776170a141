import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { stringify as stringifyToml } from 'smol-toml';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify as stringifyYaml } from 'yaml';
import { ConfigFileError } from '../../src/errors.js';
import { type ConfigFileOptions, type ConfigParam, readConfigFile } from '../../src/params/config-file.js';
import { Tag, type Tree } from '../../src/params/tree.js';

let folder: string;
let files = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'headrace-config-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function file(ending: string, content: string | Uint8Array): string {
  files += 1;
  const path = join(folder, `${files}${ending}`);
  writeFileSync(path, content);
  return path;
}

const dotted: ConfigFileOptions = { separator: '.' };

function read(ending: string, content: string | Uint8Array, options: ConfigFileOptions = dotted): [string, Tree][] {
  return pairs(readConfigFile(file(ending, content), options).params);
}

function pairs(params: readonly ConfigParam[]): [string, Tree][] {
  return params.map(({ key, value }) => [key, value]);
}

function problem(path: string): { reason: string; line: number | undefined; column: number | undefined; message: string } {
  try {
    readConfigFile(path, dotted);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigFileError);
    if (error instanceof ConfigFileError) {
      expect(error.path).toBe(path);
      const { reason, line, column, message } = error;
      return { reason, line, column, message };
    }
  }
  throw new Error(`${path} was read`);
}

/** Reason and place of the error that this content gives. */
function fault(ending: string, content: string | Uint8Array): [reason: string, line?: number, column?: number] {
  const { reason, line, column } = problem(file(ending, content));
  return line === undefined || column === undefined ? [reason] : [reason, line, column];
}

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/config/${name}`, import.meta.url));

describe('the same config in four formats', () => {
  const expected: [string, Tree][] = [
    ['seed', 42],
    ['data.path', 'data/größe 学习'],
    ['data.shuffle', true],
    ['data.splits', [Tag.Array, 0.8, 0.1, [Tag.Float, 1]]],
    ['model.layers', [Tag.Array, [Tag.Object, 'units', 128, 'act', 'relu'], [Tag.Object, 'units', 10]]],
    ['model.name', ''],
    ['optimizer.lr', 0.001],
    ['optimizer.momentum', [Tag.Float, 1]],
    ['optimizer.big', [Tag.BigInt, '12345678901234567890']],
  ];

  test.each(['config.json', 'config.yaml'])('%s', (name) => {
    expect(pairs(readConfigFile(fixture(name), dotted).params)).toEqual([
      ...expected,
      ['optimizer.schedule', null],
      ['extra', [Tag.Object]],
      ['none', [Tag.Array]],
    ]);
  });

  test('config.toml, whose integers end at 64 bits and which has no null', () => {
    expect(pairs(readConfigFile(fixture('config.toml'), dotted).params)).toEqual([
      ['seed', 42],
      ['none', [Tag.Array]],
      ...expected.slice(1, -3),
      ['stages', [Tag.Array, [Tag.Object, 'name', 'warm-up'], [Tag.Object, 'name', 'main']]],
      ...expected.slice(-3, -1),
      ['optimizer.big', [Tag.BigInt, '9223372036854775807']],
      ['extra', [Tag.Object]],
    ]);
  });

  test('config.env, where everything is text', () => {
    const { params, omitted } = readConfigFile(fixture('config.env'), dotted);
    expect(pairs(params)).toEqual([
      ['SEED', '42'],
      ['DATA_PATH', 'data/größe 学习'],
      ['MODEL.NAME', ''],
      ['LINES', 'one\ntwo'],
      ['HASHED', 'a#b'],
      ['CUT', 'before'],
      ['YAMLISH', 'yes'],
    ]);
    expect(omitted).toEqual(['HF_TOKEN']);
  });

  test('the digest is of the bytes, with the byte order mark that the text has not', () => {
    const bytes = Buffer.from('\ufeff{"a": 1}');
    const { params, sha256 } = readConfigFile(file('.json', bytes), dotted);
    expect(pairs(params)).toEqual([['a', 1]]);
    expect(sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  test.each(['.json', '.yaml', '.toml', '.env'])('a byte order mark in front of %s is no part of a key', (ending) => {
    const text = { '.json': '{"a": "b"}', '.yaml': 'a: b', '.toml': 'a = "b"', '.env': 'a=b' }[ending];
    expect(read(ending, `\ufeff${text}`)).toEqual([['a', 'b']]);
  });

  test('prefix and separator', () => {
    const options: ConfigFileOptions = { separator: '/', prefix: 'cfg' };
    expect(read('.json', '{"a": {"b": 1}, "c": {}}', options)).toEqual([
      ['cfg/a/b', 1],
      ['cfg/c', [Tag.Object]],
    ]);
    expect(read('.env', 'A=1', options)).toEqual([['cfg/A', '1']]);
  });

  test('__proto__ is a key like any other, and integer-like keys keep their place', () => {
    const expectedPairs = [
      ['b', 1],
      ['__proto__.x', 2],
      ['1', 3],
    ];
    expect(read('.json', '{"b": 1, "__proto__": {"x": 2}, "1": 3}')).toEqual(expectedPairs);
    expect(read('.yaml', 'b: 1\n__proto__: {x: 2}\n1: 3\n')).toEqual(expectedPairs);
    expect(new Map(read('.toml', 'b = 1\n__proto__ = {x = 2}\n1 = 3\n'))).toEqual(new Map(expectedPairs as [string, Tree][]));
    expect(read('.env', '__proto__=x')).toEqual([['__proto__', 'x']]);
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false);
  });
});

describe('numbers keep what their spelling says', () => {
  test.each<[string, Tree]>([
    ['0', 0],
    ['-0', 0],
    ['-0.0', [Tag.NegativeZero]],
    ['1.0', [Tag.Float, 1]],
    ['1e3', [Tag.Float, 1000]],
    ['1e-5', 0.00001],
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', [Tag.BigInt, '9007199254740992']],
    ['-9007199254740993', [Tag.BigInt, '-9007199254740993']],
    ['0.30000000000000004', 0.30000000000000004],
    ['1e22', [Tag.Float, 1e22]],
  ])('%s', (spelled, tree) => {
    expect(read('.json', `{"n": ${spelled}}`)).toEqual([['n', tree]]);
    expect(read('.yaml', `n: ${spelled}`)).toEqual([['n', tree]]);
    expect(read('.toml', `n = ${spelled}`)).toEqual([['n', tree]]);
  });

  test.each<[string, string, Tree]>([
    ['.yaml', 'n: .nan', Number.NaN],
    ['.yaml', 'n: -.inf', Number.NEGATIVE_INFINITY],
    ['.yaml', 'n: 0x1f', 31],
    ['.yaml', 'n: 0o17', 15],
    ['.yaml', 'n: +5', 5],
    ['.yaml', 'n: 1_000', '1_000'],
    ['.yaml', 'n: yes', 'yes'],
    ['.yaml', "n: '1'", '1'],
    ['.toml', 'n = nan', Number.NaN],
    ['.toml', 'n = -inf', Number.NEGATIVE_INFINITY],
    ['.toml', 'n = 1_000', 1000],
    ['.toml', 'n = 0xff', 255],
  ])('%s: %s', (ending, content, tree) => {
    expect(read(ending, content)).toEqual([['n', tree]]);
  });
});

describe('dates', () => {
  test.each<[string, Tree]>([
    ['1979-05-27T07:32:00Z', [Tag.Date, Date.UTC(1979, 4, 27, 7, 32)]],
    ['1979-05-27 00:32:00.5-07:00', [Tag.Date, Date.UTC(1979, 4, 27, 7, 32, 0, 500)]],
    ['1979-05-27T07:32:00', '1979-05-27T07:32:00'],
    ['1979-05-27', '1979-05-27'],
    ['07:32:00', '07:32:00'],
    ['07:32:00.123', '07:32:00.123'],
  ])('TOML %s', (spelled, tree) => {
    expect(read('.toml', `d = ${spelled}`)).toEqual([['d', tree]]);
  });

  test('a date in YAML 1.2 is text', () => {
    expect(read('.yaml', 'd: 2026-11-23\ne: !!timestamp 2026-11-23')).toEqual([
      ['d', '2026-11-23'],
      ['e', '2026-11-23'],
    ]);
  });
});

describe('YAML', () => {
  test('anchors and merge keys, in which the own key wins', () => {
    const text = 'base: &base {lr: 0.1, epochs: 2}\nlong:\n  <<: *base\n  epochs: 20\nagain: *base\n';
    expect(read('.yaml', text)).toEqual([
      ['base.lr', 0.1],
      ['base.epochs', 2],
      ['long.lr', 0.1],
      ['long.epochs', 20],
      ['again.lr', 0.1],
      ['again.epochs', 2],
    ]);
  });

  test('keys that are no strings are taken as they are spelled', () => {
    expect(read('.yaml', '1.0: a\ntrue: b\n2026-11-23: c\n~: d')).toEqual([
      ['1.0', 'a'],
      ['true', 'b'],
      ['2026-11-23', 'c'],
      ['~', 'd'],
    ]);
  });

  test.each(['', '# only a comment\n', '---\n', 'null\n'])('a file without values (%j) has no params', (content) => {
    expect(read('.yaml', content)).toEqual([]);
  });

  test('a few aliases that stand for billions of values end in an error, soon', () => {
    const levels = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
    for (let i = 1; i < 12; i += 1) levels.push(`a${i}: &a${i} [${Array.from({ length: 9 }, () => `*a${i - 1}`).join(', ')}]`);
    expect(fault('.yaml', levels.join('\n'))).toEqual(['aliases expand to too many values']);
  });

  test('an alias of a large mapping, used often, is bounded too', () => {
    const wide = Array.from({ length: 2000 }, (_, i) => `k${i}: 1`).join(', ');
    const uses = Array.from({ length: 1000 }, (_, i) => `u${i}: *wide`).join('\n');
    expect(fault('.yaml', `wide: &wide {${wide}}\n${uses}`)).toEqual(['holds more than 1000000 values']);
  });

  // The library's own search for duplicate keys took 13 minutes for 200,000 keys, its search for anchors likewise.
  test('100,000 keys, and some thousands of aliases, are read in seconds', { timeout: 30_000 }, () => {
    const keys = Array.from({ length: 100_000 }, (_, i) => `k${i}: ${i}`).join('\n');
    expect(read('.yaml', keys)).toHaveLength(100_000);
    const aliases = Array.from({ length: 9_000 }, (_, i) => `k${i}: *a`).join('\n');
    expect(read('.yaml', `first: &a 1\n${aliases}`)).toHaveLength(9_001);
  });

  test('a sequence that holds itself', () => {
    expect(fault('.yaml', 'a: &a [*a]')).toEqual(['nested deeper than 64 levels']);
  });
});

describe('errors tell file, line and column', () => {
  test.each<[string, string, [string, number?, number?]]>([
    ['.json', '', ['malformed JSON: value expected', 1, 1]],
    ['.json', '{\n  "a": 1,\n}', ['malformed JSON: property name expected', 3, 1]],
    ['.json', '{\n  "a": 1 // no\n}', ['malformed JSON: JSON has no comments', 2, 10]],
    ['.json', '{"a": 1,\n "b" 2}', ['malformed JSON: colon expected', 2, 6]],
    ['.json', '{"a": 01}', ['malformed JSON: comma expected', 1, 8]],
    ['.json', '{"a": 1} {}', ['malformed JSON: end of file expected', 1, 10]],
    ['.json', '{"a": 1,\n "b": 2,\n "a": 1}', ['malformed JSON: duplicate key', 3, 2]],
    ['.json', '{"x": {"a": 1, "a": 1}}', ['malformed JSON: duplicate key', 1, 16]],
    ['.json', '{"a":\u00a01}', ['malformed JSON: invalid symbol', 1, 6]],
    ['.json', '\n[1]', ['the top level must be an object', 2, 1]],
    ['.json', '"text"', ['the top level must be an object', 1, 1]],
    ['.yaml', 'a: 1\nb: [1, 2\n', ['malformed YAML: bad indent', 3, 1]],
    ['.yaml', 'a:\n\t- b', ['malformed YAML: tab as indent', 2, 1]],
    ['.yaml', 'a: 1\nb: 2\na: 3\n', ['malformed YAML: duplicate key', 3, 1]],
    ['.yaml', 'a: 1\n1: 2\n"1": 3\n', ['malformed YAML: duplicate key', 3, 1]],
    ['.yaml', 'a: 1\n---\nb: 2\n', ['malformed YAML: multiple docs', 2, 1]],
    ['.yaml', 'a: 1\nb: *nope\n', ['malformed YAML: unknown alias', 2, 4]],
    ['.yaml', '? {a: 1}\n: 2\n', ['malformed YAML: non string key', 1, 3]],
    ['.yaml', 'a: 1\n<<: 5\n', ['malformed YAML: a merge key (<<) needs a mapping or a list of mappings']],
    ['.yaml', '# list\n- 1\n', ['the top level must be a mapping', 2, 1]],
    ['.yaml', 'just text', ['the top level must be a mapping', 1, 1]],
    ['.toml', 'a = 1\nb = \n', ['malformed TOML: invalid value', 2, 5]],
    ['.toml', 'a = 1\n[x]\ny = 1\n[x]\n', ['malformed TOML: trying to redefine an already defined table or value', 4, 2]],
    ['.toml', 'a = 1\na = 2\n', ['malformed TOML: trying to redefine an already defined table or value', 2, 1]],
    ['.toml', 'a = 2024-02-29\nb = 2023-02-30T10:00:00Z\n', ['malformed TOML: invalid date', 2, 5]],
    ['.toml', 'a = 2023-04-31\n', ['malformed TOML: invalid date', 1, 5]],
    ['.toml', '- 1', ['malformed TOML: illegal character in key', 1, 3]],
    ['.env', 'A=1\n\n  what is this\n', ['malformed line: expected NAME=value', 3, 3]],
    ['.env', 'A=1\nB\n', ['malformed line: expected NAME=value', 2, 1]],
    ['.env', 'A=1\nB="two\nC=3\n', ['malformed line: the quote is never closed', 2, 3]],
    ['.env', "A='1' 2\n", ['malformed line: text after the closing quote', 1, 6]],
    ['.env', 'A=1\nB=2\nexport A=3\n', ['duplicate name', 3, 8]],
  ])('%s %j', (ending, content, expected) => {
    expect(fault(ending, content)).toEqual(expected);
    expect(fault(ending, content.replaceAll('\n', '\r\n'))).toEqual(expected);
  });

  test('the message begins with file:line:column', () => {
    const path = file('.json', '{\n  "a": tru\n}');
    expect(problem(path).message).toBe(`config file ${path}:2:8: malformed JSON: invalid symbol`);
  });

  test.each(['.json', '.yaml', '.toml', '.env'])('bytes that are not UTF-8 in %s', (ending) => {
    const bytes = Buffer.concat([Buffer.from('# größe\n# ö'), Buffer.from([0xff, 0x20, 0x0a])]);
    expect(fault(ending, bytes)).toEqual(['not UTF-8', 2, 4]);
  });

  test('UTF-16 is not UTF-8', () => {
    expect(fault('.json', Buffer.from('\ufeff{"a": 1}', 'utf16le'))).toEqual(['not UTF-8', 1, 1]);
  });

  test.each([
    ['.json', `{"a": ${'['.repeat(65)}${']'.repeat(65)}}`],
    ['.json', `${'{"a": '.repeat(66)}1${'}'.repeat(66)}`],
    ['.yaml', `a: ${'['.repeat(65)}${']'.repeat(65)}`],
    ['.toml', `a = ${'['.repeat(65)}${']'.repeat(65)}`],
  ])('nesting that would end the stack: %s', (ending, content) => {
    expect(fault(ending, content)).toEqual(['nested deeper than 64 levels']);
  });

  test.each([
    ['.json', `{"a": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 'nested too deep, or a value too long, to be parsed'],
    ['.yaml', `a: ${'['.repeat(20_000)}${']'.repeat(20_000)}`, 'malformed YAML: resource exhaustion'],
    ['.env', `A="${'x\n'.repeat(6_000_000)}"`, 'nested too deep, or a value too long, to be parsed'],
  ])('what the parser itself gives up on: %s', (ending, content, reason) => {
    expect(fault(ending, content)[0]).toBe(reason);
  });

  test('nesting as deep as a param may be is read', () => {
    expect(read('.json', `{"a": ${'['.repeat(64)}${']'.repeat(64)}}`)).toHaveLength(1);
  });

  test.each([
    ['.json', '{"a": "\\ud800"}', 'lone surrogate'],
    ['.json', '{"a": [{"\\ud800": 1}]}', 'lone surrogate'],
    ['.yaml', 'a: "\\uD800"', 'lone surrogate'],
    ['.toml', 'a = "\\u0000"', 'NUL'],
  ])('text that no store can keep: %s %j', (ending, content, part) => {
    expect(problem(file(ending, content)).reason).toContain(part);
  });
});

describe('what is no config file', () => {
  test('a file that is not there', () => {
    expect(problem(join(folder, 'missing.yaml')).message).toBe(`config file ${join(folder, 'missing.yaml')}: no such file`);
  });

  test('a path through a file', () => {
    expect(problem(join(file('.yaml', 'a: 1'), 'below.yaml')).reason).toBe('no such file: a part of its path is not a folder');
  });

  test('a folder', () => {
    const path = join(folder, 'folder.yaml');
    mkdirSync(path);
    expect(problem(path).reason).toBe('is a folder, not a file');
  });

  test('a symbolic link to itself', () => {
    const path = join(folder, 'loop.yaml');
    symlinkSync(path, path);
    expect(problem(path).reason).toBe("can't be opened (ELOOP)");
  });

  test('a FIFO that nobody writes to does not stop the worker', () => {
    const path = join(folder, 'fifo.yaml');
    execFileSync('mkfifo', [path]);
    expect(problem(path).reason).toBe('is a FIFO, not a file');
  });

  test('a file that this user may not read', () => {
    const path = file('.yaml', 'a: 1');
    chmodSync(path, 0o000);
    const root = process.geteuid?.() === 0;
    // Permissions mean nothing to root.
    if (root) process.seteuid?.(65_534);
    try {
      expect(problem(path).reason).toBe('no permission to read it');
    } finally {
      if (root) process.seteuid?.(0);
    }
  });

  test('a file over 16 MiB, and one of just that size', () => {
    const frame = '{"a": ""}';
    const exact = file('.json', `{"a": "${'x'.repeat(16 * 1024 * 1024 - frame.length)}"}`);
    expect(readConfigFile(exact, dotted).params).toHaveLength(1);
    const over = file('.json', `{"a": "${'x'.repeat(16 * 1024 * 1024 - frame.length + 1)}"}`);
    expect(problem(over).reason).toBe('larger than 16 MiB');
  });

  test.each([
    ['.ini', 'extension ".ini"; expected .json, .yaml, .yml, .toml or .env'],
    ['', 'no extension; expected .json, .yaml, .yml, .toml or .env'],
  ])('an extension that says nothing: %j', (ending, reason) => {
    expect(problem(file(ending, 'a: 1')).reason).toBe(reason);
  });

  test('extensions in any case, and the names that .env files have', () => {
    expect(read('.JSON', '{"a": 1}')).toEqual([['a', 1]]);
    expect(read('.yml', 'a: 1')).toEqual([['a', 1]]);
    for (const name of ['.env', '.env.local', 'train.env']) {
      writeFileSync(join(folder, name), 'A=1');
      expect(pairs(readConfigFile(join(folder, name), dotted).params)).toEqual([['A', '1']]);
    }
  });
});

describe('secrets', () => {
  const NAMES = [
    'HF_TOKEN',
    'tokens',
    'Client_Secret',
    'DB_PASSWORD',
    'DB_PASSWORDS',
    'OPENAI_API_KEY',
    'openai.api-keys',
    'GOOGLE_CREDENTIALS',
    'AWS_SECRET_ACCESS_KEY',
    'SSH_PRIVATE_KEY',
  ];

  test.each(NAMES)('%s is left out and told', (name) => {
    const { params, omitted } = readConfigFile(file('.env', `A=1\n${name}="hush\nhush"\nB=2\n`), dotted);
    expect(pairs(params)).toEqual([
      ['A', '1'],
      ['B', '2'],
    ]);
    expect(omitted).toEqual([name]);
  });

  test.each(['TOKENIZER', 'MAX_TOKENS_PER_BATCH', 'KEY', 'PASSWORD_LENGTH'])('%s is no secret', (name) => {
    expect(read('.env', `${name}=1`)).toEqual([[name, '1']]);
  });

  test('no error shows what stands in the file', () => {
    for (const name of NAMES) {
      for (const line of [
        `${name}="hush`,
        `${name}='hush' hush`,
        `${name} hush`,
        `${name}=1\n${name}=hush`,
        `${name}="\0hush" hush`,
      ]) {
        expect(problem(file('.env', line)).message).not.toContain('hush');
      }
    }
    const broken: [string, string][] = [
      ['.json', '{"password": "hush" "hush"}'],
      ['.json', '{"password": hush}'],
      ['.yaml', 'password: hush: hush'],
      ['.yaml', 'password: *hush'],
      ['.yaml', 'password: [hush'],
      ['.yaml', 'password: "hush\\q"'],
      ['.yaml', '%hush hush\n---\n- hush'],
      ['.toml', 'password = hush'],
      ['.toml', 'password = "hush'],
      ['.toml', 'password = "hush" hush'],
    ];
    for (const [ending, content] of broken) expect(problem(file(ending, content)).message).not.toContain('hush');
  });
});

describe('.env, line by line', () => {
  test.each<[string, [string, Tree][]]>([
    ['', []],
    ['\n# comment\n   # another\n', []],
    ['export A = 1 # why', [['A', '1']]],
    ['A=', [['A', '']]],
    [
      'A=\nB=2',
      [
        ['A', ''],
        ['B', '2'],
      ],
    ],
    [`A=it's`, [['A', "it's"]]],
    ['A="one\\ntwo"', [['A', 'one\ntwo']]],
    [`A='one\\ntwo'`, [['A', 'one\\ntwo']]],
    ['A=`"both" \'kinds\'` # comment', [['A', '"both" \'kinds\'']]],
    ['A="a#b" # c', [['A', 'a#b']]],
    ['A=x=y', [['A', 'x=y']]],
    ["A='C:\\dir\\' # last", [['A', 'C:\\dir\\']]],
    ["A='it\\'s'", [['A', "it\\'s"]]],
    ['A=1\rB=2\r\nC=3', [...'ABC'].map((name, i) => [name, String(i + 1)])],
  ])('%j', (content, expected) => {
    expect(read('.env', content)).toEqual(expected);
  });
});

describe('what a library writes reads back to the same leaves', () => {
  const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_-]{0,8}$/);
  const text = fc.string({ unit: 'binary', maxLength: 12 }).filter((value) => value.isWellFormed() && !value.includes('\0'));
  const scalar = fc.oneof(
    text,
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Number.isInteger(n)),
  );
  const config = fc.letrec<{ map: Record<string, unknown>; value: unknown }>((tie) => ({
    map: fc.dictionary(name, tie('value'), { maxKeys: 5, noNullPrototype: true }),
    value: fc.oneof({ maxDepth: 3, depthSize: 'small' }, scalar, fc.array(scalar, { maxLength: 4 }), tie('map')),
  })).map;

  /** Written apart from the reader: the tree of a value, and leaves by paths. */
  function leavesOf(value: unknown, path: readonly string[] = []): [string, Tree][] {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      const entries = Object.entries(value);
      if (entries.length > 0 || path.length === 0) return entries.flatMap(([key, inner]) => leavesOf(inner, [...path, key]));
      return [[path.join('.'), [Tag.Object]]];
    }
    // Only scalars are left, and arrays of them.
    const tree = Array.isArray(value) ? ([Tag.Array, ...(value as Tree[])] as const) : (value as Tree);
    return [[path.join('.'), tree]];
  }
  const sorted = (leaves: [string, Tree][]): [string, Tree][] => leaves.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));

  test('JSON', () => {
    fc.assert(
      fc.property(config, fc.constantFrom(undefined, 2), (object, indent) => {
        expect(read('.json', JSON.stringify(object, null, indent))).toEqual(leavesOf(object));
      }),
    );
  });

  test('JSON is read where the language itself reads it, and nowhere else', () => {
    const snippets = [...'"{}[]:,01-+.eEt \t\n\f\u00a0\u2028\ufeff\\/\u0001a', 'true', 'null', '//', '/*'];
    const edit = fc.record({ at: fc.nat(60), drop: fc.nat(2), add: fc.constantFrom('', ...snippets) });
    const accepts = (text: string, parse: (text: string) => unknown): boolean => {
      try {
        parse(text);
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        const text = edits.reduce(
          (before, { at, drop, add }) => before.slice(0, at) + add + before.slice(at + drop),
          '{"a": [1, -2.5e3, "x\\n", true, null], "b": {}, "c": "d"}',
        );
        const path = file('.json', text);
        const refusedByUs = accepts(text, () => readConfigFile(path, dotted)) ? '' : problem(path).reason;
        // Two things are JSON, but no config; and a byte order mark is a config, but not JSON.
        if (/duplicate key|top level/.test(refusedByUs) || text.startsWith('\ufeff')) return;
        expect(refusedByUs === '').toBe(accepts(text, JSON.parse));
      }),
      { numRuns: 500 },
    );
  });

  test('YAML', () => {
    fc.assert(
      fc.property(config, (object) => {
        expect(read('.yaml', stringifyYaml(object))).toEqual(leavesOf(object));
      }),
    );
  });

  test('TOML, which puts tables last', () => {
    fc.assert(
      fc.property(config, (object) => {
        expect(sorted(read('.toml', stringifyToml(object)))).toEqual(sorted(leavesOf(object)));
      }),
    );
  });
});
