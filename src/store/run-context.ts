/**
 * The tags that MLflow's client gives every run by itself. Precedence as there, lowest first: defaults,
 * git, MLFLOW_RUN_CONTEXT, the caller's tags, the parent run.
 */
import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { PARENT_RUN_TAG } from './run-tags.js';

export interface RunSource {
  readonly userName: string;
  /** Absolute path of the program's main file; empty when it has none (a REPL). */
  readonly scriptPath: string | undefined;
  readonly parentRunId: string | undefined;
  readonly tags: ReadonlyArray<readonly [key: string, value: string]>;
}

export interface RunContextEnv {
  readonly MLFLOW_RUN_CONTEXT?: string | undefined;
}

/** Git answers in a few ms; a repository on a network that is away must not keep a run from being made. */
const GIT_TIMEOUT_MS = 2000;

export async function runTags(source: RunSource, env: RunContextEnv): Promise<[key: string, value: string][]> {
  const tags = new Map<string, string>([
    ['mlflow.user', source.userName],
    // MLflow's name for a program without a file.
    ['mlflow.source.name', source.scriptPath || '<console>'],
    ['mlflow.source.type', 'LOCAL'],
  ]);
  if (source.scriptPath) for (const [key, value] of await gitTags(dirname(source.scriptPath))) tags.set(key, value);
  for (const [key, value] of contextTags(env.MLFLOW_RUN_CONTEXT)) tags.set(key, value);
  for (const [key, value] of source.tags) tags.set(key, value);
  if (source.parentRunId !== undefined) tags.set(PARENT_RUN_TAG, source.parentRunId);
  return [...tags];
}

/** By folder: a program's repository is asked once, not once per run. */
const repositories = new Map<string, Promise<[key: string, value: string][]>>();

function gitTags(folder: string): Promise<[key: string, value: string][]> {
  const known = repositories.get(folder);
  if (known !== undefined) return known;
  const asked = askRepository(folder);
  repositories.set(folder, asked);
  return asked;
}

/** Commit, branch and first remote, as MLflow 3 tags them. Without a commit there are none, as there. */
async function askRepository(folder: string): Promise<[key: string, value: string][]> {
  const [commit, branch, remotes] = await Promise.all([
    git(folder, 'rev-parse', 'HEAD'),
    git(folder, 'symbolic-ref', '--short', 'HEAD'),
    git(folder, 'config', '--get-regexp', String.raw`^remote\..*\.url$`),
  ]);
  if (commit === undefined || !/^[0-9a-f]{40,64}$/.test(commit)) return [];
  const tags: [string, string][] = [['mlflow.source.git.commit', commit]];
  if (branch) tags.push(['mlflow.source.git.branch', branch]);
  const url = remotes?.split('\n')[0]?.split(' ').slice(1).join(' ');
  if (url) tags.push(['mlflow.source.git.repoURL', withoutCredentials(url)]);
  return tags;
}

/** MLflow strips `user:token@` of an http remote as well. */
function withoutCredentials(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, '$1');
}

/** No git, no repository, a repository of somebody else's: no answer, and no tag, as in MLflow. */
function git(folder: string, ...question: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { cwd: folder, timeout: GIT_TIMEOUT_MS, killSignal: 'SIGKILL', windowsHide: true } as const;
    execFile('git', question, options, (error, stdout) => resolve(error === null ? stdout.trim() : undefined));
  });
}

/** MLflow: whatever is wrong with the variable is a warning, and the run starts without its tags. */
function contextTags(text: string | undefined): [string, string][] {
  if (text === undefined) return [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return ignore(error instanceof Error ? error.message : String(error));
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return ignore('it is not an object');
  return Object.entries(parsed).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]);
}

function ignore(reason: string): [] {
  process.emitWarning(`MLFLOW_RUN_CONTEXT must be a JSON object of tags and is ignored: ${reason}`, {
    code: 'HEADRACE_RUN_CONTEXT',
  });
  return [];
}
