/** The scripts in the shells that they are for. */
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { newFolder } from '../journal/folder.js';
import { headrace } from './command.js';

const isThere = (shell: string): boolean => spawnSync(shell, ['-c', 'exit 0']).status === 0;

async function scriptOf(shell: string): Promise<string> {
  const { code, stdout, stderr } = await headrace(newFolder(), ['completion', shell]);
  expect([code, stderr]).toEqual([0, '']);
  const path = join(newFolder(), `completion.${shell}`);
  writeFileSync(path, stdout);
  return path;
}

const CASES: readonly (readonly [line: readonly string[], wanted: readonly string[], unwanted: readonly string[]])[] = [
  [['ru'], ['runs'], ['show']],
  [['export', '--fo'], ['--format'], ['--uri']],
  [['export', '--format', 'y'], ['yaml'], ['json']],
  [['reproduce', '--as', ''], ['file', 'env', 'args'], ['json']],
  [['runs', '--'], ['--limit', '--order', '--help'], ['--format']],
  [['completion', ''], ['bash', 'zsh', 'fish'], ['--help']],
  [['help', 'do'], ['doctor'], ['runs']],
  [['exec', '--', 'train', '--'], [], ['--param']],
  [['exec', '--name', ''], [], ['--param', 'runs']],
];

describe.skipIf(!isThere('bash'))('bash', () => {
  test('offers something else than what may stand there', async () => {
    const path = await scriptOf('bash');
    const offered = (line: readonly string[]): string[] => {
      const program =
        // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell's, not ours
        'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _headrace; printf "%s\\n" "${COMPREPLY[@]}"';
      const said = execFileSync('bash', ['--norc', '-c', program, 'bash', path, 'headrace', ...line], { encoding: 'utf8' });
      return said.split('\n').filter((word) => word !== '');
    };
    for (const [line, wanted, unwanted] of CASES) {
      const words = offered(line);
      expect(words, line.join(' ')).toEqual(expect.arrayContaining([...wanted]));
      expect(
        words.filter((word) => unwanted.includes(word) || (wanted.length === 0 && word !== '')),
        line.join(' '),
      ).toEqual([]);
    }
  });
});

describe.skipIf(!isThere('zsh'))('zsh', () => {
  test('can’t read the script', async () => {
    const path = await scriptOf('zsh');
    const said = execFileSync('zsh', [
      '-f',
      '-c',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a shell's, not ours
      'autoload -U compinit; compinit -u -D; source "$1"; echo ${_comps[headrace]}',
      'zsh',
      path,
    ]);
    expect(said.toString()).toBe('_headrace\n');
  });
});

describe.skipIf(!isThere('fish'))('fish', () => {
  test('offers something else than what may stand there', async () => {
    const path = await scriptOf('fish');
    for (const [line, wanted, unwanted] of CASES.slice(0, 7)) {
      const typed = ['headrace', ...line].join(' ');
      const said = execFileSync('fish', ['--no-config', '-c', `source ${path}; complete -C '${typed}'`], { encoding: 'utf8' });
      const words = said.split('\n').map((each) => each.split('\t')[0] ?? '');
      expect(words, typed).toEqual(expect.arrayContaining([...wanted]));
      expect(
        words.filter((word) => unwanted.includes(word)),
        typed,
      ).toEqual([]);
    }
  });
});
