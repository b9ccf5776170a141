/**
 * The tags that MLflow's client gives every run by itself. Precedence as there, lowest first: defaults,
 * git, MLFLOW_RUN_CONTEXT, the caller's tags, the parent run.
 */
import { execFile } from 'node:child_process';
import { dirname } from 'node:path';

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
  const commit = source.scriptPath ? await gitCommit(dirname(source.scriptPath)) : undefined;
  if (commit !== undefined) tags.set('mlflow.source.git.commit', commit);
  for (const [key, value] of contextTags(env.MLFLOW_RUN_CONTEXT)) tags.set(key, value);
  for (const [key, value] of source.tags) tags.set(key, value);
  if (source.parentRunId !== undefined) tags.set('mlflow.parentRunId', source.parentRunId);
  return [...tags];
}

/** By folder: a program's commit is asked for once, not once per run. */
const commits = new Map<string, Promise<string | undefined>>();

function gitCommit(folder: string): Promise<string | undefined> {
  const known = commits.get(folder);
  if (known !== undefined) return known;
  const asked = new Promise<string | undefined>((resolve) => {
    // No git, no repository, no commit yet, a repository of somebody else's: no tag, as in MLflow.
    const options = { cwd: folder, timeout: GIT_TIMEOUT_MS, killSignal: 'SIGKILL', windowsHide: true } as const;
    execFile('git', ['rev-parse', 'HEAD'], options, (error, stdout) => {
      const text = stdout.trim();
      resolve(error === null && /^[0-9a-f]{40,64}$/.test(text) ? text : undefined);
    });
  });
  commits.set(folder, asked);
  return asked;
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
