import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
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

test.skipIf(process.platform !== 'linux')('a disk that is full passes as success, or shows its stack', async () => {
  const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
  const full = openSync('/dev/full', 'w');
  const { status, stderr } = spawnSync(process.execPath, [main, '--version'], {
    stdio: ['ignore', full, 'pipe'],
    encoding: 'utf8',
  });
  closeSync(full);
  expect([status, stderr]).toEqual([1, expect.stringMatching(/^headrace: stdout can't be written: ENOSPC[^\n]*\n$/)]);
});

/** Packages that a built file imports before anything of it runs, by itself or by its parts. */
function packagesOf(file: URL, seen: Set<string> = new Set<string>()): Set<string> {
  if (seen.has(file.href)) return new Set();
  seen.add(file.href);
  const imported = [...readFileSync(file, 'utf8').matchAll(/^(?:import|export) .*?["']([^"'\n]+)["'];?$/gms)].map(
    ([, from = '']) => from,
  );
  const packages = imported.filter((from) => !/^(?:node:|\.)/.test(from));
  const parts = imported.filter((from) => from.startsWith('.')).map((from) => packagesOf(new URL(from, file), seen));
  return new Set([...packages, ...parts.flatMap((part) => [...part])]);
}

test('help waits for what only a command needs', () => {
  const dist = new URL('../../dist/', import.meta.url);
  expect([...packagesOf(new URL('src/cli/main.js', dist))]).toEqual([]);
  const needed = readdirSync(new URL('commands/', dist)).flatMap((name) => {
    const command = /^(\w+)-command-\w+\.js$/.exec(name)?.[1] ?? '';
    return !Object.hasOwn(COMMANDS, command)
      ? []
      : [...packagesOf(new URL(`commands/${name}`, dist))].map((each) => `${command}: ${each}`);
  });
  // The walk sees packages at all.
  expect(needed).toContain('journal: cli-table3');
  // Those of stores, formats and pictures come when the command has been understood.
  const small = /: (?:cli-table3|cli-progress|msgpackr|p-retry|is-network-error)(?:\/|$)/;
  expect(needed.filter((each) => !small.test(each))).toEqual([]);
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
