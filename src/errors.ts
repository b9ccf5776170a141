/**
 * Every error that headrace raises. Each class takes one object of fields, makes its message from
 * them, and keeps them as properties: what crosses from the worker is `[code, fields]`, and the same
 * class is built again on the caller's side (an error that is cloned loses its class and its code).
 */

import type { Report } from './report.js';

/** Base class. `code` is stable across versions; match on it, not on the message. */
export class HeadraceError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    // Not enumerable: enumerable own properties are the error's fields (see `toWire`).
    Object.defineProperty(this, 'name', { value: new.target.name, configurable: true });
    this.code = code;
  }
}

/** What an error says of the run it is about. */
export interface OfRun {
  /** `run.id`: the id that the caller knows it by. */
  readonly runId: string;
  /** The run's id in the store, where that is another. */
  readonly storeId?: string | undefined;
}

/** A run in a message, by both ids where it has two: one is found in the program's log, the other in MLflow's pages. */
export function runName({ runId, storeId }: OfRun): string {
  return storeId === undefined ? `run ${runId}` : `run ${runId} (${storeId} in the store)`;
}

/** An option was not understood. Thrown at once by `createTracker` and `startRun`; nothing was started. */
export class OptionError extends HeadraceError {
  readonly option: string;
  readonly received: string;

  constructor(fields: { option: string; received: string; expected: string }) {
    super('HEADRACE_OPTION', `${fields.option}: got ${fields.received}; expected ${fields.expected}`);
    this.option = fields.option;
    this.received = fields.received;
  }
}

/** Same run, same key, another value. The stored value stays; nothing of the new one was written. */
export class ParamConflictError extends HeadraceError implements OfRun {
  readonly runId: string;
  readonly storeId: string | undefined;
  readonly key: string;
  readonly storedValue: string;
  readonly newValue: string;

  constructor(fields: OfRun & { key: string; storedValue: string; newValue: string }) {
    super(
      'HEADRACE_PARAM_CONFLICT',
      `param ${quote(fields.key)} of ${runName(fields)} is stored as ${quote(fields.storedValue)} and can't become ` +
        `${quote(fields.newValue)}; params are immutable: log it under another key or in a new run`,
    );
    this.runId = fields.runId;
    this.storeId = fields.storeId;
    this.key = fields.key;
    this.storedValue = fields.storedValue;
    this.newValue = fields.newValue;
  }
}

/** The key breaks MLflow's rules. Nothing was written. */
export class InvalidKeyError extends HeadraceError {
  readonly key: string;
  readonly reason: string;

  constructor(fields: { key: string; reason: string }) {
    super('HEADRACE_INVALID_KEY', `key ${quote(fields.key)} ${fields.reason}`);
    this.key = fields.key;
    this.reason = fields.reason;
  }
}

/** The value can't be stored as text (undefined, function, cycle, NUL, lone surrogate…). Nothing was written. */
export class InvalidValueError extends HeadraceError {
  readonly key: string;
  readonly reason: string;

  constructor(fields: { key: string; reason: string }) {
    super('HEADRACE_INVALID_VALUE', `value of ${quote(fields.key)} ${fields.reason}`);
    this.key = fields.key;
    this.reason = fields.reason;
  }
}

/** The value is longer than the store keeps. Nothing was written. Lengths in code points. */
export class ValueTooLongError extends HeadraceError {
  readonly key: string;
  readonly length: number;
  readonly limit: number;

  constructor(fields: { key: string; length: number; limit: number }) {
    super(
      'HEADRACE_VALUE_TOO_LONG',
      `value of ${quote(fields.key)} has ${fields.length} code points, the limit is ${fields.limit}; ` +
        `shorten it, split it, or set onLongValue: 'truncate'`,
    );
    this.key = fields.key;
    this.length = fields.length;
    this.limit = fields.limit;
  }
}

/** One record is larger than a lane's ring can carry. Nothing was written. */
export class RecordTooLargeError extends HeadraceError {
  readonly key: string;
  readonly bytes: number;
  readonly limit: number;

