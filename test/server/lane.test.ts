/** A tracker on a server that is well: what goes when, in which order, and how much at a time. */
import { describe, expect, test } from 'vitest';
import { LogFailuresError, ParamConflictError, type Run } from '../../src/index.js';
import { failureOf, until } from '../tracker/waiting.js';
import { Served } from './served.js';
import { useWarnings } from './warnings.js';

const warnings = useWarnings();

interface Body {
  readonly params?: readonly { key: string; value: unknown }[];
  readonly metrics?: readonly { key: string; value: unknown; timestamp: unknown; step: unknown }[];
  readonly tags?: readonly { key: string; value: unknown }[];
}

/** The requests' bodies; the test says what it expects to be in them. */
function bodies(served: Served, runId?: string): Body[] {
  return served.fake.batches(runId).map(({ body }) => JSON.parse(body) as Body);
}

describe('startRun', () => {
  test('returns before the server has been asked, and what is logged meanwhile lands in the order logged', async () => {
    const served = await Served.start();
    served.fake.delayMs = 100;
    const tracker = served.tracker();
    const run = tracker.startRun({ experiment: 'digits', tags: { first: 'tag' }, params: { lr: 0.1 } });
    expect(run.id).toMatch(/^[0-9a-f]{32}$/);
    expect(served.fake.seen).toEqual([]);
    for (let i = 0; i < 50; i++) {
      run.logMetric('loss', i / 2, i);
      run.setTag('at', String(i));
    }
    expect((await run.flush()).landed).toBe(101);
    const id = await run.storeId;
    expect(id).not.toBe(run.id);
    const { journal, tags, experimentId, status } = served.run(id);
    expect(journal.filter((line) => line.startsWith('metric'))).toEqual(Array.from({ length: 50 }, (_, i) => `metric loss@${i}`));
    expect([tags.get('at'), tags.get('first'), tags.get('headrace.run_id')]).toEqual(['49', 'tag', run.id]);
    expect([served.params(id), status, experimentId]).toEqual([{ lr: '0.1' }, 'RUNNING', '1']);
    await run.end('FAILED');
    expect(served.run(id).status).toBe('FAILED');
    expect(served.run(id).endTime).toBeGreaterThan(1_700_000_000_000);
  });

  test('of which the server makes nothing refuses what was logged, by both receipts and storeId', async () => {
    const served = await Served.start();
    served.fake.state.addExperiment('gone').deleted = true;
    const run = served.tracker({ experiment: 'gone' }).startRun();
    const receipt = run.logParam('k', 1);
    expect(await failureOf(Error, receipt)).toMatchObject({ code: 'HEADRACE_EXPERIMENT', experiment: 'gone' });
    expect(await failureOf(Error, run.storeId)).toMatchObject({ code: 'HEADRACE_EXPERIMENT' });
    await run.end('FINISHED', { throwOnFailure: false });
    expect(served.fake.state.runs.size).toBe(0);
  });
});

