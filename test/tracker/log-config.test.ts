import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ConfigFileError, InvalidValueError, LogFailuresError, type TrackerOptions, ValueTooLongError } from '../../src/index.js';
import { Stored } from './stored.js';
import { failureOf, until } from './waiting.js';

function file(stored: Stored, name: string, content: string): string {
  const path = join(stored.folder, name);
  writeFileSync(path, content);
  return path;
}

/** What a program does that changes its folder after the call. */
function changeFolder(to: string): void {
  const before = process.cwd();
  process.chdir(to);
  onTestFinished(() => process.chdir(before));
}

describe('each format gives params, and tags that tell where they came from', () => {
  const nested = { 'optimizer.lr': '0.001', 'optimizer.name': 'adam', layers: '[64,10]', seed: '7' };
  test.each([
    ['config.json', '{"optimizer": {"lr": 1e-3, "name": "adam"}, "layers": [64, 10], "seed": 7}', nested],
    ['config.yaml', 'optimizer:\n  lr: 0.001\n  name: adam\nlayers: [64, 10]\nseed: 7\n', nested],
    ['config.yml', 'optimizer: {lr: 0.001, name: adam}\nlayers:\n- 64\n- 10\nseed: 7\n', nested],
    ['config.toml', 'layers = [64, 10]\nseed = 7\n[optimizer]\nlr = 1e-3\nname = "adam"\n', nested],
    ['config.env', 'SEED=7\nNAME="adam"\n', { SEED: '7', NAME: 'adam' }],
  ])('%s', async (name, content, params) => {
    const stored = new Stored();
    const path = file(stored, name, content);
    const run = stored.tracker().startRun();
    const receipt = run.logConfig(path);
    await receipt;
    expect(receipt.state).toBe('landed');
    expect(stored.params(run.id)).toEqual(params);
    expect(stored.tags(run.id)).toEqual({
      [`headrace.config.${name}.path`]: path,
      [`headrace.config.${name}.sha256`]: createHash('sha256').update(content).digest('hex'),
    });
  });

  test('prefix and separator', async () => {
    const stored = new Stored();
    const run = stored.tracker({ separator: '/' }).startRun();
    await run.logConfig(file(stored, 'a.json', '{"b": {"c": 1}}'), { prefix: 'p' });
    expect(stored.params(run.id)).toEqual({ 'p/b/c': '1' });
  });

  test('python spells int and float as the file does', async () => {
    const stored = new Stored();
    const run = stored.tracker({ valueFormat: 'python' }).startRun();
    await run.logConfig(file(stored, 'a.yaml', 'int: 1\nfloat: 1.0\nsmall: 1e-05\nyes: true\nnone: null\nlist: [1, 1.0, a]\n'));
    expect(stored.params(run.id)).toEqual({
      int: '1',
      float: '1.0',
      small: '1e-05',
      yes: 'True',
      none: 'None',
      list: "[1, 1.0, 'a']",
    });
  });

  test('two files of one name keep their tags apart', async () => {
    const stored = new Stored();
    mkdirSync(join(stored.folder, 'b'));
    const [first, second] = [file(stored, 'c.json', '{"a": 1}'), file(stored, 'b/c.json', '{"b": 2}')];
    const run = stored.tracker().startRun();
    await Promise.all([run.logConfig(first), run.logConfig(second), run.logConfig(first)]);
    expect(stored.params(run.id)).toEqual({ a: '1', b: '2' });
    expect(stored.tags(run.id)).toMatchObject({ 'headrace.config.c.json.path': first, 'headrace.config.c.json-2.path': second });
  });
});

describe('the path', () => {
  test('is made absolute at the call, whatever folder the program is in later', async () => {
    const stored = new Stored();
    file(stored, 'here.json', '{"where": "here"}');
    mkdirSync(join(stored.folder, 'elsewhere'));
    file(stored, 'elsewhere/here.json', '{"where": "elsewhere"}');
    const run = stored.tracker().startRun();
    await run.flush();
    changeFolder(stored.folder);
    const receipt = run.logConfig('here.json');
    process.chdir(join(stored.folder, 'elsewhere'));
    await receipt;
    expect(stored.params(run.id)).toEqual({ where: 'here' });
  });

  test('of the database, too', async () => {
    const stored = new Stored();
    mkdirSync(join(stored.folder, 'elsewhere'));
    changeFolder(stored.folder);
    const tracker = stored.tracker({ uri: 'sqlite:///mlflow.db' });
    process.chdir(join(stored.folder, 'elsewhere'));
    const run = tracker.startRun();
    await run.logParam('k', 1);
    expect(stored.params(run.id)).toEqual({ k: '1' });
  });

  test.each([[''], [undefined], [5], [{}]])('that is none fails the receipt: %s', async (path) => {
    const run = new Stored().tracker().startRun();
    await failureOf(InvalidValueError, run.logConfig(path as string));
  });
});