  constructor(fields: { key: string; bytes: number; limit: number }) {
    super(
      'HEADRACE_RECORD_TOO_LARGE',
      `${quote(fields.key)} needs ${fields.bytes} bytes, one record may take ${fields.limit}; raise ringBytes or log less in one value`,
    );
    this.key = fields.key;
    this.bytes = fields.bytes;
    this.limit = fields.limit;
  }
}

/** A config file could not be read or parsed. Nothing of it was logged. Line and column count from 1. */
export class ConfigFileError extends HeadraceError {
  readonly path: string;
  readonly reason: string;
  readonly line: number | undefined;
  readonly column: number | undefined;

  constructor(fields: { path: string; reason: string; line?: number | undefined; column?: number | undefined }) {
    const place = fields.line === undefined ? '' : `:${fields.line}${fields.column === undefined ? '' : `:${fields.column}`}`;
    super('HEADRACE_CONFIG_FILE', `config file ${fields.path}${place}: ${fields.reason}`);
    this.path = fields.path;
    this.reason = fields.reason;
    this.line = fields.line;
    this.column = fields.column;
  }
}

/** The store refused the item or the whole batch for a reason of its own. */
export class BatchRefusedError extends HeadraceError implements OfRun {
  readonly runId: string;
  readonly storeId: string | undefined;
  readonly status: number | undefined;
  readonly errorCode: string;
  readonly reason: string;

  constructor(fields: OfRun & { status?: number | undefined; errorCode: string; reason: string }) {
    super('HEADRACE_BATCH_REFUSED', `the store refused records of ${runName(fields)} (${fields.errorCode}): ${fields.reason}`);
    this.runId = fields.runId;
    this.storeId = fields.storeId;
    this.status = fields.status;
    this.errorCode = fields.errorCode;
    this.reason = fields.reason;
  }
}

/** The store can't be used, for a reason that waiting does not mend (or did not mend within the retry budget). */
export class StoreUnavailableError extends HeadraceError {
  readonly store: string;
  readonly reason: string;

  constructor(fields: { store: string; reason: string }, options?: ErrorOptions) {
    super('HEADRACE_STORE_UNAVAILABLE', `store ${fields.store}: ${fields.reason}`, options);
    this.store = fields.store;
    this.reason = fields.reason;
  }
}

/** `startRun({ runId })` named a run that the store does not have. */
export class RunNotFoundError extends HeadraceError implements OfRun {
  readonly runId: string;
  readonly storeId: string | undefined;

  constructor(fields: OfRun) {
    // That it has an id in the store is known because it was there.
    const how = fields.storeId === undefined ? 'is not in the store' : 'is gone';
    super('HEADRACE_RUN_NOT_FOUND', `${runName(fields)} ${how}; check the id and the uri`);
    this.runId = fields.runId;
    this.storeId = fields.storeId;
  }
}

/** The run, or its experiment, is deleted; MLflow accepts nothing for it until it is restored. */
export class RunDeletedError extends HeadraceError implements OfRun {
  readonly runId: string;
  readonly storeId: string | undefined;

  constructor(fields: OfRun) {
    super('HEADRACE_RUN_DELETED', `${runName(fields)} is deleted, or its experiment is; restore it before logging to it`);
    this.runId = fields.runId;
    this.storeId = fields.storeId;
  }
}

/** The experiment can't take runs: deleted, unknown id, or a name and an id that disagree. */
export class ExperimentError extends HeadraceError {
  readonly experiment: string;
  readonly reason: string;

  constructor(fields: { experiment: string; reason: string }) {
    super('HEADRACE_EXPERIMENT', `experiment ${quote(fields.experiment)} ${fields.reason}`);
    this.experiment = fields.experiment;
    this.reason = fields.reason;
  }
}

/** The ring had no room within the time that `onFull` allows. Nothing of the record was written. */
export class RingFullError extends HeadraceError {
  readonly neededBytes: number;
  readonly waitedMs: number;

  constructor(fields: { neededBytes: number; waitedMs: number }) {
    super(
      'HEADRACE_RING_FULL',
      `no room for ${fields.neededBytes} bytes within ${fields.waitedMs} ms; raise ringBytes, log less often, or see stats() for why the store is slow`,
    );
    this.neededBytes = fields.neededBytes;
    this.waitedMs = fields.waitedMs;
  }
}

