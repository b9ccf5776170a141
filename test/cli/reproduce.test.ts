import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { Served } from '../server/served.js';
import { Stored } from '../tracker/stored.js';
import { until } from '../tracker/waiting.js';
import { Called, headrace, type Said } from './command.js';

const INDEX = fileURLToPath(new URL('../../dist/src/index.js', import.meta.url));
const NODE = process.execPath;

interface Earlier {
  readonly stored: Stored;
  readonly id: string;
}

async function earlier(): Promise<Earlier> {
  const stored = new Stored();
  const tracker = stored.tracker({ experiment: 'digits' });
  const run = tracker.startRun({
    name: 'first',
    params: { optimizer: { name: 'adam', lr: 0.01 }, layers: [64, 32], seed: null },
  });
  run.logMetric('accuracy', 0.5);
  await run.end();
  await tracker.close();
  return { stored, id: run.id };
}

function reproduce({ stored }: Earlier, args: readonly string[]): Promise<Said> {
  return headrace(stored.folder, ['reproduce', '--uri', stored.uri, ...args]);
}

/** The other run. */
function later({ stored, id }: Earlier): { readonly id: string; readonly status: string; readonly experiment: string } {
  const [row] = stored.rows('SELECT run_uuid FROM runs WHERE run_uuid <> ?', id);
  const found = String(row?.run_uuid);
  return { id: found, ...(stored.run(found) ?? expect.unreachable()) };
}

const PRINT_FILE = 'console.log(require("fs").readFileSync(process.argv[1], "utf8") + process.env.HEADRACE_CONFIG)';

describe('the command gets another configuration', () => {
  test('as a file', async () => {
    const place = await earlier();
    const args = ['first', '--set', 'optimizer.lr=0.5', '--set', 'layers=[8]', '--', NODE, '-e', PRINT_FILE, '{}'];
    const { code, stdout, stderr } = await reproduce(place, args);
    expect(code).toBe(0);
    const [, json = '', path = ''] = /^(.*\n)(\/.*)\n$/s.exec(stdout) ?? [];
    expect(JSON.parse(json)).toEqual({ optimizer: { name: 'adam', lr: 0.5 }, layers: [8], seed: null });
    expect([path.endsWith('config.json'), existsSync(path)]).toEqual([true, false]);
    expect(stderr).toMatch(/optimizer\.lr +different +0\.01 +0\.5/);
    const { id, status, experiment } = later(place);
    expect([status, experiment]).toEqual(['FINISHED', 'digits']);
    expect(place.stored.tag(id, 'headrace.reproduces')).toBe(place.id);
    expect(place.stored.params(id)).toEqual({ 'optimizer.name': 'adam', 'optimizer.lr': '0.5', layers: '[8]', seed: 'null' });
  });

  test('as YAML', async () => {
    const place = await earlier();
    const { stdout } = await reproduce(place, ['first', '--format', 'yaml', '--', NODE, '-e', PRINT_FILE, '{}']);
    expect(stdout).toMatch(/optimizer:\n {2}(?:lr: 0\.01\n {2}name: adam|name: adam\n {2}lr: 0\.01)\n/);
  });

  test('as variables', async () => {
    const place = await earlier();
    const program =
      'const { optimizer_lr, optimizer_name, layers } = process.env; console.log(optimizer_lr, optimizer_name, layers)';
    const { stdout } = await reproduce(place, ['first', '--as', 'env', '--set', 'optimizer.lr=1e-7', '--', NODE, '-e', program]);
    expect(stdout).toBe('1e-7 adam [64,32]\n');
  });

  test('as arguments', async () => {
    const place = await earlier();
    const { stdout } = await reproduce(place, [
      'first',
      '--as',
      'args',
      '--',
      NODE,
      '-p',
      'process.argv.slice(1).sort().join(" ")',
      '--',
      'x',
    ]);
    expect(stdout).toBe('--layers=[64,32] --optimizer.lr=0.01 --optimizer.name=adam --seed=null x\n');
  });
});

test('a param that the command logs itself, in its own spelling, is refused to it', async () => {
  const place = await earlier();
  const path = join(place.stored.folder, 'train.mjs');
  writeFileSync(
    path,
    `import { createTracker } from ${JSON.stringify(INDEX)};
     const tracker = createTracker();
     const run = tracker.startRun();
     run.logParam('optimizer.lr', '1e-2');
     await tracker.close();`,
  );
  expect((await reproduce(place, ['first', '--', NODE, path])).code).toBe(0);
  expect(place.stored.params(later(place).id)).toEqual({
    'optimizer.name': 'adam',
    'optimizer.lr': '1e-2',
    layers: '[64,32]',
    seed: 'null',
  });
});

test('the exit code is lost on the way, or the run’s end', async () => {
  const place = await earlier();
  const { code, stderr } = await reproduce(place, ['first', '--', NODE, '-e', 'process.exit(9)']);
  expect([code, later(place).status]).toEqual([9, 'FAILED']);
  expect(stderr).toContain('FAILED');
});

test('the run has another end than the command when it can’t be read', async () => {
  const served = await Served.start();
  const tracker = served.tracker();
  const run = tracker.startRun({ name: 'first', params: { lr: 0.1 } });
  const id = await run.storeId;
  await tracker.close();
  const [begun, go] = [join(served.journals, 'begun'), join(served.journals, 'go')];
  const program = `const fs = require('fs'); fs.writeFileSync(${JSON.stringify(begun)}, '');
    setInterval(() => { if (fs.existsSync(${JSON.stringify(go)})) process.exit(9); }, 20)`;
  const called = new Called(served.journals, ['reproduce', id, '--uri', served.fake.url, '--', NODE, '-e', program]);
  await until('the command to start', () => existsSync(begun));
  const gone = JSON.stringify({ error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'gone' });
  served.fake.fault({ path: 'runs/get' }, { answer: { status: 404, body: gone } }, 1000);
  served.fake.fault({ path: 'runs/search' }, { answer: {} }, 1000);
  writeFileSync(go, '');
  const { code, stderr } = await called.ended;
  expect([code, stderr]).toEqual([9, expect.stringMatching(/headrace: no comparison: /)]);
  expect(served.fake.state.activeRuns().map(({ id: each, status }) => [each === id, status])).toEqual([
    [true, 'FINISHED'],
    [false, 'FAILED'],
  ]);
});

test('a wrong name passes, or has no near one', async () => {
  const place = await earlier();
  const wrongKey = await reproduce(place, ['first', '--set', 'optimzer.lr=1', '--', NODE, '-e', '0']);
  expect([wrongKey.code, wrongKey.stderr]).toEqual([
    2,
    expect.stringContaining('no param "optimzer.lr". Did you mean optimizer.lr?'),
  ]);
  const wrongRun = await reproduce(place, ['frist', '--', NODE, '-e', '0']);
  expect([wrongRun.code, wrongRun.stderr]).toEqual([1, expect.stringContaining('Did you mean first?')]);
  expect(place.stored.count('runs')).toBe(1);
  expect(readFileSync(place.stored.path).length).toBeGreaterThan(0);
});
