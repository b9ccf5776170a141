export type {
  FlushOptions,
  ParamTree,
  ParamValue,
  Receipt,
  RecordState,
  Run,
  StartRunOptions,
  Tracker,
  TrackerEvents,
  TrackerStats,
} from './api.js';
export { type CompareOptions, compareRuns } from './comparing/compare-runs.js';
export type {
  ComparedMetric,
  ComparedParam,
  ComparedRun,
  Comparison,
  Correlation,
  Curve,
  Goal,
  MetricSummary,
  ParamStatus,
} from './comparing/comparison.js';
export { type CsvOptions, formatCsv } from './comparing/csv.js';
export { formatHtml, type HtmlOptions } from './comparing/html.js';
export { formatJson } from './comparing/json.js';
export type { KeyPattern } from './comparing/key-patterns.js';
export { formatMarkdown } from './comparing/markdown.js';
export { nestedParams, type ParamNode } from './comparing/param-tree.js';
export type { FormatOptions } from './comparing/sections.js';
export { formatTable, type TableOptions } from './comparing/table.js';
export {
  AmbiguousRunError,
  BatchRefusedError,
  ClosedError,
  ConfigFileError,
  ConfigSchemaError,
  ExperimentError,
  FilterError,
  FlushTimeoutError,
  ForgottenFailureError,
  HeadraceError,
  InvalidKeyError,
  InvalidValueError,
  JournalDamagedError,
  JournalFullError,
  JournalRecordTooLargeError,
  JournalWriteError,
  LogFailuresError,
  NoRunsError,
  OptionError,
  ParamConflictError,
  RecordTooLargeError,
  RingFullError,
  RunActiveError,
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
export type { Report } from './report.js';
export type { RunStatus } from './store/store.js';
export type { TrackerHandle } from './threads/handle.js';
export { attachTracker, createTracker } from './tracker.js';
