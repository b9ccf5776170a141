import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { VERSION } from '../src/version.js';

const top = fileURLToPath(new URL('..', import.meta.url));
const example = join(top, 'examples/first/first.js');

test('the version written into files is the package’s', () => {
  const manifest: unknown = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8'));
  expect(manifest).toMatchObject({ version: VERSION });
});

test('the README’s example is the file that runs', () => {
  const block = /```js\n(.*?)```/s.exec(readFileSync(join(top, 'README.md'), 'utf8'))?.[1];
  expect(block).toBe(readFileSync(example, 'utf8'));
});

test('the README’s example runs as printed and lands all that it logs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-readme-'));
  try {
    const { MLFLOW_TRACKING_URI: _, ...env } = process.env;
    const said = execFileSync(process.execPath, [example], { cwd: folder, env, timeout: 30_000 }).toString();
    expect(said).toContain('accepted: 1004');
    expect(said).toContain('landed: 1004');
    expect(said).toContain('failed: 0');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
