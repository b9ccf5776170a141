/**
 * What MLflow's server answers, case by case, and what headrace makes of the same thing. The suite asks the
 * server itself first, so that each row about it is a fact and not a belief.
 */
import {
  ACCEPTED,
  ACCEPTED_BY_SERVER_ONLY,
  BAD_CHARACTERS,
  BAD_PATHS,
  TOO_LONG as TOO_LONG_KEYS,
} from '../params/mlflow-keys.js';

/** A request is refused with this `error_code` and a message that holds this text. */
export interface Refusal {
  readonly code: string;
  readonly text: string;
  /** The versions that refuse it; undefined: all. */
  readonly by?: readonly string[];
}

export type Verdict = 'ok' | Refusal;

/** What becomes of one record of headrace's: a receipt that resolves, or the `code` of its error. */
export type Fate = 'lands' | `HEADRACE_${string}`;

const invalid = (text: string): Refusal => ({ code: 'INVALID_PARAMETER_VALUE', text });

/** A row that is stored already makes these refuse the request. */
const UNIQUE_METRIC: Omit<Refusal, 'by'> = { code: 'BAD_REQUEST', text: 'UNIQUE constraint failed: metrics.key' };

// ---- keys: the same rules for params, metrics and tags ----

export interface KeyCase {
  /** null: a program in JavaScript can give it, and so can a request. */
  readonly key: string | null;
  readonly server: Verdict;
  readonly headrace: Fate;
}

export const KEY_CASES: readonly KeyCase[] = [
  ...ACCEPTED.map((key): KeyCase => ({ key, server: 'ok', headrace: 'lands' })),
  ...ACCEPTED_BY_SERVER_ONLY.map((key): KeyCase => ({ key, server: 'ok', headrace: 'HEADRACE_INVALID_KEY' })),
  ...BAD_CHARACTERS.map((key): KeyCase => ({ key, server: invalid('Names may only contain'), headrace: 'HEADRACE_INVALID_KEY' })),
  ...Object.entries(BAD_PATHS).map(
    ([key, path]): KeyCase => ({
      key,
      server: invalid(`This name would resolve to '${path}'`),
      headrace: 'HEADRACE_INVALID_KEY',
    }),
  ),
  ...['', null].map(
    (key): KeyCase => ({ key, server: invalid('Missing value for required parameter'), headrace: 'HEADRACE_INVALID_KEY' }),
  ),
  ...TOO_LONG_KEYS.map(
    (key): KeyCase => ({
      key,
      server: invalid('exceeds the maximum length of 250 characters'),
      headrace: 'HEADRACE_INVALID_KEY',
    }),
  ),
];

// ---- values ----

export interface ValueCase {
  readonly name: string;
  readonly of: 'param' | 'tag';
  readonly value: string;
  /** What the server keeps, without a word if that is something else. */
  readonly stored: string;
  /** True: what stands behind it in the request is lost as well. */
  readonly takesTheRest?: true;
  readonly headrace: Fate;
  /** What `onLongValue: 'truncate'` stores where the default refuses. */
  readonly cut?: string;
}

const kept = (name: string, value: string): ValueCase => ({ name, of: 'param', value, stored: value, headrace: 'lands' });
const tooLong = (name: string, of: 'param' | 'tag', value: string, cut: string): ValueCase => ({
  name,
  of,
  value,
  stored: cut,
  headrace: 'HEADRACE_VALUE_TOO_LONG',
  cut,
});

export const VALUE_CASES: readonly ValueCase[] = [
  kept('6000 letters', 'x'.repeat(6000)),
  kept('6000 emoji, 12,000 UTF-16 units', '😀'.repeat(6000)),
  kept('3000 letters with a mark each', 'e\u0301'.repeat(3000)),
  kept('no characters', ''),
  kept('blanks around it', '  a '),
  kept('line ends and a tab', 'a\nb\r\nc\td'),
  tooLong('6001 letters', 'param', 'x'.repeat(6001), 'x'.repeat(6000)),
  tooLong('6000 emoji and a letter', 'param', `${'😀'.repeat(6000)}z`, '😀'.repeat(6000)),
  { ...kept('a tag of 8000 emoji', '🎈'.repeat(8000)), of: 'tag' },
  tooLong('a tag of 8001 emoji', 'tag', '🎈'.repeat(8001), '🎈'.repeat(8000)),
  // PostgreSQL answers 500 to it, and would again and again.
  { ...kept('a NUL character', 'a\0b'), headrace: 'HEADRACE_INVALID_VALUE' },
  {
    name: 'half of a surrogate pair',
    of: 'param',
    value: 'a\ud800b',
    stored: '',
    takesTheRest: true,
    headrace: 'HEADRACE_INVALID_VALUE',
  },
];