/**
 * `flush`, `end` or `close` waited as long as it may. The work goes on behind; `report` says how far it was, and
 * `store` what keeps the store from taking it, where that is known.
 */
export class FlushTimeoutError extends HeadraceError {
  readonly timeoutMs: number;
  readonly report: Report;
  readonly store: HeadraceError | undefined;

  constructor(fields: { timeoutMs: number; report: Report; store?: HeadraceError | undefined }) {
    const why = fields.store === undefined ? '' : `; the ${fields.store.message}`;
    super(
      'HEADRACE_FLUSH_TIMEOUT',
      `${fields.report.pending} of ${fields.report.accepted} records, or the start or end of a run, had not settled within ` +
        `${fields.timeoutMs} ms; it goes on behind: wait again, or raise timeoutMs${why}`,
    );
    this.timeoutMs = fields.timeoutMs;
    this.report = fields.report;
    this.store = fields.store;
  }
}

/** The run has ended or the tracker is closed. Nothing was written. */
export class ClosedError extends HeadraceError {
  readonly what: string;

  constructor(fields: { what: string; remedy?: string }) {
    const { what, remedy = 'start a new run, or resume this one with startRun({ runId })' } = fields;
    super('HEADRACE_CLOSED', `${what}; ${remedy}`);
    this.what = fields.what;
  }
}

/** The worker of a lane died again and again without landing anything. */
export class WorkerDiedError extends HeadraceError {
  readonly deaths: number;
  readonly reason: string;

  constructor(fields: { deaths: number; reason: string }) {
    super('HEADRACE_WORKER_DIED', `the lane's worker died ${fields.deaths} times without progress: ${fields.reason}`);
    this.deaths = fields.deaths;
    this.reason = fields.reason;
  }
}

/** Detail of an old failure was given up to keep memory bounded; that the record failed is certain. */
export class ForgottenFailureError extends HeadraceError implements OfRun {
  readonly runId: string;
  readonly storeId: string | undefined;

  constructor(fields: OfRun) {
    super(
      'HEADRACE_FORGOTTEN_FAILURE',
      `a record of ${runName(fields)} was refused; so many were that its details are no longer kept`,
    );
    this.runId = fields.runId;
    this.storeId = fields.storeId;
  }
}

/** More runs are open on one lane than it has places for. Thrown by `startRun`. */
export class TooManyRunsError extends HeadraceError {
  readonly limit: number;

  constructor(fields: { limit: number }) {
    super('HEADRACE_TOO_MANY_RUNS', `${fields.limit} runs are open on this lane; end some, or raise workers`);
    this.limit = fields.limit;
  }
}

/** The journal has grown to its limit. Nothing of the record was kept. */
export class JournalFullError extends HeadraceError {
  readonly folder: string;
  readonly limitBytes: number;
  readonly neededBytes: number;

  constructor(fields: { folder: string; limitBytes: number; neededBytes: number }) {
    super(
      'HEADRACE_JOURNAL_FULL',
      `journal ${fields.folder} has no room for ${fields.neededBytes} bytes within its limit of ${fields.limitBytes}; ` +
        'let the store catch up (headrace sync), or raise the limit',
    );
    this.folder = fields.folder;
    this.limitBytes = fields.limitBytes;
    this.neededBytes = fields.neededBytes;
  }
}

/** The journal could not be written just now. What was appended is kept, and goes out with the next try. */
export class JournalWriteError extends HeadraceError {
  readonly path: string;
  /** What the operating system calls it: ENOSPC, EROFS, EACCES… */
  readonly reason: string;

  constructor(fields: { path: string; reason: string }, options?: ErrorOptions) {
    super('HEADRACE_JOURNAL_WRITE', `journal ${fields.path} can't be written: ${fields.reason}`, options);
    this.path = fields.path;
    this.reason = fields.reason;
  }
}

/** What waited in the journal for its store could not be read back, so it has not landed. Its neighbours have. */
export class JournalDamagedError extends HeadraceError {
  readonly folder: string;

