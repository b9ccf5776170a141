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
  BatchRefusedError,
  ClosedError,
  ConfigFileError,
  ExperimentError,
  FlushTimeoutError,
  ForgottenFailureError,
  HeadraceError,
  InvalidKeyError,
  InvalidValueError,
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
export type { RunStatus } from './store/store.js';
export { createTracker } from './tracker.js';
