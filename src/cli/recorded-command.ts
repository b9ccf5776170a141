/** A command as a run: made before it starts, handed to it by the environment, ended by how it ends. */
import { dirname } from 'node:path';
import type { Run, Tracker } from '../api.js';
import { resolveOptions, type Settings } from '../options.js';
import { cutToCodePoints } from '../params/length.js';
import { TAG_VALUE_CODE_POINTS } from '../params/limits.js';
import { randomRunName } from '../store/run-name.js';
import type { RunStatus } from '../store/store.js';
import { createTracker } from '../tracker.js';
import { type ChildEnd, exitCode, runChild } from './child.js';
import { FAILED } from './command.js';
import { isDirty } from './git-dirty.js';
import { maskedArguments } from './masked-arguments.js';
import { ownProgram } from './own-program.js';
import { shellLine } from './shell-words.js';

export interface RecordedCommand {
  readonly command: readonly string[];
  readonly uri: string | undefined;
  readonly experiment: string | undefined;
  readonly name: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  /** For the command, besides those of the run. */
  readonly env: Readonly<Record<string, string>>;
  /** How long the store may take to make the run. */
  readonly waitMs: number;
  /** Logs what is known before the command starts; what it refuses keeps the command from starting. */
  readonly before: (run: Run) => void;
  /** When the command has ended, and the run has not. */
  readonly after?: (run: Run, storeId: string) => Promise<void>;
}

export interface Recorded {
  readonly end: ChildEnd;
  /** In the store; undefined: logging is switched off. */
  readonly storeId: string | undefined;
  /** 0, or why the record is not all that it should be. */
  readonly recorded: number;
}

export async function record(asked: RecordedCommand): Promise<Recorded> {
  const { command, uri, env } = asked;
  const settings = resolveOptions(uri === undefined ? {} : { uri }, process.env, process.cwd());
  if (!settings.enabled) {
    const end = await runChild(command, { ...process.env, ...env });
    return { end, storeId: undefined, recorded: 0 };
  }
  const program = ownProgram(command, process.cwd());
  const dirty = await isDirty(dirname(program.path));
  // Where a tracker looks for the program that logs, and for its repository.
  process.argv[1] = program.path;
  // A run within a run: of its own, and nested under it.
  const parentRunId = process.env['MLFLOW_RUN_ID'] || undefined;
  delete process.env['MLFLOW_RUN_ID'];
  const name = asked.name ?? randomRunName();
  const tracker = createTracker(uri === undefined ? {} : { uri });
  const run = tracker.startRun({
    name,
    ...(asked.experiment === undefined ? {} : { experiment: asked.experiment }),
    ...(parentRunId === undefined ? {} : { parentRunId }),
    tags: {
      'mlflow.source.name': program.source,
      'headrace.command': cutToCodePoints(shellLine(maskedArguments(command)), TAG_VALUE_CODE_POINTS),
      ...(dirty === undefined ? {} : { 'headrace.git.dirty': String(dirty) }),
      ...asked.tags,
    },
  });
  let storeId: string | undefined;
  try {
    asked.before(run);
    storeId = await within(asked.waitMs, run.storeId);
    if (storeId !== undefined) await run.flush();
  } catch (error) {
    await giveUp(run, tracker);
    throw error;
  }
  if (storeId === undefined) {
    await giveUp(run, tracker);
    // By now the store has said why, also to a worker that had taken long to begin.
    const why = tracker.stats().lastError?.message;
    const late = `${settings.location.display} has not made the run within ${asked.waitMs / 1000} s, and nothing was started`;
    throw new Error(why === undefined ? late : `${late}: ${why}`);
  }
  process.stderr.write(`headrace: run ${name} (${storeId}) in ${settings.location.display}\n`);
  const end = await runChild(command, { ...process.env, ...environmentOf(asked, settings, storeId), ...env });
  if (end.how === 'not started') process.stderr.write(`headrace: ${end.reason}\n`);
  let recorded = 0;
  // Whatever goes wrong with the record, the run gets its end, and the caller the command's exit code.
  const tell = (error: unknown): void => {
    process.stderr.write(`headrace: ${error instanceof Error ? error.message : String(error)}\n`);
    recorded = FAILED;
  };
  await asked.after?.(run, storeId).catch(tell);
  run.setTags(tagsOf(end));
  await run.end(statusOf(end)).catch(tell);
  await tracker.close().catch(tell);
  return { end, storeId, recorded };
}

/** What is wrong is told by an error; a store that is away is not waited for any longer. */
async function giveUp(run: Run, tracker: Tracker): Promise<void> {
  const hurried = { throwOnFailure: false, timeoutMs: 1000 };
  await run.end('FAILED', hurried).catch(() => undefined);
  await tracker.close(hurried).catch(() => undefined);
}

/** Undefined: it takes longer. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([promise, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

/** As MLflow's own client, and headrace, find a run that was begun for them. */
function environmentOf({ uri, experiment }: RecordedCommand, { location }: Settings, storeId: string): NodeJS.ProcessEnv {
  const given = uri ?? process.env['MLFLOW_TRACKING_URI'];
  return {
    MLFLOW_RUN_ID: storeId,
    // A relative path would lead elsewhere from another folder. A server's address stays as it was given, password and all.
    MLFLOW_TRACKING_URI: location.kind === 'sqlite' ? location.display : given,
    // The two have to agree.
    ...(experiment === undefined ? {} : { MLFLOW_EXPERIMENT_NAME: experiment, MLFLOW_EXPERIMENT_ID: undefined }),
  };
}

function tagsOf(end: ChildEnd): Record<string, string> {
  const tags = { 'headrace.exit_code': String(exitCode(end)) };
  return end.how === 'killed' ? { ...tags, 'headrace.exit_signal': end.signal } : tags;
}

function statusOf(end: ChildEnd): RunStatus {
  if (end.how === 'killed') return 'KILLED';
  return end.code === 0 ? 'FINISHED' : 'FAILED';
}

/**
 * Ends as the command did. By the signal itself where somebody asked for the end: a shell then knows that Ctrl-C was
 * meant for its script, too. Other signals tell of a crash that was the command's, and left its core already.
 */
export function endAs({ end, recorded }: Recorded): number {
  if (end.how === 'killed' && /^SIG(?:INT|TERM|HUP)$/.test(end.signal)) process.kill(process.pid, end.signal);
  return exitCode(end) || recorded;
}
