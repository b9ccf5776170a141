/**
 * What headrace puts on the wire. A server answers 200 to a value of a wrong type and loses the rest of the
 * request (conformance-cases.ts has it), so each request is looked at on its way, and all is read back.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { createTracker, type Receipt, type Tracker, type TrackerOptions } from '../../src/index.js';
import { take } from '../../src/params/take.js';
import { valueText } from '../../src/params/value.js';
import { double, loggable } from '../params/loggable.js';
import { SERVERS } from './mlflow-versions.js';
import { type Exchange, RecordingProxy } from './recording-proxy.js';
import { type MetricPoint, sorted } from './seen.js';
import { ServerPlace } from './server-place.js';

const SEED = 20_241_123;

/** A value of each kind, and its texts. */
const KINDS: ReadonlyArray<readonly [value: unknown, js: string, python: string]> = [
  ['adam', 'adam', 'adam'],
  ['', '', ''],
  ['  a\r\n\t\x01 "\\/ \u2028 😀', '  a\r\n\t\x01 "\\/ \u2028 😀', '  a\r\n\t\x01 "\\/ \u2028 😀'],
  ['\\ud800', '\\ud800', '\\ud800'],
  ['😀'.repeat(6000), '😀'.repeat(6000), '😀'.repeat(6000)],
  [42, '42', '42'],
  [0.1, '0.1', '0.1'],
  [-0, '-0', '-0.0'],
  [5e-324, '5e-324', '5e-324'],
  [1e21, '1e+21', '1e+21'],
  [2 ** 53, '9007199254740992', '9007199254740992.0'],
  [Number.NaN, 'NaN', 'nan'],
  [Number.POSITIVE_INFINITY, 'Infinity', 'inf'],
  [Number.NEGATIVE_INFINITY, '-Infinity', '-inf'],
  [12_345_678_901_234_567_890n, '12345678901234567890', '12345678901234567890'],
  [true, 'true', 'True'],
  [false, 'false', 'False'],
  [null, 'null', 'None'],
  [new Date(Date.UTC(2024, 0, 2, 3, 4, 5)), '2024-01-02T03:04:05.000Z', '2024-01-02 03:04:05+00:00'],
  [new URL('https://example.org/a b'), 'https://example.org/a%20b', 'https://example.org/a%20b'],
  [/^conv\d+/i, '/^conv\\d+/i', '/^conv\\d+/i'],
  [[1, 'a', null, true, Number.NaN], '[1,"a",null,true,NaN]', "[1, 'a', None, True, nan]"],
  [new Float32Array([1, 0.1]), '[1,0.10000000149011612]', '[1.0, 0.10000000149011612]'],
  [new Uint8Array([1, 255]), '[1,255]', '[1, 255]'],
  [new BigInt64Array([1n, -1n]), '[1,-1]', '[1, -1]'],
  [{ a: 1, b: { c: [] } }, '{"a":1,"b":{"c":[]}}', "{'a': 1, 'b': {'c': []}}"],
  [new Map<unknown, unknown>([[2, 'b'], [null, []]]), '{"2":"b","null":[]}', "{2: 'b', None: []}"], // biome-ignore format: pairs
  [new Set([1, 'a']), '[1,"a"]', "{1, 'a'}"],
  [{ toJSON: () => [1, 2] }, '[1,2]', '[1, 2]'],
  [Object('boxed'), 'boxed', 'boxed'],
];

// biome-ignore format: a table
const VALUES: readonly number[] = [
  Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0, 5e-324, -5e-324, 0.1 + 0.2, 1 / 3, 1e21, 1e-7,
  Number.MAX_VALUE, -Number.MAX_VALUE, Number.MAX_SAFE_INTEGER, 2 ** 64, 123_456_789_012_345_680,
];
const STEPS: readonly number[] = [
  0,
  1,
  -1,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31) - 1,
  Number.MAX_SAFE_INTEGER,
  -Number.MAX_SAFE_INTEGER,
];
const TIMESTAMPS: readonly number[] = [0, 1, 1_700_000_000_000, Number.MAX_SAFE_INTEGER];

