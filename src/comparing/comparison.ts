/**
 * What a comparison says, as plain data. Lists that run over the runs (`values`, `summaries`, `curves`) have one entry
 * for each run, in the order of `runs`; null stands for what a run does not have, so that JSON keeps its place.
 */
import type { StoredStatus } from '../reading/stored-run.js';

export interface ComparedRun {
  readonly id: string;
  readonly name: string;
  /** The name, with the first digits of the id where several runs share it. */
  readonly label: string;
  readonly experiment: string;
  readonly status: StoredStatus;
  /** Milliseconds since 1970. */
  readonly startTime: number | null;
  readonly endTime: number | null;
  readonly user: string;
}

/** `missing`: some of the runs have no such param; whatever the others hold. */
export type ParamStatus = 'equal' | 'different' | 'missing';

export interface ComparedParam {
  readonly key: string;
  readonly status: ParamStatus;
  readonly values: readonly (string | null)[];
  /** Two texts of it are one number, such as 1e-3 and 0.001. */
  readonly sameNumber: boolean;
  /** Every text of it is a number. */
  readonly numeric: boolean;
}

export type Goal = 'max' | 'min';

/** NaN and infinities are in `count` and may be `last`; best, min and max are of finite values only, null if there are none. */
export interface MetricSummary {
  readonly best: number | null;
  readonly bestStep: number | null;
  readonly last: number;
  readonly lastStep: number;
  readonly min: number | null;
  readonly minStep: number | null;
  readonly max: number | null;
  readonly maxStep: number | null;
  readonly count: number;
  /** How many of them are NaN or infinite. */
  readonly notFinite: number;
}

/** A metric's values in their order; of a long history only some, with all its peaks. */
export interface Curve {
  /** `order`: every value was logged at the same step, so each stands at its place among them. */
  readonly along: 'step' | 'order';
  readonly at: readonly number[];
  readonly values: readonly number[];
}

export interface ComparedMetric {
  readonly key: string;
  readonly goal: Goal;
  readonly summaries: readonly (MetricSummary | null)[];
  readonly curves: readonly (Curve | null)[];
  /** The run with the best value, the first of them; null: no run has one. */
  readonly bestRun: number | null;
}

export interface Correlation {
  readonly param: string;
  readonly metric: string;
  /** Spearman's, of the param with the best value of the metric; null: under three runs, or one side is constant. */
  readonly rho: number | null;
  /** The runs that have both. */
  readonly runs: number;
}

export interface Comparison {
  readonly runs: readonly ComparedRun[];
  readonly params: readonly ComparedParam[];
  /** Keys of the params that are different or missing in some run. */
  readonly varying: readonly string[];
  readonly constant: readonly string[];
  readonly metrics: readonly ComparedMetric[];
  /** For each varying param that is numeric and each metric. */
  readonly correlations: readonly Correlation[];
}
