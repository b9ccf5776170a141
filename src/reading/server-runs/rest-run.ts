/** Runs as MLflow's REST API shows them. What is empty is left out of its answers. */
import type { Answer } from '../../store/mlflow/api.js';
import { notMlflow } from '../../store/mlflow/api.js';
import { RUN_NAME_TAG } from '../../store/run-tags.js';
import { inKeyOrder } from '../key-order.js';
import { storedNumber } from '../metric-point.js';
import type { RunRecord } from '../run-source.js';
import type { MetricPoint, StoredStatus } from '../stored-run.js';

interface RestText {
  readonly key: string;
  readonly value?: string;
}

export interface RestMetric {
  readonly key: string;
  /** `NaN` as a text; also numbers of some other servers. */
  readonly value?: number | string;
  readonly timestamp?: number | string;
  readonly step?: number | string;
}

export interface RestRun {
  readonly info: {
    readonly run_id: string;
    readonly run_name?: string;
    readonly experiment_id: string;
    readonly user_id?: string;
    readonly status: string;
    readonly start_time?: number | string;
    readonly end_time?: number | string;
    readonly artifact_uri?: string;
    readonly lifecycle_stage?: string;
  };
  readonly data?: {
    readonly params?: readonly RestText[];
    readonly metrics?: readonly RestMetric[];
    readonly tags?: readonly RestText[];
  };
}

/** A list of an answer, under its name. */
export function listOf<Item>(path: string, answer: Answer, name: string): readonly Item[] {
  const list = answer[name] ?? [];
  if (!Array.isArray(list)) throw notMlflow(path, answer);
  // MLflow's API.
  return list as readonly Item[];
}

export function recordOf({ info, data = {} }: RestRun, experimentName: string): RunRecord {
  const tags = textsOf(data.tags);
  return {
    id: info.run_id,
    name: info.run_name || tags.get(RUN_NAME_TAG) || '',
    experimentId: info.experiment_id,
    experimentName,
    // MLflow's API has the same five.
    status: info.status as StoredStatus,
    startTime: timeOf(info.start_time),
    endTime: timeOf(info.end_time),
    user: info.user_id ?? '',
    artifactUri: info.artifact_uri,
    params: textsOf(data.params),
    metrics: inKeyOrder((data.metrics ?? []).map((metric) => [metric.key, pointOf(metric)])),
    tags,
  };
}

export function pointOf({ value = 0, step = 0, timestamp = 0 }: RestMetric): MetricPoint {
  return { value: storedNumber(Number(value)), step: Number(step), timestamp: Number(timestamp) };
}

function textsOf(texts: readonly RestText[] = []): ReadonlyMap<string, string> {
  return inKeyOrder(texts.map(({ key, value = '' }) => [key, value]));
}

function timeOf(time: number | string | undefined): number | undefined {
  return time === undefined ? undefined : Number(time);
}
