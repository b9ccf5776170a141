/** What a writer logs to its run of a number, record by record, and so what must be stored of it. */
import type { Receipt, Run } from '../../src/index.js';

export const PARAMS = 50;
export const METRICS = 1000;
const METRIC_KEYS = 10;
/** Of a param that all who share a run log alike. */
export const COMMON_VALUE = 'common';
export const RECORDS: number = PARAMS + METRICS;

/** As SQL of a param, a metric and its run: the record's place in its run, and what stands there. */
export const PARAM_PLACE = 'substr(key, 2)::int';
export const PARAM_VALUE = `substr(name, 5) || ' ' || substr(key, 2)`;
export const METRIC_PLACE: string = `(${PARAMS} + step * ${METRIC_KEYS} + substr(key, 2)::int)::int`;
/** Eighths are exact. */
export const METRIC_VALUE: string = `substr(name, 5)::int + ${METRIC_PLACE} / 8::float8`;

export function runName(number: number): string {
  return `run ${number}`;
}

/** Logs the record of that place. No timestamps: one that was sent twice with two of them would be stored twice. */
export function logPlace(run: Run, number: number, place: number): Receipt {
  if (place < PARAMS) return run.logParam(`p${place}`, `${number} ${place}`);
  const metric = place - PARAMS;
  return run.logMetric(`m${metric % METRIC_KEYS}`, number + place / 8, Math.floor(metric / METRIC_KEYS));
}