// ---- logging again ----

export interface Batch {
  readonly params?: ReadonlyArray<readonly [key: string, value: string]>;
  readonly tags?: ReadonlyArray<readonly [key: string, value: string]>;
  /** Of key `m`, at step 0 and timestamp 1000. */
  readonly metrics?: readonly number[];
}

export interface Content {
  readonly params: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
  readonly metrics?: Readonly<Record<string, number>>;
}

export interface RelogCase {
  readonly name: string;
  /** One request after the other, what the server says to each, and what becomes of the same records of headrace's: params, metrics, tags. */
  readonly batches: ReadonlyArray<Batch & { readonly server: Verdict; readonly headrace: readonly Fate[] }>;
  /** What the server has then. */
  readonly stored: Content;
  /** What it has after headrace logged the same: one bad record doesn't take its batch with it. */
  readonly byHeadrace?: Content;
}

const CHANGED = 'Changing param values is not allowed';
const CONFLICT: Fate = 'HEADRACE_PARAM_CONFLICT';
const TOO_LONG: Fate = 'HEADRACE_VALUE_TOO_LONG';

export const RELOG_CASES: readonly RelogCase[] = [
  {
    name: 'the same value again',
    batches: [
      { params: [['a', '1']], server: 'ok', headrace: ['lands'] },
      { params: [['a', '1']], server: 'ok', headrace: ['lands'] },
    ],
    stored: { params: { a: '1' } },
  },
  {
    name: 'another value',
    batches: [
      { params: [['a', '1']], server: 'ok', headrace: ['lands'] },
      { params: [['a', '2']], server: invalid(`[{'key': 'a', 'old_value': '1', 'new_value': '2'}]`), headrace: [CONFLICT] },
    ],
    stored: { params: { a: '1' } },
  },
  {
    name: 'three other values among new records',
    batches: [
      { params: [['a', '1'], ['b', 'x'], ['c', "it's"]], server: 'ok', headrace: ['lands', 'lands', 'lands'] }, // biome-ignore format: pairs
      {
        params: [['a', '2'], ['b', 'x2'], ['c', 'y2'], ['new', '1']], // biome-ignore format: pairs
        metrics: [1],
        tags: [['t', 'x']],
        server: invalid(
          `[{'key': 'a', 'old_value': '1', 'new_value': '2'}, {'key': 'b', 'old_value': 'x', 'new_value': 'x2'}, ` +
            `{'key': 'c', 'old_value': "it's", 'new_value': 'y2'}]`,
        ),
        headrace: [CONFLICT, CONFLICT, CONFLICT, 'lands', 'lands', 'lands'],
      },
    ],
    stored: { params: { a: '1', b: 'x', c: "it's" } },
    byHeadrace: { params: { a: '1', b: 'x', c: "it's", new: '1' }, metrics: { m: 1 }, tags: { t: 'x' } },
  },
  {
    name: 'an equal value beside a new key',
    batches: [
      { params: [['a', '0'], ['b', '1']], server: 'ok', headrace: ['lands', 'lands'] }, // biome-ignore format: pairs
      { params: [['a', '0'], ['c', '2']], server: 'ok', headrace: ['lands', 'lands'] }, // biome-ignore format: pairs
    ],
    stored: { params: { a: '0', b: '1', c: '2' } },
  },
  {
    name: 'a key twice in one request, equal values',
    batches: [
      {
        params: [['z', '1'], ['z', '1']], // biome-ignore format: pairs
        server: invalid(`Duplicate parameter keys have been submitted: ['z']`),
        headrace: ['lands', 'lands'],
      },
    ],
    stored: { params: {} },
    byHeadrace: { params: { z: '1' } },
  },
  {
    name: 'two keys twice in one request',
    batches: [
      {
        params: [['z', '1'], ['z', '2'], ['y', '1'], ['y', '1']], // biome-ignore format: pairs
        server: invalid(`Duplicate parameter keys have been submitted: ['z', 'y']`),
        headrace: ['lands', CONFLICT, 'lands', 'lands'],
      },
    ],
    stored: { params: {} },
    byHeadrace: { params: { z: '1', y: '1' } },
  },
  {
    name: 'a tag twice in one request',
    batches: [{ tags: [['z', '1'], ['z', '2']], server: 'ok', headrace: ['lands', 'lands'] }], // biome-ignore format: pairs
    stored: { params: {}, tags: { z: '2' } },
  },
  {
    name: 'a key that differs in case',
    batches: [
      { params: [['A', 'other']], server: 'ok', headrace: ['lands'] },
      { params: [['a', '1']], server: 'ok', headrace: ['lands'] },
    ],
    stored: { params: { A: 'other', a: '1' } },
  },
  {
    name: 'another value than the empty one',
    batches: [
      { params: [['emp', '']], server: 'ok', headrace: ['lands'] },
      { params: [['emp', 'x']], server: invalid(`[{'key': 'emp', 'old_value': '', 'new_value': 'x'}]`), headrace: [CONFLICT] },
    ],
    stored: { params: { emp: '' } },
  },
  {
    name: 'values that differ behind the 6000th character',
    batches: [
      { params: [['l', 'x'.repeat(7000)]], server: 'ok', headrace: [TOO_LONG] },
      { params: [['l', `${'x'.repeat(6000)}different`]], server: 'ok', headrace: [TOO_LONG] },
    ],
    stored: { params: { l: 'x'.repeat(6000) } },
    byHeadrace: { params: {} },
  },
  {
    name: 'values that are too long and differ',
    batches: [
      { params: [['l', 'x'.repeat(7000)]], server: 'ok', headrace: [TOO_LONG] },
      { params: [['l', 'y'.repeat(7000)]], server: invalid(CHANGED), headrace: [TOO_LONG] },
    ],
    stored: { params: { l: 'x'.repeat(6000) } },
    byHeadrace: { params: {} },
  },
];