  constructor(fields: { folder: string }) {
    super(
      'HEADRACE_JOURNAL_DAMAGED',
      `a record that waited in journal ${fields.folder} can't be read back: the file was changed or the disk fails; check the disk, and log it again`,
    );
    this.folder = fields.folder;
  }
}

/** One record is larger than a journal frame can be. Nothing of it was kept. */
export class JournalRecordTooLargeError extends HeadraceError {
  readonly bytes: number;
  readonly limit: number;

  constructor(fields: { bytes: number; limit: number }) {
    super('HEADRACE_JOURNAL_RECORD', `a batch needs ${fields.bytes} bytes in the journal, one frame may take ${fields.limit}`);
    this.bytes = fields.bytes;
    this.limit = fields.limit;
  }
}

/** Several failures at once: of a bulk call, or of calls whose receipts nobody awaited. `errors` holds each (the first 20). */
export class LogFailuresError extends AggregateError {
  readonly code: string = 'HEADRACE_LOG_FAILURES';
  /** How many records failed; may exceed `errors.length`. */
  readonly count: number;
  /** The keys concerned, as far as known. */
  readonly keys: readonly string[];

  constructor(fields: { errors: readonly Error[]; count: number }) {
    const keys = new Set(fields.errors.flatMap((error) => ('key' in error && typeof error.key === 'string' ? [error.key] : [])));
    const shown = fields.errors.slice(0, 3).map((error) => error.message);
    const more = fields.count > shown.length ? `; and ${fields.count - shown.length} more` : '';
    super(
      fields.errors,
      `${fields.count} ${fields.count === 1 ? 'record was' : 'records were'} refused: ${shown.join('; ')}${more}`,
    );
    Object.defineProperty(this, 'name', { value: 'LogFailuresError', configurable: true });
    this.count = fields.count;
    this.keys = [...keys];
  }
}

/** `compareRuns` was given no run. */
export class NoRunsError extends HeadraceError {
  constructor() {
    super(
      'HEADRACE_NO_RUNS',
      'there are no runs to compare: got 0, expected at least 1; check the ids or the filter that chose them',
    );
  }
}

/** Text of a key or value for a message: quoted, and cut where it would flood a terminal. */
export function quote(text: string): string {
  const limit = 200;
  return JSON.stringify(text.length > limit ? `${text.slice(0, limit)}…` : text);
}

/** What crosses between threads for an error: its code and its fields, JSON-safe. */
export type WireError = readonly [code: string, fields: Readonly<Record<string, unknown>>];

type Rebuild = (fields: never) => HeadraceError;

const REBUILD: Readonly<Record<string, Rebuild>> = {
  HEADRACE_OPTION: (fields) => new OptionError(fields),
  HEADRACE_PARAM_CONFLICT: (fields) => new ParamConflictError(fields),
  HEADRACE_INVALID_KEY: (fields) => new InvalidKeyError(fields),
  HEADRACE_INVALID_VALUE: (fields) => new InvalidValueError(fields),
  HEADRACE_VALUE_TOO_LONG: (fields) => new ValueTooLongError(fields),
  HEADRACE_CONFIG_FILE: (fields) => new ConfigFileError(fields),
  HEADRACE_BATCH_REFUSED: (fields) => new BatchRefusedError(fields),
  HEADRACE_STORE_UNAVAILABLE: (fields) => new StoreUnavailableError(fields),
  HEADRACE_RUN_NOT_FOUND: (fields) => new RunNotFoundError(fields),
  HEADRACE_RUN_DELETED: (fields) => new RunDeletedError(fields),
  HEADRACE_EXPERIMENT: (fields) => new ExperimentError(fields),
  HEADRACE_FORGOTTEN_FAILURE: (fields) => new ForgottenFailureError(fields),
  HEADRACE_JOURNAL_FULL: (fields) => new JournalFullError(fields),
  HEADRACE_JOURNAL_DAMAGED: (fields) => new JournalDamagedError(fields),
  HEADRACE_JOURNAL_WRITE: (fields) => new JournalWriteError(fields),
  HEADRACE_JOURNAL_RECORD: (fields) => new JournalRecordTooLargeError(fields),
};

