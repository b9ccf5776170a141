import { resolve } from 'node:path';
import { OptionError } from './errors.js';
import { DEFAULT_JOURNAL_DIR } from './journal/home.js';
import { isCapacity } from './ring/layout.js';
import { retryEnvironment } from './store/mlflow/environment.js';
import type { ExperimentChoice } from './store/store.js';
import { parseStoreUri, type StoreLocation } from './store/uri.js';

/** For a server each is also a ceiling: it refuses a request that holds more. PostgreSQL's are SQLite's. */
export interface BatchOptions {
  /** Params in one batch at most. Default: SQLite 10,000, a server 100. */
  maxParams?: number;
  /** Default: SQLite 10,000, a server 1000. */
  maxMetrics?: number;
  /** Default: SQLite 10,000, a server 100. */
  maxTags?: number;
  /** All records together. Default: SQLite 10,000, a server 1000. */
  maxEntities?: number;
  /**
   * SQLite: text of keys and values together, in UTF-16 units, so about bytes where it is ASCII; default 8 MiB.
   * A server: real bytes of a request's body; default 900,000, at most 1,000,000 (MLflow's documented limit, which
   * hosted servers and proxies enforce).
   */
  maxBytes?: number;
  /** Milliseconds that a batch which is not full waits for more, from its first record on. Default 0. A flush doesn't wait. */
  lingerMs?: number;
}

/**
 * How a store that is busy or away is tried again; p-retry's names and meanings, times in milliseconds. For a server
 * some defaults come from MLflow's variables first (docs/environment.md). PostgreSQL has a server's other defaults.
 */
export interface RetryOptions {
  /** Default Infinity: `maxRetryTime` ends it. A server: MLFLOW_HTTP_REQUEST_MAX_RETRIES first. */
  retries?: number;
  /** Default: SQLite 50, a server MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR (seconds), else 250. */
  minTimeout?: number;
  /** Default: SQLite 500, a server 30,000. */
  maxTimeout?: number;
  /** Default 2. */
  factor?: number;
  /**
   * Default 600,000. Then a SQLite file's waiting records fail with StoreUnavailableError. A server's, or PostgreSQL's,
   * go on waiting: it is asked every 30 s at most whether it is back.
   */
  maxRetryTime?: number;
  /** Default true; false when MLFLOW_HTTP_REQUEST_BACKOFF_JITTER adds its seconds to each pause of a server. */
  randomize?: boolean;
}

/** Where records are kept on this machine until the store has them. */
export interface JournalOptions {
  /** Folder of all journals. Default: HEADRACE_DIR, else `.headrace` under the current folder. */
  dir?: string;
  /** Bytes that one lane's journal may take, at least 4 MiB. Default Infinity. */
  maxBytes?: number;
}

export interface TrackerOptions {
  /**
   * A file: `sqlite:///relative.db` or `sqlite:////absolute.db`. A server: `http(s)://host:port/prefix`, `databricks`
   * or `databricks://profile`; its credentials, certificates and proxy come from the environment, as MLflow's client
   * reads it (docs/environment.md). The PostgreSQL database of an MLflow server: `postgresql://user@host:port/database`,
   * with libpq's variables, password file and parameters (docs/postgres.md). `offline`: no store, a record has landed when it is in the journal, and is sent
   * later; HEADRACE_OFFLINE=1 in the environment does the same for any uri. Default: MLFLOW_TRACKING_URI, else
   * `sqlite:///mlflow.db`.
   */
  uri?: string;
  /** Default: MLFLOW_EXPERIMENT_NAME, else MLFLOW_EXPERIMENT_ID, else MLflow's `Default`. Made if it is missing. */
  experiment?: string;
  /** Worker threads, each with a ring of its own; runs are spread over them. Default 1, at most 64. */
  workers?: number;
  /** Bytes of each ring, a power of two from 4096 to 2^30. Default 4 MiB. */
  ringBytes?: number;
  batch?: BatchOptions;
  retry?: RetryOptions;
  /**
   * `os`: what is durable survives the end of the process. `fsync`: also a power cut. `memory`: as `os` for what has
   * landed, and no journal keeps what has not. Default `os`.
   */
  durability?: 'memory' | 'os' | 'fsync';
  journal?: JournalOptions;
  /** A full ring: wait for room, or refuse the record at once. Default `block`. */
  onFull?: 'block' | 'reject';
  /** Milliseconds that `onFull: 'block'` waits at most, then RingFullError. Default 5000. */
  blockTimeoutMs?: number;
  /** Between the parts of a nested key. Default `.` */
  separator?: '.' | '/';
  /** `python` spells values as Python's `str()` does. Default `js`. */
  valueFormat?: 'js' | 'python';
  /** Values over MLflow's limit (params 6000, tags 8000 code points): refused, or cut. Default `reject`. */
  onLongValue?: 'reject' | 'truncate';
  /** Milliseconds that the end of the process waits for what was accepted. Default 5000. */
  exitTimeoutMs?: number;
  /** Land what was accepted on SIGINT and SIGTERM. Default true. */
  signals?: boolean;
  /** false, or HEADRACE_DISABLED=1 in the environment: every call does nothing and its receipt has landed. Default true. */
  enabled?: boolean;
}

