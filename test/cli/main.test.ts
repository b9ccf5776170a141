import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.js';
import { nearest } from '../../src/nearest.js';
import { VERSION } from '../../src/version.js';
import { newFolder } from '../journal/folder.js';
import { headrace } from './command.js';

describe('a command line', () => {
  test.each<[args: string[], hint: RegExp]>([
    [['jornal'], /no command "jornal"\. Did you mean journal\? See headrace --help\n$/],
    [['constructor'], /no command "constructor"\. See headrace --help\n$/],
    [['help', 'journals'], /Did you mean journal\?/],
    [['journal', '--jsn'], /no option --jsn\. Did you mean --json\? See headrace journal --help\n$/],
    [['journal', '-x'], /no option -x\. See headrace journal --help\n$/],
    [['journal', '--json=yes'], /json.*See headrace journal --help\n$/s],
    [['journal', 'a', 'b'], /one folder at most, got a b/],
    [['runs', '--limt', '3'], /no option --limt\. Did you mean --limit\? See headrace runs --help\n$/],
    [['runs', '--limit', '-1'], /--limit/],
    [['runs', '--limit=many'], /--limit is a whole number, got "many"/],
    [['export', 'a', '--format', 'ymal'], /--format is json, yaml, toml, env, args; got "ymal"\. Did you mean yaml\?/],
    [['export'], /name a run\. See headrace export --help\n$/],
    [['show', ''], /name a run/],
    [['compare', 'a'], /name a second run besides a/],
    [['compare'], /name runs, or choose them with --filter/],
    [['exec'], /name a command after --/],
    [['exec', 'python', 'train.py'], /the command comes after --: headrace exec -- python train\.py/],
    [['exec', '--param', 'lr', '--', 'true'], /--param is key=value, got "lr"/],
    [['exec', '--param', 'a=1', '--param', 'a=2', '--', 'true'], /--param a is given twice/],
    [['exec', '--param-file', 'gone.json', '--', 'true'], /gone\.json: no such file/],
    [['reproduce', 'a', '--as', 'fiel', '--', 'true'], /Did you mean file\?/],
    [['completion', 'bsh'], /bash, zsh and fish; not "bsh"\. Did you mean bash\?/],
    [['doctor', 'http://127.0.0.1'], /the store is named by --uri/],
  ])('%j is done rather than refused as misuse', async (args, hint) => {
    const { code, stdout, stderr } = await headrace(newFolder(), args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^headrace: /);
    expect(stderr).toMatch(hint);
  });

  test('without a command passes as success', async () => {
    const { code, stdout, stderr } = await headrace(newFolder(), []);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Usage: headrace <command>');
  });

  test.each([
    [['--help'], ['-h'], ['help']],
    [
      ['help', 'journal'],
      ['journal', '--help'],
      ['journal', '-h', '--json'],
    ],
  ])('asking for help gets it in one way and not in others: %j', async (...ways) => {
    const said = await Promise.all(ways.map((args) => headrace(newFolder(), args)));
    expect(said.map(({ code, stderr }) => [code, stderr])).toEqual(ways.map(() => [0, '']));
    expect(new Set(said.map(({ stdout }) => stdout)).size).toBe(1);
    expect(said[0]?.stdout).toMatch(/Examples:\n {2}headrace /);
  });

  test.each(Object.keys(COMMANDS))(
    'the help of %s names an option that it does not have, or lacks one, or has no example',
    async (name) => {
      const { options, help } = (await COMMANDS[name]?.load()) ?? expect.unreachable();
      const told = [...help.matchAll(/^ {2}(?:-\w, )?(--[\w-]+(?:, --[\w-]+)*)/gm)].flatMap(([, flags = '']) =>
        flags.split(', '),
      );
      expect(told.sort()).toEqual([...Object.keys(options), 'help'].map((option) => `--${option}`).sort());
      expect(help).toMatch(new RegExp(`Examples:\\n.*headrace ${name}`));
      expect(help).toMatch(/Exit code: /);
      expect(help.split('\n').filter((line) => line.length > 130)).toEqual([]);
    },
  );

  test('a command’s own words, its --help too, are taken for ours', async () => {
    const said = await headrace(
      newFolder(),
      ['exec', '--', process.execPath, '-p', 'process.argv.slice(1).join()', 'a', '--help'],
      {
        HEADRACE_DISABLED: '1',
      },
    );
    expect(said).toEqual({ code: 0, stdout: 'a,--help\n', stderr: '' });
  });

  test('the version is another one than the package’s', async () => {
    for (const way of ['--version', '-V']) {
      expect(await headrace(newFolder(), [way])).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: '' });
    }
  });
});

test('help waits for what only a command needs', () => {
  const built = new URL('../../dist/src/cli/main.js', import.meta.url);
  const main = readFileSync(built, 'utf8');
  const imported = [...main.matchAll(/^import .*?["']([^"']+)["'];?$/gms)].map(([, from]) => from ?? '');
  expect(imported.filter((from) => !/^(?:node:|\.)/.test(from))).toEqual([]);
  const parts = imported.filter((from) => from.startsWith('.')).map((from) => new URL(from, built));
  const theirs = parts.flatMap((part) => [...readFileSync(part, 'utf8').matchAll(/^import .*?["']([^."'][^"']*)["'];?$/gms)]);
  expect(theirs.map(([, from]) => from).filter((from) => from?.startsWith('node:') !== true)).toEqual([]);
});

test.each([
  ['jornal', 'journal'],
  ['JOURNAL', 'journal'],
  ['synch', 'sync'],
  ['x', undefined],
  ['journalists-of-the-world', undefined],
])('%s is taken for another word than it is near to', (word, meant) => {
  expect(nearest(word, ['journal', 'sync', 'help'])).toBe(meant);
});
