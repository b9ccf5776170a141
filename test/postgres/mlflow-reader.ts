/** A program that looks at runs through an MLflow server all the time, as people do while others train. */
import type { MlflowApi } from '../mlflow/mlflow-api.js';

interface Found {
  readonly runs?: readonly {
    readonly info: { readonly run_id: string };
    readonly data: { readonly metrics?: readonly Metric[] };
  }[];
}
interface Metric {
  readonly key: string;
  readonly value: number;
  readonly step?: string | number;
}

export class MlflowReader {
  /** Questions that were answered. */
  answers = 0;
  readonly findings: string[] = [];
  readonly #api: MlflowApi;
  #isStopped = false;
  readonly #ended: Promise<void>;

  constructor(api: MlflowApi, experimentId: string) {
    this.#api = api;
    this.#ended = this.#read(experimentId);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
  }

  async #read(experimentId: string): Promise<void> {
    while (!this.#isStopped) {
      // What the API answers to these.
      const { runs = [] } = (await this.#ask('runs/search', { experiment_ids: [experimentId], max_results: 50 })) as Found;
      const run = runs[Math.floor(Math.random() * runs.length)];
      const metric = run?.data.metrics?.[0];
      if (run === undefined || metric === undefined) continue;
      const { metrics = [] } = (await this.#ask('metrics/get-history', { run_id: run.info.run_id, metric_key: metric.key })) as {
        metrics?: readonly Metric[];
      };
      const steps = metrics.map(({ step = 0 }) => Number(step));
      // The history is asked for later than the latest value.
      if (!steps.includes(Number(metric.step ?? 0))) this.findings.push(`the latest of ${metric.key} is not in its history`);
      if (new Set(steps).size !== steps.length) this.findings.push(`a step of ${metric.key} is there twice`);
    }
  }

  async #ask(path: 'runs/search' | 'metrics/get-history', body: Readonly<Record<string, unknown>>): Promise<unknown> {
    try {
      const answer =
        // Names and texts.
        path === 'runs/search' ? await this.#api.post(path, body) : await this.#api.get(path, body as Record<string, string>);
      this.answers++;
      return answer;
    } catch (error) {
      this.findings.push(String(error));
      return {};
    }
  }
}