// ---- the state of the run ----

export interface RunCase {
  readonly name: string;
  /** What is done to the run, by requests of others; run and experiment are filled in. */
  readonly before?: ReadonlyArray<readonly [path: string, body: Readonly<Record<string, string>>]>;
  /** Undefined: a run that is there. */
  readonly runId?: string;
  /** To every kind of write, an empty batch and an equal value among them. */
  readonly server: Verdict;
  /** True: to log-batch alone; other calls look for the run before they look at its id. */
  readonly batchesOnly?: true;
  /** Of each kind of record. 'HEADRACE_OPTION': `startRun` throws. */
  readonly headrace: Fate;
}

const DELETED = invalid(`must be in the 'active' state. Current state is deleted.`);

export const RUN_CASES: readonly RunCase[] = [
  ...['FINISHED', 'FAILED', 'KILLED', 'SCHEDULED'].map(
    (status): RunCase => ({ name: status, before: [['runs/update', { status }]], server: 'ok', headrace: 'lands' }),
  ),
  { name: 'deleted', before: [['runs/delete', {}]], server: DELETED, headrace: 'HEADRACE_RUN_DELETED' },
  { name: 'deleted and restored', before: [['runs/delete', {}], ['runs/restore', {}]], server: 'ok', headrace: 'lands' }, // biome-ignore format: pairs
  {
    name: 'of a deleted experiment',
    before: [['experiments/delete', {}]],
    server: DELETED,
    headrace: 'HEADRACE_RUN_DELETED',
  },
  {
    name: 'of a deleted and restored experiment',
    before: [['experiments/delete', {}], ['experiments/restore', {}]], // biome-ignore format: pairs
    server: 'ok',
    headrace: 'lands',
  },
  {
    name: 'unknown',
    runId: '0'.repeat(32),
    server: { code: 'RESOURCE_DOES_NOT_EXIST', text: 'Run with id=' },
    headrace: 'HEADRACE_RUN_NOT_FOUND',
  },
  {
    name: 'with an id that can be none',
    runId: 'a/b',
    server: invalid('Invalid value "a/b"'),
    batchesOnly: true,
    headrace: 'HEADRACE_OPTION',
  },
];

// ---- how much one request holds; headrace cuts what is more ----

export interface LimitCase {
  readonly params: number;
  readonly metrics: number;
  readonly tags: number;
  readonly server: Verdict;
}

const tooMany = (text: string): Refusal => invalid(`A batch logging request can contain at most ${text}`);

export const LIMIT_CASES: readonly LimitCase[] = [
  { params: 100, metrics: 0, tags: 0, server: 'ok' },
  { params: 101, metrics: 0, tags: 0, server: tooMany('100 params') },
  { params: 0, metrics: 1000, tags: 0, server: 'ok' },
  { params: 0, metrics: 1001, tags: 0, server: tooMany('1000 metrics') },
  { params: 0, metrics: 0, tags: 100, server: 'ok' },
  { params: 0, metrics: 0, tags: 101, server: tooMany('100 tags') },
  { params: 50, metrics: 900, tags: 50, server: 'ok' },
  { params: 51, metrics: 900, tags: 50, server: tooMany('1000 metrics, params, and tags') },
];

// ---- metrics ----