const TAGS: Readonly<Record<string, string>> = {
  empty: '',
  blanks: '  ',
  lines: 'a\nb\r\nc\td',
  control: '\x01\x02\x1f\x7f\x80',
  quotes: `'"\\/\\u0041 \\ud800 </script>`,
  scripts: '学习率 größe \u2028\u2029\ufeff\u200b e\u0301',
  emoji: '👩‍👩‍👧‍👦',
  long: '🎈'.repeat(8000),
  'mlflow.note.content': '# A note',
};

describe.each([SERVERS[0], SERVERS.at(-1)])('MLflow %s', (version = '') => {
  let place: ServerPlace;
  let proxy: RecordingProxy;

  beforeAll(async () => {
    place = await ServerPlace.start(version);
    proxy = await RecordingProxy.start(place.server.url);
  });

  afterAll(async () => {
    await proxy?.stop();
    await place?.stop();
  });

  beforeEach(() => {
    proxy.exchanges.length = 0;
    // When the test has logged and read back.
    onTestFinished(() => {
      expect(proxy.of('runs/create').length + proxy.of('runs/log-batch').length).toBeGreaterThan(1);
      for (const exchange of proxy.exchanges) expectWellFormed(exchange);
    });
  });

  test.each(['js', 'python'] as const)('params of every kind, valueFormat %s', async (valueFormat) => {
    const values: (readonly [value: unknown, text: string])[] = KINDS.map(([value, js, python]) => [
      value,
      valueFormat === 'js' ? js : python,
    ]);
    for (const { value } of fc.sample(loggable, { numRuns: 400, seed: SEED })) {
      const text = valueText(take(value, 'k'), valueFormat);
      if ([...text].length <= 6000) values.push([value, text]);
    }
    expect(values.length).toBeGreaterThan(400);
    const run = tracker({ valueFormat }).startRun();
    const receipts = values.map(([value], i) => run.logParam(`param ${i}`, value as string)); // whatever can be logged
    receipts.push(run.logParams({ nested: { a: [1n], 'b.c': null, d: new Map([['e', -0]]) } }));
    await landed(receipts);
    const { params } = await place.server.content(await run.storeId);
    for (const [i, [, text]] of values.entries()) expect(params[`param ${i}`]).toBe(text);
    const nested = valueFormat === 'js' ? ['[1]', 'null', '-0'] : ['[1]', 'None', '-0.0'];
    expect(['nested.a', 'nested.b.c', 'nested.d.e'].map((key) => params[key])).toEqual(nested);
    expect(Object.keys(params)).toHaveLength(values.length + nested.length);
  });

  test('metrics of every value, step and timestamp', async () => {
    const run = tracker().startRun();
    const receipts: Receipt[] = [];
    const points: MetricPoint[] = [];
    const log = (key: string, value: number, step: number, timestamp: number): void => {
      receipts.push(run.logMetric(key, value, step, timestamp));
      // MLflow keeps infinities as the largest double, and 0 of -0.
      const kept = Number.isNaN(value) ? value : Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value)) + 0;
      points.push([key, step, timestamp, kept]);
    };
    for (const [i, value] of VALUES.entries()) log(`value ${i}`, value, i, 1000);
    for (const [i, step] of STEPS.entries()) for (const timestamp of TIMESTAMPS) log('place', i + 0.5, step, timestamp);
    for (const [i, value] of fc.sample(double, { numRuns: 500, seed: SEED }).entries()) log('any', value, i, 1000);
    // At the time of the call.
    const from = Date.now();
    receipts.push(
      run.logMetric('now', 1),
      run.logMetric('now', 2, 2 ** 40),
      run.logMetrics({ 'now a': Number.NaN, 'now b': -0 }, 7),
    );
    const to = Date.now();
    await landed(receipts);

    const { history } = await place.server.run(await run.storeId);
    expect(history.filter(([key]) => !key.startsWith('now'))).toEqual(sorted(points));
    const now = history.filter(([key]) => key.startsWith('now'));
    expect(now.map(([key, step, , value]) => [key, step, value])).toEqual([
      ['now', 0, 1],
      ['now', 2 ** 40, 2],
      ['now a', 7, Number.NaN],
      ['now b', 7, 0],
    ]);
    // The clock of the metrics stays within 5 ms.
    for (const [, , timestamp] of now) {
      expect(timestamp).toBeGreaterThanOrEqual(from - 5);
      expect(timestamp).toBeLessThanOrEqual(to + 5);
    }
  });

  test('tags of every text, given at the start, by the environment and later', async () => {
    process.env['MLFLOW_RUN_CONTEXT'] = '{"half": "a\\ud800b", "context": "größe 😀"}';
    onTestFinished(() => {
      delete process.env['MLFLOW_RUN_CONTEXT'];
    });
    const own = tracker();
    const run = own.startRun({ name: 'ランナー 🏃 "one"', experiment: 'größe 学习率 🚀', tags: TAGS });
    const later = Object.fromEntries(Object.entries(TAGS).map(([key, value]) => [`later ${key}`, value]));
    await landed([run.setTags(later), run.setTag('empty', 'no more'), run.setTag('mlflow.runName', 'renamed')]);
    await run.end('KILLED');
    const { tags } = await place.server.content(await run.storeId);
    expect(tags).toMatchObject({
      ...TAGS,
      ...later,
      empty: 'no more',
      half: 'a\ufffdb',
      context: 'größe 😀',
      'mlflow.runName': 'renamed',
      'headrace.run_id': run.id,
    });
    expect(await place.server.run(await run.storeId)).toMatchObject({ name: 'renamed', status: 'KILLED' });
    // And what resuming sends.
    const again = own.startRun({ runId: run.id, name: 'resumed', tags: { emoji: '🏁' } });
    await again.end();
    expect((await place.server.content(await run.storeId)).tags).toMatchObject({ emoji: '🏁', 'mlflow.runName': 'resumed' });
  });

  test('no request holds more than a server takes, however much is logged at once', async () => {
    // Room for all of it: the caller would wait in place for more, and the proxy lives on the same thread.
    const run = tracker({ ringBytes: 2 ** 24 }).startRun();
    const receipts: Receipt[] = [];
    const long = '😀'.repeat(6000);
    for (let i = 0; i < 350; i++) {
      receipts.push(run.logParam(`p${i}`, i % 3 === 0 ? long : i), run.setTag(`t${i}`, i % 5 === 0 ? long : 'v'));
      receipts.push(run.logMetric(`m${i}`, i, 0, 1000), run.logMetric('m', i, i, 1000));
    }
    for (let step = 0; step < 5000; step++) receipts.push(run.logMetric('loss', step, step, 1000));
    await landed(receipts);
    const runId = await run.storeId;
    const count = (table: string): number =>
      Number(place.rows(`SELECT count(*) AS n FROM ${table} WHERE run_uuid = ?`, runId)[0]?.n);
    expect([count('params'), count('metrics')]).toEqual([350, 5700]);
    expect(Object.keys((await place.server.content(runId)).tags).filter((key) => /^t\d+$/.test(key))).toHaveLength(350);
    const bytes = proxy.of('runs/log-batch').map(({ body }) => Buffer.byteLength(body));
    // One of them was cut for its bytes and not for its count.
    expect(Math.max(...bytes)).toBeGreaterThan(500_000);
  });

  function tracker(options: TrackerOptions = {}): Tracker {
    const made = createTracker({ uri: proxy.url, ...options });
    onTestFinished(async () => {
      await made.close({ throwOnFailure: false });
    });
    return made;
  }
});