export interface Settings {
  readonly location: StoreLocation;
  readonly cwd: string;
  readonly experiment: ExperimentChoice;
  readonly workers: number;
  readonly ringBytes: number;
  readonly batch: BatchLimits;
  readonly retry: RetryPolicy;
  readonly durability: 'memory' | 'os' | 'fsync';
  readonly journal: Required<JournalOptions>;
  /** Nothing goes to the store: the journal is where records land. */
  readonly offline: boolean;
  readonly onFull: 'block' | 'reject';
  readonly blockTimeoutMs: number;
  readonly separator: '.' | '/';
  readonly valueFormat: 'js' | 'python';
  readonly onLongValue: 'reject' | 'truncate';
  readonly exitTimeoutMs: number;
  readonly signals: boolean;
  readonly enabled: boolean;
}

export type BatchLimits = Required<BatchOptions>;

export interface RetryPolicy extends Required<RetryOptions> {
  /** Up to so many random milliseconds are added to each pause: MLflow's way. */
  readonly addedJitterMs: number;
}

type Ceilings = Readonly<Record<Exclude<keyof BatchOptions, 'lingerMs'>, readonly [usual: number, most: number]>>;

/** A transaction is the cheaper the more it holds; 10,000 rows take about 30 ms. */
const SQLITE_ROWS = 10_000;

const FILE_CEILINGS: Ceilings = {
  maxParams: [SQLITE_ROWS, SQLITE_ROWS],
  maxMetrics: [SQLITE_ROWS, SQLITE_ROWS],
  maxTags: [SQLITE_ROWS, SQLITE_ROWS],
  maxEntities: [SQLITE_ROWS, SQLITE_ROWS],
  maxBytes: [8 * 2 ** 20, 2 ** 30],
};

const CEILINGS: Readonly<Record<StoreLocation['kind'], Ceilings>> = {
  sqlite: FILE_CEILINGS,
  // A journal is written like a file.
  offline: FILE_CEILINGS,
  postgres: FILE_CEILINGS,
  // MLflow: what runs/log-batch takes, and MAX_BATCH_LOG_REQUEST_SIZE.
  server: {
    maxParams: [100, 100],
    maxMetrics: [1000, 1000],
    maxTags: [100, 100],
    maxEntities: [1000, 1000],
    maxBytes: [900_000, 1_000_000],
  },
};

const MAX_WORKERS = 64;
/** A frame takes up to 768 KiB, and one that does not fit into an empty journal would never be written. */
const LEAST_JOURNAL_BYTES: number = 4 * 2 ** 20;
const DEFAULT_RING_BYTES = 4 * 2 ** 20;

