import { type ConfigTree, configBy, configOf, type StandardSchema } from './config.js';
import { inOrder } from './metric-point.js';
import type { RunRecord, RunSource } from './run-source.js';
import type { MetricPoint, StoredRun, StoredStatus } from './stored-run.js';

export class LoadedRun implements StoredRun {
  readonly id: string;
  readonly name: string;
  readonly experimentId: string;
  readonly experimentName: string;
  readonly status: StoredStatus;
  readonly startTime: number | undefined;
  readonly endTime: number | undefined;
  readonly user: string;
  readonly params: ReadonlyMap<string, string>;
  readonly metrics: ReadonlyMap<string, MetricPoint>;
  readonly tags: ReadonlyMap<string, string>;
  /** Not seen when a run is printed. */
  readonly #source: RunSource;

  constructor(record: RunRecord, source: RunSource) {
    this.id = record.id;
    this.name = record.name;
    this.experimentId = record.experimentId;
    this.experimentName = record.experimentName;
    this.status = record.status;
    this.startTime = record.startTime;
    this.endTime = record.endTime;
    this.user = record.user;
    this.params = record.params;
    this.metrics = record.metrics;
    this.tags = record.tags;
    this.#source = source;
  }

  async history(key: string): Promise<readonly MetricPoint[]> {
    return inOrder(await this.#source.history(this.id, key));
  }

  config(): ConfigTree;
  config<Output>(schema: StandardSchema<Output>): Promise<Output>;
  config<Output>(schema?: StandardSchema<Output>): ConfigTree | Promise<Output> {
    const tree = configOf(this.params, this.tags);
    return schema === undefined ? tree : configBy(schema, tree);
  }
}
