/** What each kind of answer means for the batch that it is an answer to. */
import { describe, expect, test } from 'vitest';
import { ExperimentError, RunDeletedError, RunNotFoundError } from '../../src/index.js';
import { StoreBusyError } from '../../src/store/store.js';
import { failure, newId, newRun } from '../store/calls.js';
import { LANDED, metric, param, started, tag } from './items.js';
import { type Answer, FORBIDDEN, NOT_FOUND, Refusal, refused, SERVER_ERROR, WRONG_METHOD } from './refusal.js';
import { persist, Served } from './served.js';

const LOG_BATCH = { path: 'runs/log-batch' };
const HTML = { 'content-type': 'text/html' };
const ITEMS = [param('p', '1'), metric('m', 1), tag('t', '1')];
const ALL_LANDED = ITEMS.map(() => LANDED);

async function busyAt(promise: Promise<unknown>): Promise<StoreBusyError> {
  const error = await failure(promise);
  if (error instanceof StoreBusyError) return error;
  throw error;
}

describe.concurrent('an answer that says: not now', () => {
  test.for([408, 429, 502, 503, 504])(
    '%i fails no record: the same batch lands at the next try',
    async (status, { onTestFinished }) => {
      const served = await Served.start({}, onTestFinished);
      const store = await served.store();
      const runId = await started(store);
      served.fake.fault(LOG_BATCH, { answer: { status, headers: HTML, body: '\n<html>\n<title>Gateway</title>' } });
      const { value, busy } = await persist(() => store.land({ runId, items: ITEMS }));
      expect(value).toEqual(ALL_LANDED);
      expect(busy).toEqual([expect.objectContaining({ scope: 'store', needsPerson: false, retryAfterMs: undefined })]);
      expect(busy[0]?.message).toContain(String(status));
      expect(busy[0]?.message).toContain('<html>');
      expect(served.run(runId).journal).toEqual(['param p=1', 'metric m@0', 'tag t=1']);
    },
  );

  test.for<readonly [name: string, answer: Answer]>([
    ['its own page', SERVER_ERROR],
    ['an error of its own', refused(new Refusal('INTERNAL_ERROR', 'it broke'), false)],
  ])('a 500 of a moment, %s, refuses nothing', async ([, answer], { onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    const fault = served.fake.fault(LOG_BATCH, { answer });
    expect((await persist(() => store.land({ runId, items: ITEMS }))).value).toEqual(ALL_LANDED);
    expect(fault.fired).toBe(1);
    expect(served.params(runId)).toEqual({ p: '1' });
  });

  test('a database that is locked is busy, not broken', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    const locked = refused(new Refusal('TEMPORARILY_UNAVAILABLE', '(sqlite3.OperationalError) database is locked'), false);
    served.fake.fault(LOG_BATCH, { answer: locked });
    const { value, busy } = await persist(() => store.land({ runId, items: ITEMS }));
    expect(value).toEqual(ALL_LANDED);
    expect(busy.map(({ message }) => message)).toEqual([expect.stringMatching(/503.*database is locked/s)]);
  });

  test('nobody who listens, a connection that breaks, an answer that never comes: busy, and it lands in the end', async ({
    onTestFinished,
  }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    await served.fake.goDown();
    expect(await busyAt(store.land({ runId, items: [param('down')] }))).toMatchObject({ scope: 'store', needsPerson: false });
    await served.fake.comeBack();
    const faults = [
      served.fake.fault({ body: '"reset"' }, { reset: 'before applying' }, 3),
      served.fake.fault({ body: '"hang"' }, { hang: 'before applying' }),
      served.fake.fault({ body: '"half"' }, { hang: 'in the answer' }),
    ];
    for (const key of ['down', 'reset', 'hang', 'half']) {
      const { value, busy } = await persist(() => store.land({ runId, items: [param(key)] }));
      expect(value).toEqual([LANDED]);
      expect(busy.every(({ scope, needsPerson }) => scope === 'store' && !needsPerson)).toBe(true);
      expect(busy.length, key).toBe(key === 'down' ? 0 : 1);
    }
    expect(faults.map(({ fired }) => fired)).toEqual([3, 1, 1]);
    expect(served.params(runId)).toEqual({ down: 'v', reset: 'v', hang: 'v', half: 'v' });
  });
});

describe('Retry-After', () => {
  const inSeconds = (seconds: number): string => new Date(Date.now() + 1000 * seconds).toUTCString();
  test.each([
    ['seconds', '7', [7000, 7000]],
    ['a date', inSeconds(60), [50_000, 61_000]],
    ['a date that has passed', inSeconds(-60), [0, 0]],
    ['nothing', undefined, undefined],
    ['a word', 'soon', undefined],
  ] as const)('%s', async (_case, header, range) => {
    const served = await Served.start();
    const store = await served.store();
    const runId = await started(store);
    const headers = header === undefined ? {} : { 'retry-after': header };
    served.fake.fault(LOG_BATCH, { answer: { status: 429, headers, body: '' } });
    const { retryAfterMs } = await busyAt(store.land({ runId, items: ITEMS }));
    if (range === undefined) expect(retryAfterMs).toBeUndefined();
    else expect(range[0] <= Number(retryAfterMs) && Number(retryAfterMs) <= range[1], `${retryAfterMs}`).toBe(true);
  });

  test('is left aside when MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER says so', async () => {
    const served = await Served.start();
    const store = await served.store({ respectRetryAfter: false });
    const runId = await started(store);
    served.fake.fault(LOG_BATCH, { answer: { status: 503, headers: { 'retry-after': '7' }, body: '' } });
    expect((await busyAt(store.land({ runId, items: ITEMS }))).retryAfterMs).toBeUndefined();
  });
});

