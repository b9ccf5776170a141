/** A run as MLflow shows it, in one form whichever way it was read. */

export type Param = readonly [key: string, value: string];
export type Tag = readonly [key: string, value: string];
export type LatestMetric = readonly [key: string, value: number];
export type MetricPoint = readonly [key: string, step: number, timestamp: number, value: number];

export interface SeenExperiment {
  readonly id: string;
  readonly name: string;
  readonly artifactLocation: string;
  readonly lifecycleStage: string;
  readonly creationTime: number;
}

export interface SeenRun {
  readonly id: string;
  readonly experimentId: string;
  readonly name: string;
  readonly userId: string;
  readonly status: string;
  readonly lifecycleStage: string;
  readonly startTime: number;
  readonly endTime: number | null;
  readonly artifactUri: string;
  /** These four sorted: none of MLflow's ways to read promises an order. */
  readonly params: readonly Param[];
  readonly tags: readonly Tag[];
  readonly metrics: readonly LatestMetric[];
  readonly history: readonly MetricPoint[];
}

/** What JSON has no word for comes as a text: `NaN`, `Infinity`, `-Infinity`. */
type JsonNumber = number | string;

export interface ReadRun extends Omit<SeenRun, 'metrics' | 'history'> {
  readonly metrics: ReadonlyArray<readonly [key: string, value: JsonNumber]>;
  readonly history: ReadonlyArray<readonly [key: string, step: JsonNumber, timestamp: JsonNumber, value: JsonNumber]>;
}

export function seen(read: ReadRun): SeenRun {
  return {
    ...read,
    params: sorted(read.params),
    tags: sorted(read.tags),
    metrics: sorted(read.metrics.map(([key, value]) => [key, Number(value)])),
    history: sorted(read.history.map(([key, step, timestamp, value]) => [key, Number(step), Number(timestamp), Number(value)])),
  };
}

/** By the first column, then the next. */
export function sorted<Row extends ReadonlyArray<string | number>>(rows: readonly Row[]): Row[] {
  return rows.toSorted((a, b) => {
    for (let i = 0; i < a.length; i++) {
      // Rows of one list have the same columns. NaN is neither less nor more: it goes last.
      const [x, y] = [a[i] as string | number, b[i] as string | number];
      if (x < y || (Number.isNaN(y) && !Number.isNaN(x))) return -1;
      if (x > y || (Number.isNaN(x) && !Number.isNaN(y))) return 1;
    }
    return 0;
  });
}
