/** What a reader is given: runs as their store has them. */
import type { ConfigTree, StandardSchema } from './config.js';

/** One logged value of a metric. */
export interface MetricPoint {
  /** May be NaN or infinite. */
  readonly value: number;
  readonly step: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
}

export type StoredStatus = 'RUNNING' | 'SCHEDULED' | 'FINISHED' | 'FAILED' | 'KILLED';

export interface StoredRun {
  /** The store's id. */
  readonly id: string;
  readonly name: string;
  readonly experimentId: string;
  readonly experimentName: string;
  readonly status: StoredStatus;
  /** Milliseconds since 1970; undefined: the store has none. */
  readonly startTime: number | undefined;
  readonly endTime: number | undefined;
  /** Who started it; empty: nobody says. */
  readonly user: string;
  /** As text, by key, in the order of their keys. */
  readonly params: ReadonlyMap<string, string>;
  /** The latest value of each, by MLflow's rule. */
  readonly metrics: ReadonlyMap<string, MetricPoint>;
  readonly tags: ReadonlyMap<string, string>;
  /** All values of a metric, by step and then timestamp; empty: it has no such metric. */
  history(key: string): Promise<readonly MetricPoint[]>;
  /** The configuration as it was logged. */
  config(): ConfigTree;
  /** As the schema gives it out. Rejects with `ConfigSchemaError`, which names each bad key. */
  config<Output>(schema: StandardSchema<Output>): Promise<Output>;
}

export interface RunSearch {
  /** Names or ids; default: every experiment that is not deleted. */
  readonly experiment?: string | readonly string[] | undefined;
  /** `params.lr < 0.01 and not (status = 'FAILED' or metrics.accuracy > 0.9)` */
  readonly filter?: string | undefined;
  /** `metrics.accuracy DESC`, `params.lr`, `start_time`; default: the latest start first. */
  readonly orderBy?: string | readonly string[] | undefined;
  /** Default: all. */
  readonly limit?: number | undefined;
}

/** The runs of one store. */
export interface Runs extends AsyncDisposable {
  /** By id, by a prefix of one that no other has, or by name. Rejects with `RunNotFoundError` or `AmbiguousRunError`. */
  getRun(idOrName: string): Promise<StoredRun>;
  /** In pages; nothing is read ahead of what is asked for. */
  searchRuns(search?: RunSearch): AsyncIterable<StoredRun>;
  metricHistory(run: StoredRun | string, key: string): Promise<readonly MetricPoint[]>;
  close(): Promise<void>;
}
