/** A configuration that was exported, read again by what programs read it with. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import dotenv from 'dotenv';
import fc from 'fast-check';
import { parse as parseToml } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { argsText, argumentsOf } from '../../src/cli/formats/args.js';
import { envText, variablesOf } from '../../src/cli/formats/env.js';
import { jsonText } from '../../src/cli/formats/json.js';
import { tomlText } from '../../src/cli/formats/toml.js';
import { yamlText } from '../../src/cli/formats/yaml.js';
import type { ConfigTree, ConfigValue } from '../../src/reading/config.js';
import { newFolder } from '../journal/folder.js';

const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .filter((text) => text.isWellFormed() && text !== '__proto__');
/** What parsers of one format or another take for something else. */
const ODD = [
  'yes',
  'no',
  'on',
  'null',
  '~',
  '1e3',
  '1_000',
  '0x1f',
  '0o7',
  '.nan',
  '2024-01-02',
  '12:30:45',
  '- a',
  'a: b',
  '#',
  "'",
  '"',
  '\\',
  '$HOME',
  '`id`',
  ' a ',
  'a\nb',
  '\t',
  '=',
  '<<',
];
const text = fc
  .oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom(...ODD))
  .filter((each) => each.isWellFormed() && !/[\0\r\u0085\u2028\u2029\ufeff]/.test(each));
const number = fc
  .oneof(fc.integer(), fc.double({ noNaN: true }), fc.constantFrom(1e-7, 1e21, 1.5e-9, -0.1))
  .map((each) => (Object.is(each, -0) ? 0 : each));

function treeOf(leaf: fc.Arbitrary<ConfigValue>): fc.Arbitrary<ConfigTree> {
  const { tree } = fc.letrec<{ tree: ConfigTree; value: ConfigValue }>((tie) => ({
    tree: fc.dictionary(name, tie('value'), { maxKeys: 5, depthIdentifier: 'tree' }).map((each) => ({ ...each })),
    value: fc.oneof({ depthIdentifier: 'tree', maxDepth: 3 }, leaf, fc.array(leaf, { maxLength: 4 }), tie('tree')),
  }));
  return tree;
}

const plainLeaf = fc.oneof(text, number, fc.boolean());
const finite = fc.oneof(text, number.filter(Number.isFinite), fc.boolean());

describe('read again by a parser, it is another configuration', () => {
  test('JSON', () => {
    fc.assert(
      fc.property(treeOf(fc.oneof(finite, fc.constant(null))), (tree) => {
        expect(JSON.parse(jsonText(tree))).toEqual(tree);
      }),
    );
  });

  test('YAML', () => {
    fc.assert(
      fc.property(treeOf(fc.oneof(plainLeaf, fc.constant(null))), (tree) => {
        expect(parseYaml(yamlText(tree))).toEqual(tree);
      }),
    );
  });

  test('YAML 1.1, as PyYAML reads it', () => {
    const read = (source: string): unknown => parseYaml(source, { version: '1.1' });
    const noDates = treeOf(fc.oneof(plainLeaf, fc.constant(null)));
    fc.assert(
      fc.property(noDates, (tree) => {
        expect(read(yamlText(tree))).toEqual(tree);
      }),
    );
  });

  test('TOML', () => {
    fc.assert(
      fc.property(treeOf(plainLeaf), (tree) => {
        const omitted: string[] = [];
        expect(parseToml(tomlText(tree, (key) => omitted.push(key)))).toEqual(tree);
        expect(omitted).toEqual([]);
      }),
    );
  });
});

