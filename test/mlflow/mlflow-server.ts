import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { mlflowEnvironment } from './mlflow-versions.js';
import { type ReadRun, type SeenExperiment, type SeenRun, seen } from './seen.js';

/** Importing MLflow, migrating a file over forty revisions and starting a worker take about 15 s on an idle machine. */
const START_TIMEOUT_MS = 100_000;
const STOP_TIMEOUT_MS = 5000;

/** A `mlflow server` over a database file, and its REST API. */
export class MlflowServer {
  readonly url: string;
  readonly #process: ChildProcess;
  #said = '';
  #ended = false;
  /** Also when a test run is cut short: a server of nobody's would go on for ever. */
  readonly #killAtExit = (): void => this.#kill('SIGKILL');

  private constructor(python: string, folder: string, databaseUri: string, port: number) {
    this.url = `http://127.0.0.1:${port}`;
    this.#process = spawn(
      python,
      [
        '-m',
        'mlflow',
        'server',
        '--backend-store-uri',
        databaseUri,
        '--host',
        '127.0.0.1',
        '--port',
        String(port),
        '--workers',
        '1',
      ],
      {
        cwd: folder,
        env: mlflowEnvironment({ MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false' }),
        stdio: ['ignore', 'pipe', 'pipe'],
        // A group of its own: the server is a tree of processes, killed together.
        detached: true,
      },
    );
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#said = (this.#said + text).slice(-20_000);
      });
    }
    this.#process.once('close', () => {
      this.#ended = true;
    });
    this.#process.once('error', (error) => {
      this.#said += error.message;
      this.#ended = true;
    });
    process.once('exit', this.#killAtExit);
  }

  /** Resolves when it serves; what it does until then (it opens and migrates the file) goes on meanwhile. */
  static async start(python: string, folder: string, databaseUri: string): Promise<MlflowServer> {
    const server = new MlflowServer(python, folder, databaseUri, await freePort());
    try {
      await server.#serving();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** What it printed, the last of it. */
  get log(): string {
    return this.#said;
  }

  async get(path: string, parameters: Readonly<Record<string, string>>): Promise<unknown> {
    return this.#answer(path, await fetch(`${this.url}/api/2.0/mlflow/${path}?${new URLSearchParams(parameters)}`));
  }

  async post(path: string, body: unknown): Promise<unknown> {
    const headers = { 'Content-Type': 'application/json' };
    return this.#answer(
      path,
      await fetch(`${this.url}/api/2.0/mlflow/${path}`, { method: 'POST', headers, body: JSON.stringify(body) }),
    );
  }

  async experiments(): Promise<readonly SeenExperiment[]> {
    const found = await this.#pages<RestExperiment>('experiments', (token) =>
      this.post('experiments/search', { max_results: 1000, view_type: 'ALL', ...token }),
    );
    return found.map((experiment) => ({
      id: experiment.experiment_id,
      name: experiment.name,
      artifactLocation: experiment.artifact_location,
      lifecycleStage: experiment.lifecycle_stage,
      creationTime: Number(experiment.creation_time),
    }));
  }

  /** Every run of every experiment, with whole histories. */
  async runs(): Promise<readonly SeenRun[]> {
    const ids = (await this.experiments()).map(({ id }) => id);
    const found = await this.#pages<RestRun>('runs', (token) =>
      this.post('runs/search', { experiment_ids: ids, run_view_type: 'ALL', max_results: 1000, ...token }),
    );
    return Promise.all(found.map((run) => this.#seen(run)));
  }

  async run(runId: string): Promise<SeenRun> {
    // The API's own shape.
    const { run } = (await this.get('runs/get', { run_id: runId })) as { run: RestRun };
    return this.#seen(run);
  }

  async stop(): Promise<void> {
    process.off('exit', this.#killAtExit);
    if (!this.#ended) {
      const closed = once(this.#process, 'close');
      this.#kill('SIGTERM');
      const killer = setTimeout(() => this.#kill('SIGKILL'), STOP_TIMEOUT_MS);
      await closed;
      clearTimeout(killer);
    }
    // What is left of its tree.
    this.#kill('SIGKILL');
  }

  async #seen({ info, data }: RestRun): Promise<SeenRun> {
    const metrics = data.metrics ?? [];
    const histories = await Promise.all(metrics.map(({ key }) => this.#history(info.run_id, key)));
    const read: ReadRun = {
      id: info.run_id,
      experimentId: info.experiment_id,
      name: info.run_name,
      userId: info.user_id,
      status: info.status,
      lifecycleStage: info.lifecycle_stage,
      startTime: info.start_time,
      endTime: info.end_time ?? null,
      artifactUri: info.artifact_uri,
      params: (data.params ?? []).map(({ key, value }) => [key, value]),
      tags: (data.tags ?? []).map(({ key, value }) => [key, value]),
      metrics: metrics.map(({ key, value }) => [key, value]),
      history: histories.flat().map(({ key, step, timestamp, value }) => [key, step ?? 0, timestamp, value]),
    };
    return seen(read);
  }

  #history(runId: string, key: string): Promise<readonly RestMetric[]> {
    // Some versions answer an empty page without max_results, some ignore it: with it and the token all give everything.
    return this.#pages<RestMetric>('metrics', (token) =>
      this.get('metrics/get-history', { run_id: runId, metric_key: key, max_results: '2000', ...token }),
    );
  }

  async #pages<T>(field: string, page: (token: { page_token?: string }) => Promise<unknown>): Promise<readonly T[]> {
    const rows: T[] = [];
    for (let token: { page_token?: string } = {}; ; ) {
      // The API's own shape: a list under the field's name, left out when it is empty.
      const answer = (await page(token)) as Readonly<Record<string, readonly T[]>> & { next_page_token?: string };
      rows.push(...(answer[field] ?? []));
      if (!answer.next_page_token) return rows;
      token = { page_token: answer.next_page_token };
    }
  }

  async #answer(path: string, response: Response): Promise<unknown> {
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text.slice(0, 2000)}`);
    return JSON.parse(text);
  }

  async #serving(): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (performance.now() < deadline) {
      if (this.#ended) throw new Error(`mlflow server ended; it said:\n${this.#said}`);
      try {
        const { ok } = await fetch(`${this.url}/health`, { signal: AbortSignal.timeout(5000) });
        if (ok) return;
      } catch {
        // Not listening yet.
      }
      await sleep(100);
    }
    throw new Error(`mlflow server did not serve within ${START_TIMEOUT_MS} ms; it said:\n${this.#said}`);
  }

  #kill(signal: NodeJS.Signals): void {
    const { pid } = this.#process;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // Nothing of it runs any more.
    }
  }
}

interface RestExperiment {
  readonly experiment_id: string;
  readonly name: string;
  readonly artifact_location: string;
  readonly lifecycle_stage: string;
  readonly creation_time: number | string;
}

interface RestMetric {
  readonly key: string;
  /** NaN is the text `NaN`. */
  readonly value: number | string;
  readonly timestamp: number;
  readonly step?: number;
}

interface RestRun {
  readonly info: {
    readonly run_id: string;
    readonly experiment_id: string;
    readonly run_name: string;
    readonly user_id: string;
    readonly status: string;
    readonly lifecycle_stage: string;
    readonly start_time: number;
    readonly end_time?: number;
    readonly artifact_uri: string;
  };
  /** What is empty is left out. */
  readonly data: {
    readonly params?: ReadonlyArray<{ readonly key: string; readonly value: string }>;
    readonly tags?: ReadonlyArray<{ readonly key: string; readonly value: string }>;
    readonly metrics?: readonly RestMetric[];
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port of the loopback interface is free');
  return address.port;
}