async function landed(receipts: readonly Receipt[]): Promise<void> {
  await Promise.all(receipts);
}

function expectWellFormed({ method, path, headers, body, status }: Exchange): void {
  expect(headers).not.toHaveProperty('transfer-encoding');
  expect(headers).not.toHaveProperty('content-encoding');
  if (method === 'GET') {
    expect(body).toBe('');
    return;
  }
  expect([method, path, status]).toEqual(['POST', path, 200]);
  expect(headers['content-type']).toMatch(/^application\/json\b/);
  expect(headers['content-length']).toBe(String(Buffer.byteLength(body)));
  const fields: unknown = JSON.parse(body);
  expectNothingLost(fields);
  if (path.endsWith('/runs/log-batch')) expectBatch(body, fields);
  if (path.endsWith('/runs/create')) expectCreation(fields);
  if (path.endsWith('/runs/update')) expectUpdate(fields);
}

/** No null, no half of a surrogate pair anywhere: at both a server stops reading. */
function expectNothingLost(value: unknown): void {
  expect(value).not.toBeNull();
  if (typeof value === 'string') expect(value.isWellFormed()).toBe(true);
  if (typeof value !== 'object' || value === null) return;
  for (const [key, part] of Object.entries(value)) {
    expectNothingLost(key);
    expectNothingLost(part);
  }
}