export interface MetricRow {
  /** Default: `m`. */
  readonly key?: string;
  /** As it stands in the request, JSON. */
  readonly value: string;
  readonly step?: number;
  /** As it stands in the request; default 1000. */
  readonly timestamp?: string;
}

export interface MetricCase {
  readonly name: string;
  readonly rows: readonly MetricRow[];
  readonly server: Verdict;
  readonly headrace: Fate;
  /** What `runs/get` shows, and how many rows of history there are. */
  readonly latest?: readonly [step: number, timestamp: string, value: number];
  readonly history: number;
}

const alone = (value: string, read: number): MetricCase => ({
  name: value,
  rows: [{ value }],
  server: 'ok',
  headrace: 'lands',
  latest: [0, '1000', read],
  history: 1,
});

/** Of one step and timestamp, in this order, each in a request of its own. */
const sameMoment = (values: readonly string[], latest: number): MetricCase => ({
  name: `${values.join(' then ')} at one moment`,
  rows: values.map((value) => ({ value })),
  server: 'ok',
  headrace: 'lands',
  latest: [0, '1000', latest],
  history: 2,
});

const LARGEST = 1.7976931348623157e308;
const ORDER: ReadonlyArray<readonly [step: number, timestamp: string, value: string]> = [
  [0, '100', '1000'],
  [3, '40', '100'],
  [3, '50', '10'],
  [3, '50', '20'],
  [3, '50', '20'],
  [-3, '900', '900'],
  [-1, '800', '800'],
];

export const METRIC_CASES: readonly MetricCase[] = [
  {
    name: 'the latest by step, timestamp and value',
    rows: ORDER.map(([step, timestamp, value]) => ({ step, timestamp, value })),
    server: 'ok',
    headrace: 'lands',
    latest: [3, '50', 20],
    history: 6,
  },
  alone('"NaN"', Number.NaN),
  alone('"Infinity"', LARGEST),
  alone('"-Infinity"', -LARGEST),
  alone('-0.0', 0),
  alone('5e-324', 5e-324),
  alone('0.30000000000000004', 0.30000000000000004),
  sameMoment(['-5', '"NaN"'], Number.NaN),
  sameMoment(['5', '"NaN"'], 5),
  sameMoment(['"NaN"', '-5'], Number.NaN),
  {
    name: 'a timestamp before 1970',
    rows: [{ value: '1', timestamp: '-1' }],
    server: invalid('Timestamp must be a nonnegative long'),
    headrace: 'HEADRACE_INVALID_VALUE',
    history: 0,
  },
  {
    name: 'a step below 0',
    rows: [{ value: '1', step: -5 }],
    server: 'ok',
    headrace: 'lands',
    latest: [-5, '1000', 1],
    history: 1,
  },
  {
    name: 'the largest timestamp',
    rows: [{ value: '1', timestamp: '"9223372036854775807"' }],
    server: 'ok',
    // Not an integer that JavaScript can tell from its neighbours.
    headrace: 'HEADRACE_INVALID_VALUE',
    latest: [0, '9223372036854775807', 1],
    history: 1,
  },
];

// ---- metrics that are sent again, as a retry does ----

export interface ResendCase {
  readonly name: string;
  readonly requests: ReadonlyArray<readonly MetricRow[]>;
  /** To the last request. */
  readonly server: Verdict;
  /** Rows that headrace leaves there, who lands all of it whatever the server. */
  readonly rows: number;
}

const steps = (from: number, to: number): MetricRow[] =>
  Array.from({ length: to - from }, (_, i) => ({ value: String(i + from), step: i + from }));
const keys = (count: number): MetricRow[] => Array.from({ length: count }, (_, i) => ({ key: `m${i}`, value: '1' }));
const REFUSES_NAN: Refusal = { ...UNIQUE_METRIC, by: ['2.22.5', '3.4.0', '3.12.0'] };

export const RESEND_CASES: readonly ResendCase[] = [
  { name: 'one key, 1000 rows twice', requests: [steps(0, 1000), steps(0, 1000)], server: 'ok', rows: 1000 },
  { name: '500 rows, then rows 250 to 749', requests: [steps(0, 500), steps(250, 750)], server: 'ok', rows: 750 },
  {
    name: 'infinities, zeros and a denormal twice',
    requests: Array.from({ length: 2 }, () =>
      ['"Infinity"', '"-Infinity"', '0', '-0.0', '5e-324'].map((value, step) => ({ value, step })),
    ),
    server: 'ok',
    rows: 5,
  },
  { name: 'a NaN row twice', requests: [[{ value: '"NaN"' }], [{ value: '"NaN"' }]], server: REFUSES_NAN, rows: 1 },
  { name: 'a NaN row twice in one request', requests: [[{ value: '"NaN"' }, { value: '"NaN"' }]], server: REFUSES_NAN, rows: 1 },
  {
    name: 'a NaN row again among new rows',
    requests: [[{ value: '"NaN"' }], [...steps(1, 20), { value: '"NaN"' }, ...steps(20, 40), { value: '"NaN"', step: 40 }]],
    server: REFUSES_NAN,
    rows: 41,
  },
  { name: '100 distinct keys twice', requests: [keys(100), keys(100)], server: 'ok', rows: 100 },
  {
    name: '101 distinct keys twice',
    requests: [keys(101), keys(101)],
    server: { ...UNIQUE_METRIC, by: ['2.22.5', '3.4.0'] },
    rows: 101,
  },
];

