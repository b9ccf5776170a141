import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { mlflowEnvironment } from './mlflow-versions.js';
import { type MetricPoint, type Param, type ReadRun, type SeenExperiment, type SeenRun, seen, type Tag } from './seen.js';

const SCRIPT = fileURLToPath(new URL('./python/mlflow_client.py', import.meta.url));

/** MLflow takes seconds to be imported, and some more to migrate a file; longer than this is a hang. */
const ANSWER_TIMEOUT_MS = 90_000;

/** What MLflow's client threw. */
export class MlflowException extends Error {
  override readonly name = 'MlflowException';
  readonly type: string;
  readonly code: string | null;

  constructor(error: { type: string; code: string | null; message: string }) {
    super(error.message);
    this.type = error.type;
    this.code = error.code;
  }
}

interface Question {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** What a training script in Python does with one run. */
interface Script {
  /** Arguments of `mlflow.start_run`. */
  readonly start: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly params?: Readonly<Record<string, unknown>>;
  /** A JSON file whose content is logged by `mlflow.log_params`. */
  readonly params_file?: string;
  readonly metrics?: Readonly<Record<string, number>>;
  readonly tags?: Readonly<Record<string, string>>;
  readonly status?: 'FINISHED' | 'FAILED' | 'KILLED';
}

/** MLflow's Python client, in a process of its own; it answers one question after the other. */
export class MlflowClient {
  readonly #process: ChildProcess;
  readonly #questions: Question[] = [];
  readonly #ended: Promise<void>;
  #said = '';
  #gone: Error | undefined;

  /** `folder`: current one of the process; MLflow derives artifact locations from it. */
  constructor(python: string, folder: string) {
    const child = spawn(python, [SCRIPT], { cwd: folder, env: mlflowEnvironment(), stdio: ['pipe', 'pipe', 'pipe'] });
    this.#process = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-4000);
    });
    child.stdin.on('error', () => {}); // The end of the process says more.
    createInterface({ input: child.stdout }).on('line', (line) => this.#answer(line));
    this.#ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#fail(`ended (${signal ?? code})`);
        resolve();
      });
      child.once('error', (error) => {
        this.#fail(`did not start: ${error.message}`);
        resolve();
      });
    });
  }

  about(): Promise<{ version: string; user: string }> {
    return this.#ask('about', {});
  }

  experiments(uri: string): Promise<readonly SeenExperiment[]> {
    return this.#ask('experiments', { uri });
  }

  /** Every run of every experiment. */
  async runs(uri: string): Promise<readonly SeenRun[]> {
    return (await this.#ask<readonly ReadRun[]>('runs', { uri })).map(seen);
  }

  async run(uri: string, runId: string): Promise<SeenRun> {
    return seen(await this.#ask<ReadRun>('run', { uri, run_id: runId }));
  }

  /** Rows of `mlflow.search_runs`, by column. */
  searchRuns(uri: string): Promise<ReadonlyArray<Readonly<Record<string, unknown>>>> {
    return this.#ask('search_runs', { uri });
  }

  /** Ids of the runs of an experiment for which a query of MLflow's holds. */
  findRuns(uri: string, experiment: string, query: string): Promise<readonly string[]> {
    return this.#ask('find_runs', { uri, experiment, query });
  }

  /** Calls a method of `mlflow.MlflowClient`; the id of what it returns. */
  call(uri: string, method: string, args: Readonly<Record<string, unknown>>): Promise<string> {
    return this.#ask('call', { uri, method, arguments: args });
  }

  logBatch(
    uri: string,
    runId: string,
    batch: { params?: readonly Param[]; metrics?: readonly MetricPoint[]; tags?: readonly Tag[] },
  ): Promise<void> {
    const metrics = batch.metrics?.map(([key, step, timestamp, value]) => [key, step, timestamp, String(value)]);
    return this.#ask('log_batch', { uri, run_id: runId, ...batch, ...(metrics === undefined ? {} : { metrics }) });
  }

  /** `mlflow.start_run`, `log_params` and so on, `end_run`; the run's id. `uri` undefined: as the environment says. */
  script(uri: string | undefined, script: Script): Promise<string> {
    return this.#ask('fluent', { uri: uri ?? null, ...script });
  }

  /** For each key whether MLflow takes it for a param. */
  keyVerdicts(keys: readonly string[]): Promise<readonly boolean[]> {
    return this.#ask('key_verdicts', { keys });
  }

  async stop(): Promise<void> {
    this.#process.stdin?.end();
    const killer = setTimeout(() => this.#process.kill('SIGKILL'), 5000);
    await this.#ended;
    clearTimeout(killer);
  }

  async #ask<T>(command: string, args: Readonly<Record<string, unknown>>): Promise<T> {
    if (this.#gone !== undefined) throw this.#gone;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#questions.push({ resolve, reject });
    });
    this.#process.stdin?.write(`${JSON.stringify({ do: command, ...args })}\n`);
    const deadline = setTimeout(() => {
      this.#fail(`did not answer '${command}' within ${ANSWER_TIMEOUT_MS} ms`);
      this.#process.kill('SIGKILL');
    }, ANSWER_TIMEOUT_MS);
    try {
      // The shape is what mlflow_client.py gives for this command.
      return (await answer) as T;
    } finally {
      clearTimeout(deadline);
    }
  }

  #answer(line: string): void {
    // Made by mlflow_client.py.
    const answer = JSON.parse(line) as { result: unknown } | { error: { type: string; code: string | null; message: string } };
    const question = this.#questions.shift();
    if ('error' in answer) question?.reject(new MlflowException(answer.error));
    else question?.resolve(answer.result);
  }

  #fail(what: string): void {
    this.#gone ??= new Error(`the Python process with MLflow's client ${what}; it said:\n${this.#said}`);
    for (const { reject } of this.#questions.splice(0)) reject(this.#gone);
  }
}
