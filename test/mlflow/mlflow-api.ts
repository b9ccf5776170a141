/** A server's REST API as any client sees it: the answers as they are, and runs read back whole. */
import { request } from 'undici';
import { type ReadRun, type SeenExperiment, type SeenRun, seen } from './seen.js';

/** What a server says to one request. */
export interface Answer {
  readonly status: number;
  /** `error_code` of MLflow's JSON; undefined: no error, or no JSON of MLflow's. */
  readonly code: string | undefined;
  /** `message` of MLflow's JSON, else the body. */
  readonly message: string;
  readonly body: string;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface RunContent {
  readonly params: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** The latest of each. */
  readonly metrics: Readonly<Record<string, number>>;
}

export class MlflowApi {
  readonly url: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(url: string, credentials?: Credentials) {
    this.url = url;
    this.#headers = credentials === undefined ? {} : { Authorization: basic(credentials) };
  }

  /**
   * Whatever the answer is, as it came. `path`: of a call, or from the root where it begins with a slash. `body` of a
   * POST: what JSON can say, or a text that goes as it is.
   */
  async ask(method: 'GET' | 'POST', path: string, body: unknown): Promise<Answer> {
    const url = this.url + (path.startsWith('/') ? path : `/api/2.0/mlflow/${path}`);
    const { statusCode: status, body: answer } = await request(
      // What JSON gives for a query: names and texts.
      method === 'GET' ? `${url}?${new URLSearchParams(body as Record<string, string>)}` : url,
      {
        method,
        headers: { ...this.#headers, ...(method === 'POST' ? { 'Content-Type': 'application/json' } : {}) },
        body: method === 'GET' ? null : typeof body === 'string' ? body : JSON.stringify(body),
        // A connection for each: on one that is kept a server with several processes takes 40 ms to hear the next.
        reset: true,
      },
    );
    const text = await answer.text();
    const { error_code: code, message } = errorOf(text);
    return { status, code, message: message ?? text, body: text };
  }

  /** The answer to a question that is in order; any other is an error that shows it. */
  async get(path: string, parameters: Readonly<Record<string, string>>): Promise<unknown> {
    return parsed(path, await this.ask('GET', path, parameters));
  }

  async post(path: string, body: unknown): Promise<unknown> {
    return parsed(path, await this.ask('POST', path, body));
  }

  async createExperiment(name: string): Promise<string> {
    // The API's own shape.
    return ((await this.post('experiments/create', { name })) as { experiment_id: string }).experiment_id;
  }

  /** A new run's id. */
  async createRun(run: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const created = await this.post('runs/create', { experiment_id: '0', user_id: 'ada', start_time: Date.now(), ...run });
    // The API's own shape.
    return (created as { run: RestRun }).run.info.run_id;
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
    return this.#seen(await this.#get(runId));
  }

  /** What `runs/get` shows, without the histories that take a request each. */
  async content(runId: string): Promise<RunContent> {
    const { params = [], tags = [], metrics = [] } = (await this.#get(runId)).data;
    return {
      params: Object.fromEntries(params.map(({ key, value }) => [key, value])),
      tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
      metrics: Object.fromEntries(metrics.map(({ key, value }) => [key, Number(value)])),
    };
  }

  async #get(runId: string): Promise<RestRun> {
    // The API's own shape.
    return ((await this.get('runs/get', { run_id: runId })) as { run: RestRun }).run;
  }

  async #seen({ info, data }: RestRun): Promise<SeenRun> {
    const metrics = data.metrics ?? [];
    const history: RestMetric[] = [];
    // One after the other: MLflow 2's only worker makes a hundred at once wait for seconds.
    for (const { key } of metrics) history.push(...(await this.#history(info.run_id, key)));
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
      history: history.map(({ key, step, timestamp, value }) => [key, step ?? 0, timestamp, value]),
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
}

export function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function parsed(path: string, { status, body }: Answer): unknown {
  if (status !== 200) throw new Error(`${path}: ${status} ${body.slice(0, 2000)}`);
  return JSON.parse(body);
}

function errorOf(text: string): { error_code?: string; message?: string } {
  try {
    const body: unknown = JSON.parse(text);
    // MLflow's errors are such objects; of any other JSON the two fields are missing.
    return typeof body === 'object' && body !== null ? body : {};
  } catch {
    return {};
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
