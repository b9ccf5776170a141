/** What a comparison's figures are called, the same in every output for people. */
import type { ComparedMetric, ComparedParam, ComparedRun, Comparison, Correlation } from './comparison.js';

export const MISSING = '(missing)';

export function statusWords({ status, values, sameNumber }: ComparedParam): string {
  const words = status === 'missing' ? `missing in ${values.filter((value) => value === null).length}` : status;
  return sameNumber ? `${words}, text differs` : words;
}

/** Six digits tell runs apart; more only widen the columns. */
export function figure(value: number | null): string {
  if (value === null) return '';
  return Number.isInteger(value) && Math.abs(value) < 1e9 ? String(value) : String(Number(value.toPrecision(6)));
}

export function goalWord({ goal }: ComparedMetric): string {
  return goal === 'max' ? 'highest' : 'lowest';
}

export function rhoText({ rho, runs }: Correlation): string {
  return rho === null ? `- (${runs})` : `${rho < 0 ? '\u2212' : '+'}${Math.abs(rho).toFixed(2)} (${runs})`;
}

export function startText({ startTime }: ComparedRun): string {
  return startTime === null ? '' : `${new Date(startTime).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

export function durationText({ startTime, endTime }: ComparedRun): string {
  if (startTime === null || endTime === null) return '';
  const seconds = Math.max(0, (endTime - startTime) / 1000);
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} m ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} m`;
}

export function countsText({ runs, params, varying, metrics }: Comparison): string {
  return [
    amount(params.length, 'param') +
      (runs.length === 1 ? '' : `, ${varying.length} of them ${varying.length === 1 ? 'varies' : 'vary'}`),
    amount(metrics.length, 'metric'),
  ].join(' · ');
}

export function amount(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