/** A store speaks of a run by its own id: the same error with the run as the caller knows it. */
export function inCallersTerms(error: HeadraceError, { runId, storeId }: Required<OfRun>): HeadraceError {
  if (storeId === runId || !('runId' in error) || error.runId !== storeId) return error;
  const [code, fields] = toWire(error);
  return fromWire([code, { ...fields, runId, storeId }]);
}

export function toWire(error: HeadraceError): WireError {
  const { code, ...fields } = { ...error };
  return [code, fields];
}

export function fromWire([code, fields]: WireError): HeadraceError {
  const rebuild = REBUILD[code];
  // Where it is rebuilt says nothing about its cause, and thousands of frames would flood a terminal.
  const frames = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    // The fields were made by `toWire` from an instance of the same class.
    return rebuild ? rebuild(fields as never) : new HeadraceError(code, JSON.stringify(fields));
  } finally {
    Error.stackTraceLimit = frames;
  }
}

/** Another run is active where one was to start. Thrown by `startRun` and `withRun` of headrace/fluent; nothing was started. */
export class RunActiveError extends HeadraceError {
  readonly runId: string;

  constructor(fields: { runId: string }) {
    super(
      'HEADRACE_RUN_ACTIVE',
      `run ${fields.runId} is active; end it with endRun(), start this one inside it with { nested: true }, or give ` +
        'each of several runs side by side its own withRun()',
    );
    this.runId = fields.runId;
  }
}

/** A filter or an order was not understood. Nothing was read. `position` counts characters from 1. */
export class FilterError extends HeadraceError {
  readonly part: 'filter' | 'orderBy';
  readonly text: string;
  readonly position: number;
  readonly found: string;
  readonly expected: string;
  /** The right name that comes next to a wrong one. */
  readonly nearest: string | undefined;

  constructor(fields: {
    part: 'filter' | 'orderBy';
    text: string;
    position: number;
    found: string;
    expected: string;
    nearest?: string | undefined;
  }) {
    const perhaps = fields.nearest === undefined ? '' : `; perhaps ${fields.nearest}`;
    super(
      'HEADRACE_FILTER',
      `${fields.part} ${quote(fields.text)}, character ${fields.position}: found ${fields.found}; expected ${fields.expected}${perhaps}`,
    );
    this.part = fields.part;
    this.text = fields.text;
    this.position = fields.position;
    this.found = fields.found;
    this.expected = fields.expected;
    this.nearest = fields.nearest;
  }
}

const MAX_NAMED_RUNS = 10;

/** What was asked for is the name, or the beginning of the id, of several runs. `runs` holds ten of them at most. */
export class AmbiguousRunError extends HeadraceError {
  readonly asked: string;
  readonly runs: readonly { readonly id: string; readonly name: string; readonly startTime: number | undefined }[];

  constructor(fields: {
    asked: string;
    runs: readonly { readonly id: string; readonly name: string; readonly startTime: number | undefined }[];
  }) {
    const listed = fields.runs.slice(0, MAX_NAMED_RUNS);
    const shown = listed.map(({ id, startTime }) => `${id} (${timeText(startTime)})`);
    const more = fields.runs.length > listed.length ? ' and more' : '';
    super('HEADRACE_AMBIGUOUS_RUN', `${quote(fields.asked)} can be ${shown.join(', ')}${more}; give the id of one`);
    this.asked = fields.asked;
    this.runs = listed;
  }
}

function timeText(ms: number | undefined): string {
  if (ms === undefined) return 'no start';
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}

/** A value of a configuration that a schema refuses. */
export interface SchemaProblem {
  /** Names that lead to it, joined by dots; empty: the whole configuration. */
  readonly key: string;
  /** The schema's. */
  readonly message: string;
}

/** A run's configuration is not what the schema asks for. */
export class ConfigSchemaError extends HeadraceError {
  readonly problems: readonly SchemaProblem[];

  constructor(fields: { problems: readonly SchemaProblem[] }) {
    const told = fields.problems.map(({ key, message }) => `${key === '' ? 'as a whole' : quote(key)}: ${message}`);
    super(
      'HEADRACE_CONFIG_SCHEMA',
      `the run's configuration does not fit the schema: ${told.join('; ')}; without a schema it is given out as it was logged`,
    );
    this.problems = fields.problems;
  }
}
