import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

// The fixtures' own configuration switches on this one rule and leaves its options alone.
function lint(fixture: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      'node_modules/oxlint/bin/oxlint',
      '--type-aware',
      '--tsconfig',
      'tsconfig.check.json',
      '-c',
      'test/lint/fixtures/oxlintrc.json',
      `test/lint/fixtures/${fixture}`,
    ],
    { cwd: root, encoding: 'utf8' },
  );
  return { status, output: stdout + stderr };
}

test('a logging call that nobody awaits passes no-floating-promises at its defaults', () => {
  const { status, output } = lint('fire-and-forget.ts');
  expect(output).toContain('Found 0 warnings and 0 errors');
  expect(output).toContain('on 1 file');
  expect(status).toBe(0);
});

test('a run.end() that nobody awaits is found, so the rule was at work', () => {
  const { status, output } = lint('floating-promise.ts');
  expect(output).toContain('no-floating-promises');
  expect(output).toContain('Found 0 warnings and 1 error');
  expect(status).toBe(1);
});
