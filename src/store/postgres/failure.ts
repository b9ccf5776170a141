/** What an error of the database, or of the way to it, means for the store. */
import { type Busy, StoreBusyError } from '../store.js';
import { hasSqlState, NoPasswordError } from './connections.js';

/** The statement was sent and nobody has said how it went: it may have been done, or may be done yet. */
export class LostAnswerError extends Error {
  override readonly name = 'LostAnswerError';
}

/** This row can't be written, others can: data that do not fit, a constraint, a trigger. */
export function isRowsFault(error: unknown): error is Error & { readonly code: string } {
  return hasSqlState(error) && /^(?:22|23|P0|54)/.test(error.code);
}

/** The session, or the server, is over; whether it had committed before is not said. */
export function isCutOff(error: unknown): boolean {
  return !hasSqlState(error) || /^(?:08|57P)/.test(error.code);
}

/** There was no answer within the time for it. */
export function isTooLate(error: unknown): boolean {
  return error instanceof Error && error.message === 'Query read timeout';
}

/** The connection serves other statements. */
export function keepsConnection(error: unknown): boolean {
  // A plan that was made before a migration (0A000) and a statement that a pooler lost stay wrong as long as it lives.
  return hasSqlState(error) && !/^(?:08|57P|53|58|XX|0A000|25006|26000|42P05)/.test(error.code);
}

/** It is a standby, or has become one. */
export function isReadOnly(error: unknown): boolean {
  return hasSqlState(error) && error.code === '25006';
}

/** A pooler gave the transaction to a connection that does not know the statement's name, or knows it already. */
export function isLostStatement(error: unknown): boolean {
  return hasSqlState(error) && (error.code === '26000' || error.code === '42P05');
}

/** For whatever is not the fault of a row. */
export function busy(error: unknown): StoreBusyError {
  if (error instanceof StoreBusyError) return error;
  return new StoreBusyError(explain(error), { ...about(error), cause: error });
}

function about(error: unknown): Busy {
  if (!hasSqlState(error)) return { needsPerson: isConfiguration(error) };
  const { code } = error;
  // Deadlocks, serialization, a lock or time limit: this transaction's trouble, and others get on.
  if (/^(?:40|55|57014)/.test(code)) return { scope: 'run' };
  // Login, no such database, no rights, no such table or column.
  return { needsPerson: /^(?:28|3D|3F|42|0L|0P)/.test(code) };
}

function isConfiguration(error: unknown): boolean {
  if (error instanceof NoPasswordError) return true;
  if (!(error instanceof Error)) return false;
  const code = 'code' in error ? String(error.code) : '';
  return (
    /^(?:ERR_TLS_|ERR_SSL_|CERT_|SELF_SIGNED|UNABLE_TO_|DEPTH_ZERO|HOSTNAME_MISMATCH|EACCES$|EPERM$)/.test(code) ||
    /^SASL|does not support SSL/.test(error.message)
  );
}

/** What is wrong and what to do, in words. The message of the store's error begins with the store's name. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof LostAnswerError) {
    if (isTooLate(error.cause)) return 'it took a statement and did not answer within answer_timeout';
    return `the connection broke off (${error.message})`;
  }
  if (error instanceof NoPasswordError) return `${error.message}: give it in PGPASSWORD, in the password file or in the uri`;
  if (!hasSqlState(error)) return `can't be reached: ${withoutStack(error)}${remedyOf(error)}`;
  const said = `${error.code}: ${error.message}`;
  switch (error.code) {
    case '28P01':
    case '28000':
      return `it does not let this user in; check user and password (PGUSER, PGPASSWORD, the password file) (${said})`;
    case '3D000':
      return `there is no such database; check its name, or make it ("createdb") (${said})`;
    case '42501':
      return `this user may not do what logging needs; grant SELECT, INSERT and UPDATE on MLflow's tables and USAGE on their sequences (${said})`;
    case '25006':
      return `it takes no writes: a standby, or set to read only; name the primary, or all hosts (${said})`;
    case '53300':
      return `it has no connection left; raise max_connections, lower pool_size, or put a pooler in front (${said})`;
    case '53100':
      return `its disk is full; free space there (${said})`;
    default:
      return said;
  }
}

/** Of several addresses of a host that were tried, the first says why. */
function withoutStack(error: Error): string {
  if (error.message !== '') return error.message;
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return error.errors[0].message;
  return error.name;
}

function remedyOf(error: Error): string {
  if (/does not support SSL/.test(error.message)) return '; it has no TLS: set sslmode to prefer or disable';
  const code = 'code' in error ? String(error.code) : '';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return '; name the host as its certificate does, or set sslmode to verify-ca';
  if (/^(?:SELF_SIGNED|UNABLE_TO_|DEPTH_ZERO)/.test(code)) return '; name its authority’s certificate in sslrootcert';
  return '';
}
