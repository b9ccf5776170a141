import type { MetricPoint } from '../reading/stored-run.js';
import type { Goal, MetricSummary } from './comparison.js';

/** `latest`: the last value by MLflow's rule, which the order of `points` alone does not tell. */
export function summarize(points: readonly MetricPoint[], latest: MetricPoint, goal: Goal): MetricSummary {
  let min: MetricPoint | undefined;
  let max: MetricPoint | undefined;
  let notFinite = 0;
  for (const point of points) {
    if (!Number.isFinite(point.value)) {
      notFinite++;
      continue;
    }
    if (min === undefined || point.value < min.value) min = point;
    if (max === undefined || point.value > max.value) max = point;
  }
  const best = goal === 'max' ? max : min;
  return {
    best: best?.value ?? null,
    bestStep: best?.step ?? null,
    last: latest.value,
    lastStep: latest.step,
    min: min?.value ?? null,
    minStep: min?.step ?? null,
    max: max?.value ?? null,
    maxStep: max?.step ?? null,
    count: points.length,
    notFinite,
  };
}