function expectBatch(body: string, fields: unknown): void {
  expect(body).toMatch(/^\{"run_id":"[0-9a-f]{32}"/);
  expect(fields).toEqual({ run_id: expect.any(String), ...optional(fields, 'params', 'metrics', 'tags') });
  // Just checked.
  const { params = [], metrics = [], tags = [] } = fields as Record<'params' | 'metrics' | 'tags', unknown[] | undefined>;
  for (const item of [...params, ...tags]) expect(item).toEqual({ key: expect.any(String), value: expect.any(String) });
  for (const item of metrics) {
    expect(item).toEqual({
      key: expect.any(String),
      value: expect.anything(),
      timestamp: expect.any(Number),
      step: expect.any(Number),
    });
    // Just checked.
    const { value, timestamp, step } = item as { value: unknown; timestamp: number; step: number };
    if (typeof value === 'number') expect(Number.isFinite(value)).toBe(true);
    else expect(['NaN', 'Infinity', '-Infinity']).toContain(value);
    expect([Number.isSafeInteger(timestamp), timestamp >= 0, Number.isSafeInteger(step)]).toEqual([true, true, true]);
  }
  // Spelled as integers, too: of 1e3 or 1000.0 not every reader makes one.
  expect(body).not.toMatch(/"(?:timestamp|step)":(?!-?\d+[,}])/);
  expect(params.length).toBeLessThanOrEqual(100);
  expect(tags.length).toBeLessThanOrEqual(100);
  expect(metrics.length).toBeLessThanOrEqual(1000);
  expect(params.length + tags.length + metrics.length).toBeLessThanOrEqual(1000);
  expect(Buffer.byteLength(body)).toBeLessThanOrEqual(1_000_000);
  // Each has the fields that were just checked.
  const names = params.map((item) => (item as { key: string }).key);
  expect(new Set(names).size).toBe(names.length);
}

function expectCreation(fields: unknown): void {
  expect(fields).toEqual({
    experiment_id: expect.any(String),
    user_id: expect.any(String),
    start_time: expect.any(Number),
    tags: expect.any(Array),
    ...optional(fields, 'run_name'),
  });
  // Just checked.
  const { start_time, tags } = fields as { start_time: number; tags: unknown[] };
  expect(Number.isSafeInteger(start_time)).toBe(true);
  for (const tag of tags) expect(tag).toEqual({ key: expect.any(String), value: expect.any(String) });
}

function expectUpdate(fields: unknown): void {
  expect(fields).toEqual({ run_id: expect.any(String), status: expect.any(String), ...optional(fields, 'end_time', 'run_name') });
  // Just checked.
  const { status, end_time = 0 } = fields as { status: string; end_time?: number };
  expect(['RUNNING', 'FINISHED', 'FAILED', 'KILLED']).toContain(status);
  expect(Number.isSafeInteger(end_time)).toBe(true);
}

/** What a request may leave out: of these, those that it has. */
function optional(fields: unknown, ...names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(Object(fields)).filter(([name]) => names.includes(name)));
}
