/** A run as `--json` prints it. */
import type { StoredRun } from '../reading/stored-run.js';

export interface RunJson {
  readonly id: string;
  readonly name: string;
  readonly experiment: string;
  readonly status: string;
  /** Milliseconds since 1970. */
  readonly startTime: number | null;
  readonly endTime: number | null;
  readonly user: string;
  readonly params: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, MetricJson>>;
  readonly tags: Readonly<Record<string, string>>;
}

interface MetricJson {
  readonly value: number | string;
  readonly step: number;
  readonly timestamp: number;
}

export function runJson(run: StoredRun): RunJson {
  const { id, name, experimentName, status, startTime, endTime, user, params, metrics, tags } = run;
  return {
    id,
    name,
    experiment: experimentName,
    status,
    startTime: startTime ?? null,
    endTime: endTime ?? null,
    user,
    params: Object.fromEntries(params),
    metrics: Object.fromEntries([...metrics].map(([key, point]) => [key, { ...point, value: numberJson(point.value) }])),
    tags: Object.fromEntries(tags),
  };
}

/** JSON has no number for NaN and infinities: MLflow's API writes these words. */
function numberJson(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}
