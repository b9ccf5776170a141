// @ts-check
// Runs every `check:*` script of package.json: one line per stage, and before it the output of a stage that fails.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const root = new URL('..', import.meta.url);
const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

for (const name of Object.keys(scripts).filter((script) => script.startsWith('check:'))) {
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', name], {
    cwd: root,
    encoding: 'utf8',
    // npm is a .cmd file there, which only a shell can start.
    shell: process.platform === 'win32',
  });
  const ok = status === 0;
  if (!ok) {
    process.exitCode = 1;
    process.stdout.write(stdout + stderr);
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  process.stdout.write(`${ok ? 'ok    ' : 'FAILED'}  ${name.padEnd(14)} ${seconds.padStart(5)} s\n`);
}
