export type {
  FlushOptions,
  ParamTree,
  ParamValue,
  Receipt,
  RecordState,
  Report,
  Run,
  StartRunOptions,
  Tracker,
  TrackerEvents,
  TrackerStats,
} from './api.js';
export {
  AmbiguousRunError,
  BatchRefusedError,
  ClosedError,
  ConfigFileError,
  ExperimentError,
  FilterError,
  FlushTimeoutError,
  ForgottenFailureError,
  HeadraceError,
  InvalidKeyError,
  InvalidValueError,
  JournalFullError,
  JournalRecordTooLargeError,
  JournalWriteError,
  LogFailuresError,
  OptionError,
  ParamConflictError,
  RecordTooLargeError,
  RingFullError,
  RunDeletedError,
  RunNotFoundError,
  StoreUnavailableError,
  TooManyRunsError,
  ValueTooLongError,
  WorkerDiedError,
} from './errors.js';
export type { BatchOptions, RetryOptions, TrackerOptions } from './options.js';
export type { ConfigTree, ConfigValue, SchemaResult, StandardSchema } from './reading/config.js';
export { type OpenRunsOptions, openRuns } from './reading/open-runs.js';
export type { MetricPoint, RunSearch, Runs, StoredRun, StoredStatus } from './reading/stored-run.js';
export type { RunStatus } from './store/store.js';
export { createTracker } from './tracker.js';