// ---- values of a wrong type: accepted with status 200, and the rest of the request is lost ----

export interface TypeCase {
  readonly name: string;
  /** What follows run_id in a request. */
  readonly request: string;
  /** What the server then has; undefined: status 500 and a page of HTML. */
  readonly stored: Content | undefined;
  /** The same as a program logs it; what headrace makes of each, and what is stored. */
  readonly logged: ReadonlyArray<{ readonly param?: unknown; readonly tag?: unknown; readonly metric?: readonly [value: unknown, step?: unknown, timestamp?: unknown]; readonly headrace: Fate }>; // biome-ignore format: one line
  readonly byHeadrace: Content;
}

const AFTER = '"params":[{"key":"after","value":"1"}]';

export const TYPE_CASES: readonly TypeCase[] = [
  ...[
    ['a number', '5', 5, '5'],
    ['true', 'true', true, 'true'],
    ['an array', '[1]', [1], '[1]'],
    ['an object', '{"x":1}', { x: 1 }, '{"x":1}'],
  ].map(
    ([name, json, param, text]): TypeCase => ({
      name: `${String(name)} as a param's value`,
      request: `"params":[{"key":"a","value":"1"},{"key":"p","value":${String(json)}},{"key":"c","value":"3"}],"tags":[{"key":"t","value":"x"}]`,
      stored: { params: { a: '1', p: '' } },
      logged: [{ param, headrace: 'lands' }],
      byHeadrace: { params: { p: String(text) } },
    }),
  ),
  {
    name: 'null as a param’s value',
    request: '"params":[{"key":"p","value":null},{"key":"c","value":"3"}]',
    stored: { params: { p: '', c: '3' } },
    logged: [{ param: null, headrace: 'lands' }],
    byHeadrace: { params: { p: 'null' } },
  },
  {
    name: 'a number as a tag’s value',
    request: `"tags":[{"key":"t","value":5}],${AFTER}`,
    stored: { params: {}, tags: { t: '' } },
    logged: [{ tag: 5, headrace: 'HEADRACE_INVALID_VALUE' }],
    byHeadrace: { params: {} },
  },
  {
    name: 'a bare NaN',
    request: `"metrics":[{"key":"m","value":NaN,"timestamp":1000,"step":3}],${AFTER}`,
    stored: { params: {}, metrics: { m: 0 } },
    logged: [{ metric: [Number.NaN, 3, 1000], headrace: 'lands' }],
    byHeadrace: { params: {}, metrics: { m: Number.NaN } },
  },
  {
    name: 'a timestamp that is no whole number',
    request: `"metrics":[{"key":"m","value":1,"timestamp":1.5,"step":3}],${AFTER}`,
    stored: { params: {}, metrics: { m: 1 } },
    logged: [{ metric: [1, 3, 1.5], headrace: 'HEADRACE_INVALID_VALUE' }],
    byHeadrace: { params: {} },
  },
  {
    name: 'a step that is no whole number',
    request: `"metrics":[{"key":"m","value":1,"timestamp":1000,"step":1.5}],${AFTER}`,
    stored: { params: {}, metrics: { m: 1 } },
    logged: [{ metric: [1, 1.5, 1000], headrace: 'HEADRACE_INVALID_VALUE' }],
    byHeadrace: { params: {} },
  },
  {
    name: 'null for the params',
    request: '"params":null,"tags":[{"key":"t","value":"x"}]',
    stored: undefined,
    logged: [],
    byHeadrace: { params: {} },
  },
];

/** Of a table with one entry per case. */
export const CASE_COUNT: number = [
  KEY_CASES,
  VALUE_CASES,
  RELOG_CASES,
  RUN_CASES,
  LIMIT_CASES,
  METRIC_CASES,
  RESEND_CASES,
  TYPE_CASES,
].reduce((sum, table) => sum + table.length, 0);