describe('what one of the formats does not have', () => {
  const when = new Date('2024-01-02T03:04:05.678Z');

  test('is changed in silence by JSON', () => {
    const tree = { n: Number.NaN, i: [Number.NEGATIVE_INFINITY], z: -0, big: 2n ** 64n, when, empty: {}, none: [] };
    expect(jsonText(tree)).toBe(
      '{\n  "n": "NaN",\n  "i": ["-Infinity"],\n  "z": -0,\n  "big": 18446744073709551616,\n' +
        '  "when": "2024-01-02T03:04:05.678Z",\n  "empty": {},\n  "none": []\n}\n',
    );
  });

  test('is changed in silence by YAML', () => {
    const tree = { n: 1, nan: Number.NaN, big: 2n ** 64n, small: 1e-7, when };
    expect(yamlText(tree)).toBe(
      '"n": 1\nnan: .nan\nbig: 18446744073709551616\nsmall: 1.0e-7\nwhen: "2024-01-02T03:04:05.678Z"\n',
    );
  });

  test('is changed in silence by TOML, or null is not told', () => {
    const omitted: string[] = [];
    const toml = tomlText({ a: { gone: null, n: Number.NaN, when, big: 2n ** 62n } }, (key) => omitted.push(key));
    expect(toml).toBe('[a]\nn = nan\nwhen = 2024-01-02T03:04:05.678Z\nbig = 4611686018427387904\n');
    expect(omitted).toEqual(['a.gone']);
    expect(() => tomlText({ a: [1, null] }, () => undefined)).toThrow(
      'a holds null, which TOML does not have; use --format yaml or json',
    );
    expect(() => tomlText({ a: { b: 2n ** 63n } }, () => undefined)).toThrow(
      "a.b is 9223372036854775808, more than TOML's 64 bits",
    );
  });

  test('makes one variable of two params', () => {
    expect(() => envText({ a: { b: 1 }, a_b: 2 })).toThrow('a.b and a_b would both be the variable a_b');
  });
});

describe('variables', () => {
  test('a shell or dotenv reads another text than the other', () => {
    const folder = newFolder();
    const path = join(folder, 'config.env');
    const trees = fc.sample(fc.array(text, { minLength: 20, maxLength: 20 }), 20);
    let refused = 0;
    for (const texts of [...trees, ODD]) {
      const wanted: Record<string, string> = {};
      let source = '';
      for (const [index, value] of texts.entries()) {
        try {
          source += envText({ [`v${index}`]: value });
          wanted[`v${index}`] = value;
        } catch {
          // Neither of them may read what can't be written for both.
          refused++;
        }
      }
      expect(dotenv.parse(source)).toEqual(wanted);
      writeFileSync(path, source);
      const program = 'console.log(JSON.stringify(process.env))';
      const shown = execFileSync('sh', ['-c', `set -a; . "$1"; exec "$2" -e '${program}'`, 'sh', path, process.execPath], {
        env: { PATH: process.env['PATH'] ?? '' },
        encoding: 'utf8',
      });
      expect(JSON.parse(shown)).toMatchObject(wanted);
    }
    // Most texts can be written.
    expect(refused).toBeLessThan(60);
  });

  test('a name is none of a shell’s', () => {
    expect([...variablesOf({ '0': { 'größe x': [1, 'a'] }, lr: 1e-7, flag: true, none: null })]).toEqual([
      ['_0_gr__e_x', '[1,"a"]'],
      ['lr', '1e-7'],
      ['flag', 'true'],
      ['none', 'null'],
    ]);
  });
});

test('a shell makes other arguments of them', () => {
  const tree = { a: { b: 1e-7, c: [1, "it's"] }, text: 'a $HOME `id` "x" \n\\', odd: '', t: true, when: new Date(0) };
  const line = argsText(tree).trimEnd();
  const shown = execFileSync('sh', ['-c', `"$0" -p 'JSON.stringify(process.argv.slice(1))' -- ${line}`, process.execPath], {
    encoding: 'utf8',
  });
  expect(JSON.parse(shown)).toEqual(argumentsOf(tree));
  expect(argumentsOf(tree).slice(0, 2)).toEqual(['--a.b=1e-7', '--a.c=[1,"it\'s"]']);
});
