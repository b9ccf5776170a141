/** What MLflow's refusals say about the items of a request. */
import { BatchRefusedError } from '../../errors.js';
import type { ApiRefusal } from './api.js';
import type { Request } from './log-batch.js';

/** Of a server's text, which may quote a whole SQL statement. */
const REASON_LENGTH = 500;

export function refusedBy(runId: string, { status, errorCode, message }: ApiRefusal): BatchRefusedError {
  const reason = message.length > REASON_LENGTH ? `${message.slice(0, REASON_LENGTH)}…` : message;
  return new BatchRefusedError({ runId, status, errorCode, reason });
}

/** The place of the item that the message names, if it names one. What it quotes of a key or value may look the same: don't rely on it alone. */
export function namedPlace({ message }: ApiRefusal, { arrays }: Request): number | undefined {
  const [, array, index] =
    /parameter '(params|metrics|tags)\[(\d+)\]/.exec(message) ?? /'(params|metrics|tags)\[(\d+)\]/.exec(message) ?? [];
  if (array !== 'params' && array !== 'metrics' && array !== 'tags') return undefined;
  return arrays[array][Number(index)];
}

/**
 * Two writers met at a primary key: MLflow reads before it inserts, and databases differ in how they say so
 * (SQLite 'UNIQUE constraint failed: params.key, …', PostgreSQL 'param_pk', MySQL "for key 'params.PRIMARY'").
 */
export function isRace({ errorCode, message }: ApiRefusal): boolean {
  return errorCode === 'BAD_REQUEST' && /unique|duplicate/i.test(message) && !isStoredMetric(message);
}

/** A metric row that is stored already is ignored by MLflow, but for NaN before 3.16 and many keys before 3.10. */
export function hasStoredMetric({ errorCode, message }: ApiRefusal): boolean {
  return errorCode === 'BAD_REQUEST' && isStoredMetric(message);
}

/** The table `metrics` and not `latest_metrics`. */
function isStoredMetric(message: string): boolean {
  return /(?<!latest_)metrics\.(?:key|PRIMARY)|(?<!latest_)metric_pk/i.test(message);
}