describe('what goes on the wire', () => {
  test('of every kind of value is a text, an integer, a finite number or one of three words, run_id first', async () => {
    const served = await Served.start();
    const tracker = served.tracker();
    const run = tracker.startRun();
    const values = {
      text: 'größe "\\\u0001\n\u2028 学 😀',
      empty: '',
      integer: 5,
      real: 0.1,
      small: 5e-324,
      huge: 1e300,
      minusZero: -0,
      nan: Number.NaN,
      infinite: Number.POSITIVE_INFINITY,
      yes: true,
      none: null,
      large: 2n ** 70n,
      date: new Date(5),
      url: new URL('http://127.0.0.1/a'),
      list: [1, 'a', null, [true]],
      numbers: new Float32Array([1.5, Number.NaN]),
      set: new Set([1, 2]),
      tree: { deep: { er: [] } },
      map: new Map([['k', 1]]),
    };
    run.logParams(values);
    for (const [key, value] of Object.entries(values)) run.logParam(`one ${key}`, value);
    const numbers = [0.1 + 0.2, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324, 1e300, 1e21, 1e-7];
    for (const [i, value] of numbers.entries()) run.logMetric(`m${i}`, value, i % 2 === 0 ? i : -(2 ** 53 - 1), 2 ** 53 - 1);
    run.logMetric('now', 1);
    run.setTags({ tag: '5', emoji: '😀'.repeat(100) });
    const lone = run.logParam('lone', 'a\ud800b');
    const refused = await failureOf(LogFailuresError, run.end());
    expect([refused.count, lone.state]).toEqual([1, 'failed']);

    const sent = bodies(served);
    for (const { body } of served.fake.seen.filter(({ path }) => /log-batch|runs\/update/.test(path))) {
      expect(body).toMatch(/^\{"run_id":"[0-9a-f]{32}"/);
    }
    for (const { params = [], tags = [], metrics = [] } of sent) {
      for (const { key, value } of [...params, ...tags])
        expect([typeof value, String(value).isWellFormed()], key).toEqual(['string', true]);
      for (const { key, value, timestamp, step } of metrics) {
        expect(Number.isFinite(value) || ['NaN', 'Infinity', '-Infinity'].includes(String(value)), key).toBe(true);
        expect([Number.isSafeInteger(timestamp), Number.isSafeInteger(step)], key).toEqual([true, true]);
      }
    }
    // The server reads as leniently as MLflow does: what it could not read would be missing now.
    const id = await run.storeId;
    const stored = served.params(id);
    expect(stored).toMatchObject({
      text: values.text,
      empty: '',
      real: '0.1',
      large: String(2n ** 70n),
      yes: 'true',
      'map.k': '1',
    });
    expect(Object.keys(stored).length).toBe(sent.flatMap(({ params = [] }) => params).length);
    expect(Object.keys(stored).length).toBeGreaterThan(2 * Object.keys(values).length - 2);
    const history = [...served.run(id).metrics.values()].filter(({ key }) => key !== 'now').map(({ value }) => value);
    const clamped = numbers.map((value) =>
      Math.abs(value) === Number.POSITIVE_INFINITY ? Math.sign(value) * Number.MAX_VALUE : value + 0,
    );
    expect(history).toEqual(clamped);
    expect(served.run(id).tags.get('tag')).toBe('5');
  });
});

describe('batches', () => {
  test('one request of a run at a time, each full while the one before was away', async () => {
    const served = await Served.start();
    const tracker = served.tracker();
    const run = tracker.startRun();
    await run.flush();
    const id = await run.storeId;
    const first = served.fake.fault({ path: 'runs/log-batch' }, { hang: 'before applying' });
    run.logMetric('first', 1);
    await until('the first request', () => first.fired === 1);
    for (let i = 0; i < 3000; i++) run.logMetric('loss', i, i);
    for (let i = 0; i < 249; i++) run.logParam(`p${i}`, i);
    // The worker has all of them, and not only what it had taken by the time of the answer.
    await run.logParam('p249', 249).durable();
    first.release();
    const report = await run.flush();
    expect([report.landed, report.failed]).toEqual([3251, 0]);
    const sizes = bodies(served, id).map(({ metrics = [], params = [] }) => [metrics.length, params.length]);
    expect(sizes.slice(0, 4)).toEqual([[1, 0], [1000, 0], [1000, 0], [1000, 0]]); // biome-ignore format: a table
    expect(sizes.slice(4)).toEqual([[0, 100], [0, 100], [0, 50]]); // biome-ignore format: a table
  });

  test('a single record on an idle tracker does not wait for more', async () => {
    const served = await Served.start();
    const run = served.tracker().startRun();
    await run.flush();
    for (let i = 0; i < 5; i++) await run.logParam(`p${i}`, i);
    expect(served.fake.batches().length).toBe(5);
  });

  test('runs go side by side, on as many connections as are allowed, and never two requests of one', async () => {
    const served = await Served.start();
    served.fake.delayMs = 20;
    const tracker = served.tracker();
    const runs = Array.from({ length: 16 }, () => tracker.startRun());
    for (let i = 0; i < 200; i++) {
      for (const run of runs) {
        run.logMetric('loss', i, i);
        run.setTag('at', String(i));
      }
      if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await tracker.close();
    expect(served.fake.most.ofOneRun).toBe(1);
    expect(served.fake.most.all).toBeGreaterThan(3);
    expect(served.fake.most.all).toBeLessThanOrEqual(10);
    for (const run of runs) {
      const { journal, tags } = served.run(await run.storeId);
      expect(tags.get('at')).toBe('199');
      expect(journal.filter((line) => line.startsWith('metric'))).toEqual(
        Array.from({ length: 200 }, (_, i) => `metric loss@${i}`),
      );
    }
  });
});

describe('a run that is stuck', () => {
  test('delays no other: its request hangs, the others land', async () => {
    const served = await Served.start();
    const tracker = served.tracker();
    const [stuck, other] = [tracker.startRun(), tracker.startRun()];
    await tracker.flush();
    const fault = served.fake.fault({ path: 'runs/log-batch', runId: await stuck.storeId }, { hang: 'before applying' });
    const receipt = stuck.logParam('k', 1);
    await until('its request', () => fault.fired === 1);
    for (let i = 0; i < 20; i++) await other.logMetric('loss', i, i);
    await tracker.startRun().end();
    expect(receipt.state).toBe('durable');
    fault.release();
    await receipt;
  });

  test('without permission for it (403): the others land, one event and one line tell of it, and few requests ask', async () => {
    const served = await Served.start();
    const tracker = served.tracker();
    const down: string[] = [];
    tracker.on('backend-down', ({ message }) => void down.push(message));
    const [forbidden, other] = [tracker.startRun(), tracker.startRun()];
    await tracker.flush();
    const fault = served.fake.fault(
      { runId: await forbidden.storeId },
      { answer: { status: 403, headers: { 'content-type': 'text/html' }, body: 'Permission denied' } },
      Number.POSITIVE_INFINITY,
    );
    const receipts = [forbidden.logParam('k', 1), forbidden.logMetric('m', 1)];
    await until('the event', () => down.length > 0);
    for (let i = 0; i < 10; i++) await other.logMetric('loss', i, i);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(receipts.map(({ state }) => state)).toEqual(['durable', 'durable']);
    expect(down).toEqual([expect.stringMatching(/403.*Permission denied/s)]);
    expect(warnings.of(served.fake.url)).toEqual([expect.stringMatching(/403.*waits/s)]);
    expect(fault.fired).toBeLessThanOrEqual(2);
    fault.stop();
  });
});

describe('errors', () => {
  test('of a run show both of its ids', async () => {
    const served = await Served.start();
    const run: Run = served.tracker().startRun();
    await run.logParam('lr', 0.1);
    const id = await run.storeId;
    served.run(id).params.set('theirs', 'x');
    for (const [key, storedValue] of [
      ['lr', '0.1'],
      ['theirs', 'x'],
    ] as const) {
      // biome-ignore format: pairs
      const error = await failureOf(ParamConflictError, run.logParam(key, 'other'));
      expect(error).toMatchObject({ runId: run.id, storeId: id, key, storedValue, newValue: 'other' });
      expect(error.message).toContain(run.id);
      expect(error.message).toContain(id);
    }
    served.run(id).deleted = true;
    const error = await failureOf(Error, run.logParam('late', 1));
    expect(error).toMatchObject({ code: 'HEADRACE_RUN_DELETED', runId: run.id, storeId: id });
    expect(error.message).toContain(id);
  });
});
