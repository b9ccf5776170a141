import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidKeyError, InvalidValueError, LogFailuresError, ParamConflictError, ValueTooLongError } from '../../src/index.js';
import { Stored } from './stored.js';
import { failure, failureOf } from './waiting.js';

describe('another value for a param that has one', () => {
  test('in one batch: the first goes, the second is refused with both values, the others land', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    const before = run.logParam('before', 1);
    const first = run.logParam('lr', 0.1);
    const second = run.logParam('lr', 0.2);
    const after = run.logParam('after', 1);
    const error = await failureOf(ParamConflictError, second);
    expect(error).toMatchObject({
      code: 'HEADRACE_PARAM_CONFLICT',
      runId: run.id,
      key: 'lr',
      storedValue: '0.1',
      newValue: '0.2',
    });
    for (const part of [run.id, '"lr"', '"0.1"', '"0.2"']) expect(error.message).toContain(part);
    await Promise.all([before, first, after]);
    expect([first.state, second.state]).toEqual(['landed', 'failed']);
    expect(stored.params(run.id)).toEqual({ before: '1', lr: '0.1', after: '1' });
  });

  test('across batches, also when the stored value came from elsewhere', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    await run.logParam('lr', 0.1);
    await failureOf(ParamConflictError, run.logParam('lr', 0.2));
    stored.exec(`INSERT INTO params (key, value, run_uuid) VALUES ('other', 'theirs', '${run.id}')`);
    const error = await failureOf(ParamConflictError, run.logParam('other', 'ours'));
    expect(error).toMatchObject({ storedValue: 'theirs', newValue: 'ours' });
    await run.logParam('other', 'theirs');
    expect(stored.params(run.id)).toEqual({ lr: '0.1', other: 'theirs' });
  });

  test('interleaved with other kinds and other runs, each receipt tells its own outcome', async () => {
    const stored = new Stored();
    const tracker = stored.tracker();
    const [a, b] = [tracker.startRun(), tracker.startRun()];
    const receipts = [
      a.logParam('k', 1),
      b.logParam('k', 2),
      a.setTag('k', 'tag'),
      a.logParam('k', 3),
      b.logParam('k', 2),
      a.logMetric('k', 1),
      b.logParam('k', 4),
      a.logParam('k', 1),
    ];
    const outcomes = await Promise.allSettled(receipts);
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect([stored.params(a.id), stored.params(b.id)]).toEqual([{ k: '1' }, { k: '2' }]);
  });

  test('is judged by the stored one: a first value that is itself refused stands in nobody’s way', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    const tooLong = run.logParam('k', 'x'.repeat(6001));
    const second = run.logParam('k', 'short');
    const third = run.logParam('k', 'other');
    expect(await failureOf(ValueTooLongError, tooLong)).toMatchObject({ length: 6001, limit: 6000 });
    await second;
    expect(await failureOf(ParamConflictError, third)).toMatchObject({ storedValue: 'short', newValue: 'other' });
  });

  test('values that differ as JavaScript and are the same text are no conflict', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    await Promise.all([run.logParam('k', 1), run.logParam('k', '1'), run.logParam('k', 1n), run.logParams({ k: 1 })]);
    await Promise.all([
      run.logParam('o', { a: [1] }),
      run.logParam('o', new Map([['a', new Set([1])]])),
      run.logParam('o', '{"a":[1]}'),
    ]);
    expect(stored.params(run.id)).toEqual({ k: '1', o: '{"a":[1]}' });
  });

  test('in any interleaving of keys, values, runs and waits: the first of a key is stored, equal ones land, others are told', async () => {
    const stored = new Stored();
    const tracker = stored.tracker({ batch: { maxParams: 3 } });
    const call = fc.record({ run: fc.nat(1), key: fc.nat(3), value: fc.nat(2), wait: fc.boolean(), bulk: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 40 }), async (calls) => {
        const runs = [tracker.startRun(), tracker.startRun()] as const;
        const first = runs.map((): Record<string, string> => ({}));
        const checks: PromiseLike<void>[] = [];
        for (const { run, key, value, wait, bulk } of calls) {
          const name = `key ${key}`;
          const known = first[run] ?? {};
          known[name] ??= String(value);
          const expected = known[name] === String(value) ? 'landed' : 'failed';
          const target = runs[run] ?? runs[0];
          const receipt = bulk ? target.logParams({ [name]: value }) : target.logParam(name, value);
          const check = receipt.then(
            () => expect(expected).toBe('landed'),
            () => expect(expected).toBe('failed'),
          );
          checks.push(check);
          if (wait) await check;
        }
        await Promise.all(checks);
        for (const [i, run] of runs.entries()) {
          await run.end();
          expect(stored.params(run.id)).toEqual(first[i]);
        }
      }),
      { numRuns: 40 },
    );
  });

  test('many values in turn for one key: exactly the first lands', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    const receipts = Array.from({ length: 300 }, (_, i) => run.logParam('k', i % 3));
    const outcomes = await Promise.allSettled(receipts);
    expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual(Array.from({ length: 300 }, (_, i) => i % 3 === 0));
    expect(stored.params(run.id)).toEqual({ k: '0' });
  });
});