describe('a file that can’t be used fails the receipt, and nothing else', () => {
  test.each([
    ['bad.json', '{"a": 1,\n "b": }', 2],
    ['bad.yaml', 'a: 1\nb: [1, 2\nc: 3\n', undefined],
    ['bad.toml', 'a = 1\nb = \n', 2],
  ])('malformed: %s, with its place', async (name, content, line) => {
    const stored = new Stored();
    const path = file(stored, name, content);
    const run = stored.tracker().startRun();
    const before = run.logParam('before', 1);
    const error = await failureOf(ConfigFileError, run.logConfig(path));
    expect(error).toMatchObject({ code: 'HEADRACE_CONFIG_FILE', path });
    expect(error.line).toBeGreaterThan(0);
    expect(error.column).toBeGreaterThan(0);
    if (line !== undefined) expect(error.line).toBe(line);
    expect(error.message).toContain(`${path}:${error.line}:${error.column}`);
    await Promise.all([before, run.logParam('after', 1)]);
    expect(stored.params(run.id)).toEqual({ before: '1', after: '1' });
    expect(stored.tags(run.id)).toEqual({});
  });

  test.each([
    ['missing', 'nowhere.json', 'no such file'],
    ['of a kind that is not read', 'mlflow.db', 'expected .json'],
  ])('%s', async (_, name, reason) => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    await run.flush();
    const error = await failureOf(ConfigFileError, run.logConfig(join(stored.folder, name)));
    expect(error.path).toBe(join(stored.folder, name));
    expect(error.reason).toContain(reason);
  });
});

describe('single keys of a file that are refused', () => {
  test('a conflict with what is logged already is told; the others land, and so do the tags', async () => {
    const stored = new Stored();
    const path = file(stored, 'c.json', '{"a": 1, "taken": "from the file", "z": 3}');
    const run = stored.tracker().startRun();
    run.logParam('taken', 'before');
    const receipt = run.logConfig(path);
    const error = await receipt.then(
      () => undefined,
      (each: unknown) => each,
    );
    expect(error).toMatchObject({
      code: 'HEADRACE_PARAM_CONFLICT',
      key: 'taken',
      storedValue: 'before',
      newValue: 'from the file',
    });
    expect(receipt.state).toBe('failed');
    expect(stored.params(run.id)).toEqual({ taken: 'before', a: '1', z: '3' });
    expect(stored.tags(run.id)).toMatchObject({ 'headrace.config.c.json.path': path });
  });

  test('several of them are listed', async () => {
    const stored = new Stored();
    const path = file(stored, 'c.json', JSON.stringify({ a$: 1, long: 'x'.repeat(6001), good: 1 }));
    const run = stored.tracker().startRun();
    const error = await failureOf(LogFailuresError, run.logConfig(path));
    expect([...error.keys].sort()).toEqual(['a$', 'long']);
    expect(stored.params(run.id)).toEqual({ good: '1' });
  });

  test.each([
    ['reject', undefined],
    ['truncate', 'x'.repeat(6000)],
  ] as const)('a value over the limit, onLongValue: %s', async (onLongValue, stays) => {
    const stored = new Stored();
    const options: TrackerOptions = { onLongValue };
    const run = stored.tracker(options).startRun();
    const receipt = run.logConfig(file(stored, 'c.yaml', `long: ${'x'.repeat(6001)}\n`));
    if (onLongValue === 'reject')
      expect(await failureOf(ValueTooLongError, receipt)).toMatchObject({ key: 'long', length: 6001 });
    else await receipt;
    expect(stored.params(run.id).long).toBe(stays);
  });

  test('more keys than a batch holds land, under one receipt', async () => {
    const stored = new Stored();
    const config = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key ${i}`, i]));
    const run = stored.tracker({ batch: { maxParams: 7 } }).startRun();
    run.logParam('key 250', 'taken');
    const receipt = run.logConfig(file(stored, 'c.json', JSON.stringify(config)));
    expect(
      await receipt.then(
        () => undefined,
        (error: unknown) => error,
      ),
    ).toMatchObject({ code: 'HEADRACE_PARAM_CONFLICT', key: 'key 250' });
    await run.logParam('after', 1);
    expect(stored.count('params', run.id)).toBe(501);
    await run.end();
  });
});

describe('secrets of a .env file', () => {
  test('are nowhere: not in params, tags, errors, warnings or the database’s bytes', async () => {
    const secret = 'hunter2-is-not-to-be-seen';
    const said: string[] = [];
    const listener = (warning: Error): void => void said.push(warning.message);
    process.on('warning', listener);
    onTestFinished(() => void process.off('warning', listener));
    const stored = new Stored();
    const tracker = stored.tracker();
    const path = file(
      stored,
      '.env',
      [
        'SEED=1',
        `HF_TOKEN=${secret}`,
        `AWS_SECRET=${secret}`,
        `DB_PASSWORD="${secret}"`,
        `export OPENAI_API_KEY='${secret}'`,
        `GCP_CREDENTIALS=${secret}`,
      ].join('\n'),
    );
    const run = tracker.startRun();
    await run.logConfig(path);
    // Not even when the file is broken behind it, or its lines are.
    const broken = file(stored, 'broken.env', `HF_TOKEN=${secret}\nDB_PASSWORD="${secret}\n===\n`);
    await Promise.resolve(run.logConfig(broken)).catch((error: unknown) => said.push(String(error), JSON.stringify(error)));
    await until('the warning', () => said.length > 0);
    expect(stored.params(run.id)).toMatchObject({ SEED: '1' });
    expect(stored.tags(run.id)['headrace.config..env.omitted']).toBe(
      'HF_TOKEN, AWS_SECRET, DB_PASSWORD, OPENAI_API_KEY, GCP_CREDENTIALS',
    );
    expect(said.join('\n')).toContain('HF_TOKEN');
    await tracker.close({ throwOnFailure: false });
    const bytes = readFileSync(stored.path).toString('latin1');
    for (const text of [
      ...said,
      bytes,
      JSON.stringify(stored.rows('SELECT * FROM params')),
      JSON.stringify(stored.rows('SELECT * FROM tags')),
    ]) {
      expect(text.includes(secret)).toBe(false);
    }
  });
});
