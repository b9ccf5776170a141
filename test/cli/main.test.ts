import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { nearest } from '../../src/cli/nearest.js';
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
    expect(said[0]?.stdout).toMatch(/Examples:\n {2}headrace journal/);
  });

  test('the version is another one than the package’s', async () => {
    for (const way of ['--version', '-V']) {
      expect(await headrace(newFolder(), [way])).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: '' });
    }
  });
});

test('help waits for what only a command needs', () => {
  const main = readFileSync(new URL('../../dist/src/cli/main.js', import.meta.url), 'utf8');
  const imported = [...main.matchAll(/^import .*?["']([^"']+)["'];?$/gms)].map(([, from]) => from ?? '');
  expect(imported.filter((from) => !from.startsWith('node:') && !from.startsWith('./'))).toEqual([]);
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