describe('an answer that is not MLflow’s', () => {
  const login = '<!doctype html>\n<title>Sign in</title>\n<form>';
  test.each([
    ['200 with a login page', { status: 200, headers: HTML, body: login }, [/200/, /<!doctype html>/, /Sign in/]],
    ['200 with nothing', { status: 200, headers: {}, body: '' }, [/200/]],
    ['200 with half of an answer', { status: 200, headers: {}, body: '{"run":' }, [/200/, /\{"run":/]],
    ['200 with a list', { status: 200, headers: {}, body: '[]' }, [/200/]],
    ['302 to a login page', { status: 302, headers: { location: 'http://127.0.0.1:1/login' }, body: '' }, [/302/, /\/login/]],
    ['404 with a page', NOT_FOUND, [/404/, /<!doctype html>/]],
    ['404 of another API', { status: 404, headers: {}, body: '{"detail":"Not Found"}' }, [/404/]],
    ['405 with a page', WRONG_METHOD, [/405/, /<!doctype html>/]],
  ] as const)(
    '%s: somebody is told what came, and nothing is refused, lost or taken for landed',
    async (_case, answer, shown) => {
      const served = await Served.start();
      const store = await served.store();
      const runId = await started(store);
      const asked = served.fake.seen.length;
      served.fake.fault(LOG_BATCH, { answer });
      const busy = await busyAt(store.land({ runId, items: ITEMS }));
      expect(busy).toMatchObject({ scope: 'store', needsPerson: true });
      expect(busy.retryAfterMs).toBeGreaterThanOrEqual(10_000);
      for (const part of shown) expect(busy.message).toMatch(part);
      expect(busy.message.split('\n').length).toBeLessThan(3);
      // Nothing is followed, nothing hammered.
      expect(served.fake.seen.length).toBe(asked + 1);
      expect(await store.land({ runId, items: ITEMS })).toEqual(ALL_LANDED);
    },
  );

  test('a page of a megabyte makes no message of a megabyte', async () => {
    const served = await Served.start();
    const store = await served.store();
    const runId = await started(store);
    served.fake.fault(LOG_BATCH, { answer: { status: 404, headers: HTML, body: 'x'.repeat(1_000_000) } });
    expect((await busyAt(store.land({ runId, items: ITEMS }))).message.length).toBeLessThan(1000);
  });
});

describe('credentials and permissions', () => {
  test('401: a person is told, not the server again and again; with the right ones all lands', async () => {
    const served = await Served.start();
    const store = await served.store({ authorization: 'Basic YWRhOnNlY3JldA==' });
    const runId = await started(store);
    served.fake.authorization = 'Basic b3RoZXI6b25l';
    const asked = served.fake.seen.length;
    const busy = await busyAt(store.land({ runId, items: ITEMS }));
    expect(busy).toMatchObject({ scope: 'store', needsPerson: true, retryAfterMs: 30_000 });
    expect(busy.message).toMatch(/401.*not authenticated.*MLFLOW_TRACKING_USERNAME/s);
    expect(served.fake.seen.length).toBe(asked + 1);
    served.fake.authorization = 'Basic YWRhOnNlY3JldA==';
    expect(await store.land({ runId, items: ITEMS })).toEqual(ALL_LANDED);
  });

  test('403 for a run stops that run alone', async () => {
    const served = await Served.start();
    const store = await served.store();
    const [mine, theirs] = [await started(store), await started(store)];
    const fault = served.fake.fault({ runId: theirs }, { answer: FORBIDDEN }, Number.POSITIVE_INFINITY);
    const busy = await busyAt(store.land({ runId: theirs, items: ITEMS }));
    expect(busy).toMatchObject({ scope: 'run', needsPerson: true, retryAfterMs: 30_000 });
    expect(busy.message).toMatch(/403.*Permission denied/s);
    expect(await store.land({ runId: mine, items: ITEMS })).toEqual(ALL_LANDED);
    expect(fault.fired).toBeLessThanOrEqual(2);
    fault.stop();
    expect(await store.land({ runId: theirs, items: ITEMS })).toEqual(ALL_LANDED);
  });

  test('403 for the name of the host is the server’s word about all runs', async () => {
    const served = await Served.start();
    const store = await served.store();
    const runId = await started(store);
    const body = 'Invalid Host header - possible DNS rebinding attack detected';
    served.fake.fault(LOG_BATCH, { answer: { status: 403, headers: { 'content-type': 'text/plain' }, body } });
    const busy = await busyAt(store.land({ runId, items: ITEMS }));
    expect(busy).toMatchObject({ scope: 'store', needsPerson: true });
    expect(busy.message).toMatch(/403.*Invalid Host header.*--allowed-hosts/s);
  });

  test('credentials and workspace go along with every request', async () => {
    const served = await Served.start();
    served.fake.authorization = 'Bearer abc';
    const store = await served.store({ authorization: 'Bearer abc', workspace: 'team-a' });
    const runId = await store.createRun(newRun({ experiment: { name: 'e' } }));
    await store.land({ runId, items: ITEMS });
    await store.endRun({ runId, status: 'FINISHED', endTime: 5 });
    expect(served.fake.seen.length).toBeGreaterThanOrEqual(5);
    for (const { headers } of served.fake.seen) {
      expect(headers).toMatchObject({ authorization: 'Bearer abc', 'x-mlflow-workspace': 'team-a' });
    }
  });
});

describe('a run or an experiment that is not there for us', () => {
  test('a deleted run, one of a deleted experiment and an unknown one refuse each record by name', async () => {
    const served = await Served.start();
    const store = await served.store();
    const [deleted, orphan] = [await started(store), await store.createRun(newRun({ experiment: { name: 'gone' } }))];
    served.run(deleted).deleted = true;
    const [, gone] = served.fake.state.experiments.values();
    if (gone !== undefined) gone.deleted = true;
    for (const runId of [deleted, orphan]) {
      expect(await store.land({ runId, items: ITEMS })).toEqual(ITEMS.map(() => new RunDeletedError({ runId })));
      expect(await failure(store.endRun({ runId, status: 'FAILED', endTime: 5 }))).toBeInstanceOf(RunDeletedError);
    }
    const unknown = newId();
    expect(await store.land({ runId: unknown, items: ITEMS })).toEqual(ITEMS.map(() => new RunNotFoundError({ runId: unknown })));
    expect(await failure(store.endRun({ runId: unknown, status: 'FAILED', endTime: 5 }))).toBeInstanceOf(RunNotFoundError);
  });

  test('a large batch for a deleted run is not taken apart record by record', async () => {
    const served = await Served.start();
    const store = await served.store();
    const runId = await started(store);
    served.run(runId).deleted = true;
    const items = Array.from({ length: 950 }, (_, i) => (i % 10 === 0 ? param(`p${i}`) : metric('m', i, i)));
    const outcomes = await store.land({ runId, items });
    expect(outcomes.every((outcome) => outcome instanceof RunDeletedError)).toBe(true);
    expect(served.fake.batches(runId).length).toBe(1);
  });

  test('an experiment that somebody makes at the same moment is used, not complained about', async () => {
    const served = await Served.start();
    const store = await served.store();
    served.fake.afterApplying({ path: 'experiments/get-by-name' }, () => served.fake.state.addExperiment('shared'));
    const runId = await store.createRun(newRun({ experiment: { name: 'shared' } }));
    const found = [...served.fake.state.experiments.values()].filter(({ name }) => name === 'shared');
    expect(found.map(({ id }) => id)).toEqual([served.run(runId).experimentId]);
    expect(served.fake.requests('experiments/create').map(({ status }) => status)).toEqual([400]);
  });

  test('one that somebody makes and deletes at the same moment is refused by name', async () => {
    const served = await Served.start();
    const store = await served.store();
    served.fake.afterApplying({ path: 'experiments/get-by-name' }, () => {
      served.fake.state.addExperiment('shared').deleted = true;
    });
    const error = await failure(store.createRun(newRun({ experiment: { name: 'shared' } })));
    expect(error).toBeInstanceOf(ExperimentError);
    expect(error).toMatchObject({ experiment: 'shared', message: expect.stringContaining('deleted') });
    expect(served.fake.state.runs.size).toBe(0);
  });

  test('an experiment deleted between two runs refuses the second', async () => {
    const served = await Served.start();
    const store = await served.store();
    await store.createRun(newRun({ experiment: { name: 'short-lived' } }));
    const [, experiment] = served.fake.state.experiments.values();
    if (experiment !== undefined) experiment.deleted = true;
    const error = await failure(store.createRun(newRun({ experiment: { name: 'short-lived' } })));
    expect(error).toBeInstanceOf(ExperimentError);
    expect(error).toMatchObject({ message: expect.stringContaining('deleted') });
  });

  test('a sweep of many runs asks for their experiment once', async () => {
    const served = await Served.start();
    const store = await served.store();
    await Promise.all(Array.from({ length: 20 }, () => store.createRun(newRun({ experiment: { name: 'sweep' } }))));
    expect(served.fake.requests('experiments/get-by-name').length).toBe(1);
    expect(served.fake.requests('experiments/create').length).toBe(1);
    expect(served.fake.state.activeRuns().length).toBe(20);
  });
});