/** What the user gave with every default filled in; throws OptionError for the first option that can't be. */
export function resolveOptions(options: TrackerOptions, env: NodeJS.ProcessEnv, cwd: string): Settings {
  const check = new OptionCheck('', options, [
    'uri',
    'experiment',
    'workers',
    'ringBytes',
    'batch',
    'retry',
    'durability',
    'journal',
    'onFull',
    'blockTimeoutMs',
    'separator',
    'valueFormat',
    'onLongValue',
    'exitTimeoutMs',
    'signals',
    'enabled',
  ]);
  const enabled = check.boolean('enabled', true) && env.HEADRACE_DISABLED !== '1';
  const uri = check.text('uri', env.MLFLOW_TRACKING_URI || 'sqlite:///mlflow.db');
  // A program that has switched logging off must not fail for a uri that is not served, nor for what its server needs.
  const location: StoreLocation = enabled ? parseStoreUri(uri, cwd, env) : { kind: 'sqlite', path: '', display: '' };
  const offline = enabled && (location.kind === 'offline' || env.HEADRACE_OFFLINE === '1');
  return {
    location,
    cwd,
    experiment: experimentChoice(check, env),
    workers: check.integer('workers', 1, 1, MAX_WORKERS),
    ringBytes: check.capacity('ringBytes', DEFAULT_RING_BYTES),
    batch: batchLimits(
      check.child('batch', ['maxParams', 'maxMetrics', 'maxTags', 'maxEntities', 'maxBytes', 'lingerMs']),
      location.kind,
    ),
    retry: retryPolicy(
      check.child('retry', ['retries', 'minTimeout', 'maxTimeout', 'factor', 'maxRetryTime', 'randomize']),
      location.kind,
      env,
    ),
    durability: durability(check, offline),
    journal: journalSettings(check.child('journal', ['dir', 'maxBytes']), env, cwd),
    offline,
    onFull: check.oneOf('onFull', 'block', ['block', 'reject']),
    blockTimeoutMs: check.number('blockTimeoutMs', 5000, 0),
    separator: check.oneOf('separator', '.', ['.', '/']),
    valueFormat: check.oneOf('valueFormat', 'js', ['js', 'python']),
    onLongValue: check.oneOf('onLongValue', 'reject', ['reject', 'truncate']),
    exitTimeoutMs: check.number('exitTimeoutMs', 5000, 0),
    signals: check.boolean('signals', true),
    enabled,
  };
}

function experimentChoice(check: OptionCheck, env: NodeJS.ProcessEnv): ExperimentChoice {
  const name = check.text('experiment', '');
  // MLflow: code wins over MLFLOW_EXPERIMENT_NAME, that over _ID; the two of the environment must agree.
  return name !== '' ? { name } : { name: env.MLFLOW_EXPERIMENT_NAME || undefined, id: env.MLFLOW_EXPERIMENT_ID || undefined };
}

function durability(check: OptionCheck, offline: boolean): Settings['durability'] {
  const chosen = check.oneOf('durability', 'os', ['memory', 'os', 'fsync']);
  if (!offline || chosen !== 'memory') return chosen;
  throw new OptionError({
    option: 'durability',
    received: shown(chosen),
    expected: "'os' or 'fsync' while offline (by the uri or HEADRACE_OFFLINE=1): without a journal nothing would be kept",
  });
}

function batchLimits(check: OptionCheck, kind: StoreLocation['kind']): BatchLimits {
  const limit = (name: keyof Ceilings): number => {
    const [usual, most] = CEILINGS[kind][name];
    return check.integer(name, usual, 1, most, kind === 'server' ? ': more than that in one request a server refuses' : '');
  };
  return {
    maxParams: limit('maxParams'),
    maxMetrics: limit('maxMetrics'),
    maxTags: limit('maxTags'),
    maxEntities: limit('maxEntities'),
    maxBytes: limit('maxBytes'),
    lingerMs: check.number('lingerMs', 0, 0),
  };
}

function journalSettings(check: OptionCheck, env: NodeJS.ProcessEnv, cwd: string): Required<JournalOptions> {
  return {
    dir: resolve(cwd, check.text('dir', env.HEADRACE_DIR || DEFAULT_JOURNAL_DIR)),
    maxBytes: check.number('maxBytes', Number.POSITIVE_INFINITY, LEAST_JOURNAL_BYTES),
  };
}

