import { describe, expect, test } from 'vitest';
import { InvalidKeyError, InvalidValueError, ParamConflictError, type Receipt, ValueTooLongError } from '../../src/index.js';
import { typeTagKey } from '../../src/params/type-tag.js';
import { Stored } from './stored.js';
import { failureOf } from './waiting.js';

describe('one bad record never takes its batch with it', () => {
  test('a hundred good ones around each kind of bad one land', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    run.logParam('taken', 'first');
    const bad: [new (...args: never[]) => Error, () => Receipt][] = [
      [InvalidKeyError, () => run.logParam('a$', 1)],
      [InvalidKeyError, () => run.logMetric('', 1)],
      [InvalidKeyError, () => run.setTag('x'.repeat(251), 'v')],
      [InvalidKeyError, () => run.logParam('half \ud800', 1)],
      [InvalidValueError, () => run.logParam('k', () => 1)],
      [InvalidValueError, () => run.logParam('k', 'nul \0')],
      [InvalidValueError, () => run.logMetric('k', '1' as never)],
      [InvalidValueError, () => run.logMetric('k', 1, 0.5)],
      [ValueTooLongError, () => run.logParam('k', 'x'.repeat(6001))],
      [ValueTooLongError, () => run.setTag('k', 'x'.repeat(8001))],
      [ParamConflictError, () => run.logParam('taken', 'second')],
    ];
    const good: Receipt[] = [];
    const receipts = bad.map(([, log], i) => {
      for (let j = 0; j < 100; j++) good.push(run.logMetric(`good ${i}`, j, j));
      return log();
    });
    for (const [i, [kind]] of bad.entries()) await failureOf(kind, receipts[i] as Receipt);
    await Promise.all(good);
    expect(stored.count('metrics', run.id)).toBe(100 * bad.length);
    expect(stored.params(run.id)).toEqual({ taken: 'first' });
    await run.end();
  });

  test('rows that the database itself refuses are found and told apart', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    await run.flush();
    stored.exec(
      "CREATE TRIGGER no_13 BEFORE INSERT ON metrics WHEN NEW.step % 13 = 7 BEGIN SELECT RAISE(ABORT, 'not this step'); END",
    );
    const receipts = Array.from({ length: 300 }, (_, step) => run.logMetric('m', step, step));
    const outcomes = await Promise.allSettled(receipts);
    expect(outcomes.map(({ status }) => status === 'rejected')).toEqual(receipts.map((_, step) => step % 13 === 7));
    expect(stored.count('metrics', run.id)).toBe(receipts.filter((_, step) => step % 13 !== 7).length);
  });
});

describe('records of a run reach the store in the order logged', () => {
  test('of a thousand values for one tag the last stays', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    const receipts = Array.from({ length: 1000 }, (_, i) => run.setTag('tag', String(i)));
    await receipts[500];
    await Promise.all(receipts);
    expect(stored.tags(run.id)).toEqual({ tag: '999' });
  });

  test('also when batches are as small as can be', async () => {
    const stored = new Stored();
    const run = stored.tracker({ batch: { maxEntities: 1 } }).startRun();
    const seen: number[] = [];
    const receipts = Array.from({ length: 200 }, (_, i) => run.setTags({ tag: String(i), [`tag ${i % 7}`]: String(i) }));
    await Promise.all(
      receipts.map(async (receipt, i) => {
        await receipt;
        seen.push(i);
      }),
    );
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(stored.tags(run.id)).toEqual({
      tag: '199',
      ...Object.fromEntries([196, 197, 198, 199, 193, 194, 195].map((i) => [`tag ${i % 7}`, String(i)])),
    });
  });

  test('of tags in bulk, in the order of the object', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun({ tags: { a: 'start', c: 'start' } });
    await run.setTags({ a: '1', b: '1' });
    await run.setTags({ b: '2', a: '' });
    expect(stored.tags(run.id)).toEqual({ a: '', b: '2', c: 'start' });
  });

  test('the name of a run can be changed by its tag, as in MLflow', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun({ name: 'first' });
    await run.setTag('mlflow.runName', 'second');
    expect(stored.run(run.id)?.name).toBe('second');
  });
});

describe('a value is taken at call time', () => {
  test('what is changed behind a call changes nothing', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    const list = [1, 2, 3];
    const nested = { a: { b: 1 }, list, map: new Map([['k', 'v']]), date: new Date(0), bytes: new Uint8Array([1, 2]) };
    const metrics = { loss: 0.5 };
    const tags = { t: 'before' };
    run.logParam('list', list);
    run.logParam('object', nested);
    run.logParams(nested, { prefix: 'p' });
    run.logMetrics(metrics, 1);
    run.setTags(tags);
    list.push(4);
    nested.a.b = 2;
    nested.map.set('k', 'w');
    nested.date.setTime(1);
    nested.bytes[0] = 9;
    metrics.loss = 9;
    tags.t = 'after';
    await run.flush();
    const params = stored.params(run.id);
    expect(params).toEqual({
      list: '[1,2,3]',
      object: '{"a":{"b":1},"list":[1,2,3],"map":{"k":"v"},"date":"1970-01-01T00:00:00.000Z","bytes":[1,2]}',
      'p.a.b': '1',
      'p.list': '[1,2,3]',
      'p.map.k': 'v',
      'p.date': '1970-01-01T00:00:00.000Z',
      'p.bytes': '[1,2]',
    });
    expect(stored.metrics(run.id)).toEqual([expect.objectContaining({ key: 'loss', value: 0.5, step: 1 })]);
    expect(stored.tags(run.id)).toEqual({
      t: 'before',
      [typeTagKey('object', params['object'] ?? '')]: 'date 5',
      [typeTagKey('p.date', params['p.date'] ?? '')]: 'date',
    });
  });

  test('what startRun was given is taken at its call, too', async () => {
    const stored = new Stored();
    const tags = { t: 'before' };
    const params = { p: { q: [1] } };
    const run = stored.tracker().startRun({ tags, params });
    tags.t = 'after';
    params.p.q.push(2);
    await run.flush();
    expect(stored.tags(run.id)).toEqual({ t: 'before' });
    expect(stored.params(run.id)).toEqual({ 'p.q': '[1]' });
  });

  test('a toJSON that logs by itself disturbs no other record', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    const value = {
      toJSON() {
        run.logParam('inner', 'logged meanwhile');
        return 'outer';
      },
    };
    await Promise.all([run.logParam('outer', value), run.logParams({ a: value, b: 2 })]);
    await run.flush();
    expect(stored.params(run.id)).toEqual({ outer: 'outer', inner: 'logged meanwhile', a: 'outer', b: '2' });
  });
});

describe('values over the limit', () => {
  test('are cut at it when the option says so, never within a character', async () => {
    const stored = new Stored();
    const run = stored.tracker({ onLongValue: 'truncate' }).startRun();
    await run.logParam('p', '😀'.repeat(6001));
    await run.logParam('much', 'x'.repeat(100_000));
    await run.setTag('t', `${'x'.repeat(7999)}😀😀`);
    expect(stored.params(run.id)).toEqual({ p: '😀'.repeat(6000), much: 'x'.repeat(6000) });
    expect(stored.tags(run.id)).toEqual({ t: `${'x'.repeat(7999)}😀` });
  });

  test('of exactly the limit land whole', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    await run.logParam('p', '😀'.repeat(6000));
    await run.setTag('t', '😀'.repeat(8000));
    expect(stored.params(run.id).p).toBe('😀'.repeat(6000));
    expect(stored.tags(run.id).t).toBe('😀'.repeat(8000));
  });
});