describe('the same value again', () => {
  test('waiting together: both receipts land, one row is written', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    const [first, again] = [run.logParam('k', 'v'), run.logParam('k', 'v')];
    await Promise.all([first, again]);
    expect([first.state, again.state]).toEqual(['landed', 'landed']);
    expect(stored.count('params', run.id)).toBe(1);
  });

  test('a repeated key fails with the row that it repeats, when the store refuses that row', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    await run.flush();
    stored.exec("CREATE TRIGGER no_k BEFORE INSERT ON params WHEN NEW.key = 'k' BEGIN SELECT RAISE(ABORT, 'not k'); END");
    const [good, first, again] = [run.logParam('good', 1), run.logParam('k', 'v'), run.logParam('k', 'v')];
    for (const receipt of [first, again]) expect(await failure(receipt)).toMatchObject({ code: 'HEADRACE_BATCH_REFUSED' });
    await good;
    expect(stored.params(run.id)).toEqual({ good: '1' });
  });
});

describe('logParams', () => {
  test('that names one key twice, flat and nested: the second conflicts, in the order of the walk', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    const error = await failureOf(LogFailuresError, run.logParams({ 'a.b': 1, a: { b: 2 } }));
    expect(error.keys).toEqual(['a.b']);
    expect(error.errors).toEqual([expect.objectContaining({ code: 'HEADRACE_PARAM_CONFLICT', storedValue: '1', newValue: '2' })]);
    await run.logParams({ a: { b: 1 }, 'a.b': 1 });
    expect(stored.params(run.id)).toEqual({ 'a.b': '1' });
  });

  test('one bad leaf fails alone and is listed; the others land', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    await run.logParam('taken', 'first');
    const receipt = run.logParams({
      fine: 1,
      nested: { alsoFine: 'x', bad: () => 1, worse$: 2 },
      taken: 'second',
      long: 'x'.repeat(6001),
      get throwing(): number {
        throw new Error('boom');
      },
      last: true,
    });
    const error = await failureOf(LogFailuresError, receipt);
    expect(receipt.state).toBe('failed');
    expect(error.count).toBe(5);
    expect([...error.keys].sort()).toEqual(['long', 'nested.bad', 'nested.worse$', 'taken', 'throwing']);
    expect(new Set(error.errors.map((each: unknown) => (each as Error).constructor))).toEqual(
      new Set([InvalidKeyError, InvalidValueError, ParamConflictError, ValueTooLongError]),
    );
    expect(stored.params(run.id)).toEqual({ taken: 'first', fine: '1', 'nested.alsoFine': 'x', last: 'true' });
  });

  test('whose bad leaves are all found at once still waits for the good ones before it rejects', async () => {
    const stored = new Stored();
    const run = stored.tracker().startRun();
    await failureOf(LogFailuresError, run.logParams({ good: 1, bad: undefined }));
    expect(stored.params(run.id)).toEqual({ good: '1' });
  });

  test('prefix and separator make the keys', async () => {
    const stored = new Stored();
    const run = stored.tracker({ separator: '/' }).startRun();
    await run.logParams({ a: { b: 1 }, c: {} }, { prefix: 'p' });
    expect(stored.params(run.id)).toEqual({ 'p/a/b': '1', 'p/c': '{}' });
  });
});
