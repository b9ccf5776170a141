/** The fake is as hard on a client as MLflow is: one that were kinder would let a mistake of ours pass. */
import { request } from 'node:http';
import { describe, expect, test } from 'vitest';
import { Served } from './served.js';

interface Said {
  readonly status: number;
  readonly body: string;
}

function send(served: Served, path: string, body: string, headers: Record<string, string> = {}): Promise<Said> {
  return new Promise((resolve, reject) => {
    const all = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)), ...headers };
    const call = request(`${served.fake.url}/api/2.0/mlflow/${path}`, { method: 'POST', headers: all }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    call.on('error', reject);
    call.end(body);
  });
}

async function logBatch(served: Served, id: string, rest: string): Promise<Said> {
  return send(served, 'runs/log-batch', `{"run_id":"${id}",${rest}}`);
}

describe('a value of a wrong type is taken with 200, and it and all after it are lost', () => {
  test.each([
    [
      'a number as a param',
      '"params":[{"key":"a","value":"1"},{"key":"b","value":5},{"key":"c","value":"3"}],"tags":[{"key":"t","value":"x"}]',
      { a: '1', b: '' },
      0,
    ],
    ['half a surrogate pair', '"params":[{"key":"a","value":"x\\ud800"},{"key":"c","value":"3"}]', { a: '' }, 0],
    ['null, after which it goes on', '"params":[{"key":"a","value":null},{"key":"c","value":"3"}]', { a: '', c: '3' }, 0],
    [
      'a step that is no integer',
      '"metrics":[{"key":"m","value":1,"timestamp":1,"step":1.5},{"key":"n","value":1,"timestamp":1}],"params":[{"key":"a","value":"1"}]',
      {},
      1,
    ],
    ['NaN without quotes', '"metrics":[{"key":"m","value":NaN,"timestamp":7}],"params":[{"key":"a","value":"1"}]', {}, 1],
    [
      'NaN in quotes, which is right',
      '"metrics":[{"key":"m","value":"NaN","timestamp":7}],"params":[{"key":"a","value":"1"}]',
      { a: '1' },
      1,
    ],
  ])('%s', async (_case, rest, params, metrics) => {
    const served = await Served.start();
    const run = served.fake.state.addRun();
    expect(await logBatch(served, run.id, rest)).toEqual({ status: 200, body: '{}' });
    expect([Object.fromEntries(run.params), run.metrics.size, run.tags.size]).toEqual([params, metrics, 0]);
  });

  test('run_id behind it is lost as well', async () => {
    const served = await Served.start();
    const { id } = served.fake.state.addRun();
    const { status, body } = await send(served, 'runs/log-batch', `{"params":[{"key":"a","value":5}],"run_id":"${id}"}`);
    expect([status, body]).toEqual([400, expect.stringContaining(`Invalid value \\"\\" for parameter 'run_id' supplied.`)]);
  });
});

test('what MLflow can’t read is a 500 with a page', async () => {
  const served = await Served.start();
  const { id } = served.fake.state.addRun();
  for (const body of ['[1]', '{', `{"run_id":"${id}","params":null}`, `{"run_id":"${id}","params":["a"]}`]) {
    expect(await send(served, 'runs/log-batch', body)).toMatchObject({
      status: 500,
      body: expect.stringContaining('<title>500'),
    });
  }
  const gzip = await send(served, 'runs/log-batch', `{"run_id":"${id}"}`, { 'content-encoding': 'gzip' });
  expect(gzip.status).toBe(500);
  expect((await send(served, 'runs/log-batch', '{}', { 'content-type': 'text/plain' })).status).toBe(400);
});

test('a batch over a limit, with a key twice or in conflict writes nothing and says so in MLflow’s words', async () => {
  const served = await Served.start();
  const run = served.fake.state.addRun();
  const pairs = (count: number): string =>
    JSON.stringify(Array.from({ length: count }, (_, i) => ({ key: `k${i}`, value: '1' })));
  run.params.set('it', 'is');
  const cases = [
    [`"params":${pairs(101)}`, 'at most 100 params. Got 101 params.'],
    [`"tags":${pairs(101)}`, 'at most 100 tags. Got 101 tags.'],
    ['"params":[{"key":"z","value":"1"},{"key":"z","value":"1"}]', "Duplicate parameter keys have been submitted: ['z']."],
    [
      `"params":[{"key":"new","value":"1"},{"key":"it","value":"isn't"}],"tags":${pairs(1)}`,
      `Changing param values is not allowed. Params were already logged='[{'key': 'it', 'old_value': 'is', 'new_value': "isn't"}]' for run ID='${run.id}'.`,
    ],
    [`"params":[{"key":"a$","value":"1"}]`, `Invalid value "a$" for parameter 'params[0].key' supplied: Names may only contain`],
  ] as const;
  for (const [rest, text] of cases) {
    const { status, body } = await logBatch(served, run.id, rest);
    expect(status).toBe(400);
    expect(JSON.parse(body)).toMatchObject({ error_code: 'INVALID_PARAMETER_VALUE', message: expect.stringContaining(text) });
  }
  expect([Object.fromEntries(run.params), run.tags.size]).toEqual([{ it: 'is' }, 0]);
});

test('an older server minds NaN rows and more than a hundred keys again, and has written the params by then', async () => {
  const served = await Served.start({ olderMetrics: true });
  const run = served.fake.state.addRun();
  const rows = (count: number): string =>
    JSON.stringify(Array.from({ length: count }, (_, i) => ({ key: `m${i}`, value: 1, timestamp: 1, step: 0 })));
  const twice: [string, number][] = [
    [
      '"metrics":[{"key":"n","value":"NaN","timestamp":1}],"params":[{"key":"p","value":"1"}],"tags":[{"key":"t","value":"1"}]',
      400,
    ],
    [`"metrics":${rows(100)}`, 200],
    [`"metrics":${rows(101)}`, 400],
  ];
  for (const [rest, status] of twice) {
    run.metrics.clear();
    run.tags.clear();
    expect((await logBatch(served, run.id, rest)).status).toBe(200);
    run.tags.clear();
    expect((await logBatch(served, run.id, rest)).status).toBe(status);
  }
  expect([run.params.get('p'), run.tags.size]).toEqual(['1', 0]);
});

test('a test whose fault never fires fails', async () => {
  const served = await Served.start();
  const fault = served.fake.fault({ path: 'runs/get' }, { reset: 'before applying' });
  expect(served.fake.unmet()).toEqual([fault]);
  await expect(send(served, 'runs/get', '')).rejects.toThrow();
  expect(served.fake.unmet()).toEqual([]);
});
