import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { type RunSource, runTags } from '../../src/store/run-context.js';
import { newFolder } from './place.js';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const source = (parts: Partial<RunSource> = {}): RunSource => ({
  userName: 'ada',
  scriptPath: undefined,
  parentRunId: undefined,
  tags: [],
  ...parts,
});

function repository(): { folder: string; commit: string } {
  const folder = newFolder();
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd: folder }).toString();
  git('init', '--quiet');
  writeFileSync(join(folder, 'train.js'), '');
  git('add', '.');
  git('commit', '--quiet', '--no-gpg-sign', '-m', 'first');
  return { folder, commit: git('rev-parse', 'HEAD').trim() };
}

test('a run gets MLflow’s default tags', async () => {
  const folder = newFolder();
  vi.stubEnv('GIT_CEILING_DIRECTORIES', join(folder, '..'));
  const scriptPath = join(folder, 'train.js');
  expect(await runTags(source({ scriptPath }), {})).toEqual([
    ['mlflow.user', 'ada'],
    ['mlflow.source.name', scriptPath],
    ['mlflow.source.type', 'LOCAL'],
  ]);
});

test('a program without a file is named as MLflow names it', async () => {
  expect(new Map(await runTags(source(), {})).get('mlflow.source.name')).toBe('<console>');
  expect(new Map(await runTags(source({ scriptPath: '' }), {})).get('mlflow.source.name')).toBe('<console>');
});

test('the commit is that of the script’s repository, also from a folder inside it', async () => {
  const { folder, commit } = repository();
  mkdirSync(join(folder, 'deep'));
  const tags = new Map(await runTags(source({ scriptPath: join(folder, 'deep', 'train.js') }), {}));
  expect(tags.get('mlflow.source.git.commit')).toBe(commit);
});

test('branch and first remote are told too, the remote without its password', async () => {
  const { folder } = repository();
  const git = (...args: string[]): void => void execFileSync('git', args, { cwd: folder });
  git('checkout', '--quiet', '-b', 'feature/a-b');
  git('remote', 'add', 'origin', 'https://ada:s3cret@example.org/iris.git');
  git('remote', 'add', 'other', 'git@example.org:iris.git');
  const tags = new Map(await runTags(source({ scriptPath: join(folder, 'train.js') }), {}));
  expect(tags.get('mlflow.source.git.branch')).toBe('feature/a-b');
  expect(tags.get('mlflow.source.git.repoURL')).toBe('https://example.org/iris.git');
});

test('no git, no repository, a repository without a commit: no tag, and the run starts all the same', async () => {
  const outside = newFolder();
  vi.stubEnv('GIT_CEILING_DIRECTORIES', join(outside, '..'));
  const empty = newFolder();
  execFileSync('git', ['init', '--quiet'], { cwd: empty });
  for (const folder of [outside, empty, join(outside, 'missing')]) {
    expect(new Map(await runTags(source({ scriptPath: join(folder, 'train.js') }), {})).has('mlflow.source.git.commit')).toBe(
      false,
    );
  }
  const { folder } = repository();
  vi.stubEnv('PATH', outside);
  expect(new Map(await runTags(source({ scriptPath: join(folder, 'train.js') }), {})).has('mlflow.source.git.commit')).toBe(
    false,
  );
});

test('later ones win: defaults, git, MLFLOW_RUN_CONTEXT, the caller’s, the parent', async () => {
  const { folder } = repository();
  const context = {
    'mlflow.user': 'context',
    'mlflow.source.git.commit': 'context',
    'mlflow.source.git.branch': 'context',
    team: 'context',
    mine: 'context',
  };
  const tags = await runTags(
    source({
      scriptPath: join(folder, 'train.js'),
      tags: [['mine', 'caller'], ['mlflow.parentRunId', 'caller']], // biome-ignore format: pairs
      parentRunId: 'parent',
    }),
    { MLFLOW_RUN_CONTEXT: JSON.stringify(context) },
  );
  expect(Object.fromEntries(tags)).toEqual({
    'mlflow.user': 'context',
    'mlflow.source.name': join(folder, 'train.js'),
    'mlflow.source.type': 'LOCAL',
    'mlflow.source.git.commit': 'context',
    'mlflow.source.git.branch': 'context',
    team: 'context',
    mine: 'caller',
    'mlflow.parentRunId': 'parent',
  });
  expect(tags).toHaveLength(8);
});

test.each(['', '{"a":', '[["a","b"]]', '"text"', 'null', '1'])(
  'MLFLOW_RUN_CONTEXT=%s is a warning and no tags, as in MLflow',
  async (text) => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    expect(await runTags(source(), { MLFLOW_RUN_CONTEXT: text })).toHaveLength(3);
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('MLFLOW_RUN_CONTEXT'), { code: 'HEADRACE_RUN_CONTEXT' });
  },
);

test('values of MLFLOW_RUN_CONTEXT that are no texts become their JSON', async () => {
  const tags = new Map(await runTags(source(), { MLFLOW_RUN_CONTEXT: '{"n": 1.5, "b": true, "o": {"x": [1]}, "s": "1"}' }));
  expect(['n', 'b', 'o', 's'].map((key) => tags.get(key))).toEqual(['1.5', 'true', '{"x":[1]}', '1']);
});