/** Option, then environment, then default. */
function retryPolicy(check: OptionCheck, kind: StoreLocation['kind'], env: NodeJS.ProcessEnv): RetryPolicy {
  const told = kind === 'server' ? retryEnvironment(env) : undefined;
  // A try at a locked file is a system call, and whoever waits for the lock's end should not wait long after it.
  const [shortest, longest] = kind === 'server' || kind === 'postgres' ? [250, 30_000] : [50, 500];
  // A ceiling that was asked for wins over a floor that was not.
  const ceiling = check.number('maxTimeout', Number.POSITIVE_INFINITY, 0);
  const minTimeout = check.number('minTimeout', Math.min(told?.minTimeout ?? shortest, ceiling), 0);
  const addedJitterMs = check.has('randomize') ? undefined : told?.addedJitterMs;
  return {
    retries: check.number('retries', told?.retries ?? Number.POSITIVE_INFINITY, 0),
    minTimeout,
    maxTimeout: check.number('maxTimeout', Math.max(longest, minTimeout), minTimeout),
    factor: check.number('factor', 2, 1),
    maxRetryTime: check.number('maxRetryTime', 600_000, 0),
    randomize: check.boolean('randomize', addedJitterMs === undefined),
    addedJitterMs: addedJitterMs ?? 0,
  };
}

/** Reads one object of options; every complaint names the option by its whole path and shows what it got. */
class OptionCheck {
  private readonly path: string;
  private readonly given: Readonly<Record<string, unknown>>;

  constructor(path: string, given: unknown, known: readonly string[]) {
    this.path = path;
    if (given === undefined) {
      this.given = {};
      return;
    }
    if (typeof given !== 'object' || given === null || Array.isArray(given)) {
      throw new OptionError({ option: path || 'options', received: shown(given), expected: 'an object' });
    }
    for (const name of Object.keys(given)) {
      if (!known.includes(name)) {
        throw new OptionError({ option: this.name(name), received: 'an unknown option', expected: `one of ${known.join(', ')}` });
      }
    }
    this.given = { ...given };
  }

  child(name: string, known: readonly string[]): OptionCheck {
    return new OptionCheck(this.name(name), this.given[name], known);
  }

  has(name: string): boolean {
    return (this.given[name] ?? undefined) !== undefined;
  }

  text(name: string, fallback: string): string {
    const value = this.given[name];
    if (value === undefined) return fallback;
    if (typeof value !== 'string' || value === '') throw this.error(name, value, 'a text that is not empty');
    return value;
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.given[name] ?? fallback;
    if (typeof value !== 'boolean') throw this.error(name, value, 'true or false');
    return value;
  }

  number(name: string, fallback: number, least: number): number {
    const value = this.given[name] ?? fallback;
    if (typeof value !== 'number' || Number.isNaN(value) || value < least)
      throw this.error(name, value, `a number from ${least}`);
    return value;
  }

  integer(name: string, fallback: number, least: number, most: number, why = ''): number {
    const value = this.given[name] ?? fallback;
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) {
      throw this.error(name, value, `a whole number from ${least} to ${most}${why}`);
    }
    return value;
  }

  capacity(name: string, fallback: number): number {
    const value = this.given[name] ?? fallback;
    if (typeof value !== 'number' || !isCapacity(value)) throw this.error(name, value, 'a power of two from 4096 to 2^30');
    return value;
  }

  oneOf<const T extends string>(name: string, fallback: T, choices: readonly T[]): T {
    const value = this.given[name] ?? fallback;
    const choice = choices.find((each) => each === value);
    if (choice === undefined) throw this.error(name, value, choices.map((each) => `'${each}'`).join(' or '));
    return choice;
  }

  private name(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }

  private error(name: string, received: unknown, expected: string): OptionError {
    return new OptionError({ option: this.name(name), received: shown(received), expected });
  }
}

/** A value that was received, as text for a message. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}
