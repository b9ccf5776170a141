/** The cases of conformance-cases.ts: what each server answers by itself, and what headrace makes of the same on it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTracker, HeadraceError, OptionError, type Receipt, type Run, type Tracker } from '../../src/index.js';
import type { Item } from '../../src/store/store.js';
import { newRun } from '../store/calls.js';
import type { Content, Fate, MetricRow, Refusal, Verdict } from './conformance-cases.js';
import * as cases from './conformance-cases.js';
import { races } from './conformance-races.js';
import type { Answer, MlflowApi } from './mlflow-api.js';
import { SERVERS } from './mlflow-versions.js';
import { ServerPlace } from './server-place.js';

describe.each(SERVERS)('MLflow %s', (version) => {
  let place: ServerPlace;
  let server: MlflowApi;
  let tracker: Tracker;
  let cutting: Tracker;
  /** Cases whose two halves have run to their end. */
  const done = { server: 0, headrace: 0 };

  beforeAll(async () => {
    // Two processes: with one there is no race.
    place = await ServerPlace.start(version, { workers: 2 });
    server = place.server;
    tracker = createTracker({ uri: server.url, experiment: 'conformance' });
    cutting = createTracker({ uri: server.url, experiment: 'conformance', onLongValue: 'truncate' });
  });

  afterAll(async () => {
    await tracker?.close({ throwOnFailure: false });
    await cutting?.close({ throwOnFailure: false });
    await place?.stop();
  });

  /** Both halves of each case of a table: the server alone first. */
  function both<Case>(
    table: readonly Case[],
    name: (each: Case) => string,
    ofServer: (each: Case) => Promise<void>,
    ofHeadrace: (each: Case) => Promise<void>,
  ): void {
    for (const each of table) {
      test(`the server: ${name(each)}`, async () => {
        await ofServer(each);
        done.server++;
      });
      test(`headrace: ${name(each)}`, async () => {
        await ofHeadrace(each);
        done.headrace++;
      });
    }
  }

  const logBatch = (runId: string, batch: Readonly<Record<string, unknown>>): Promise<Answer> =>
    server.ask('POST', 'runs/log-batch', { run_id: runId, ...batch });

  /** Fails unless it is what the table says of this version. */
  function expectVerdict(answer: Answer, verdict: Verdict): void {
    if (refuses(verdict)) {
      expect(answer).toMatchObject({ status: verdict.code === 'RESOURCE_DOES_NOT_EXIST' ? 404 : 400, code: verdict.code });
      expect(answer.message).toContain(verdict.text);
    } else expect(answer).toMatchObject({ status: 200, body: '{}' });
  }

  function refuses(verdict: Verdict): verdict is Refusal {
    return verdict !== 'ok' && (verdict.by === undefined || verdict.by.includes(version));
  }

  async function expectContent(runId: string, content: Content): Promise<void> {
    const { params, tags, metrics } = await server.content(runId);
    const own = Object.fromEntries(Object.entries(tags).filter(([key]) => !/^(?:mlflow|headrace)\./.test(key)));
    expect({ params, tags: own, metrics }).toEqual({ tags: {}, metrics: {}, ...content });
  }

  describe('keys', () => {
    both(
      cases.KEY_CASES,
      ({ key }) => shown(key),
      async ({ key, server: verdict }) => {
        const runId = await server.createRun();
        const arrays = {
          params: [{ key, value: 'v' }],
          metrics: [{ key, value: 1, timestamp: 1000, step: 0 }],
          tags: [{ key, value: 'v' }],
        };
        for (const [name, items] of Object.entries(arrays)) expectVerdict(await logBatch(runId, { [name]: items }), verdict);
        await expectContent(runId, verdict === 'ok' ? underAll(String(key)) : { params: {} });
      },
      async ({ key, headrace }) => {
        const run = tracker.startRun();
        // A program in JavaScript may give null.
        const given = key as string;
        const receipts = [run.logParam(given, 'v'), run.logMetric(given, 1, 0, 1000), run.setTag(given, 'v')];
        expect(await fates(receipts)).toEqual([headrace, headrace, headrace]);
        await expectContent(await run.storeId, headrace === 'lands' ? underAll(given) : { params: {} });
        await finish(run);
      },
    );
  });

  describe('values', () => {
    both(
      cases.VALUE_CASES,
      ({ name }) => name,
      async ({ of, value, stored, takesTheRest }) => {
        const runId = await server.createRun();
        const item = { key: 'k', value };
        const after = takesTheRest ? {} : { after: '1' };
        const batch =
          of === 'param'
            ? { params: [item, { key: 'after', value: '1' }] }
            : { tags: [item], params: [{ key: 'after', value: '1' }] };
        expectVerdict(await logBatch(runId, batch), 'ok');
        await expectContent(runId, of === 'param' ? { params: { k: stored, ...after } } : { params: after, tags: { k: stored } });
      },
      async ({ of, value, headrace, cut }) => {
        const log = (run: Run): Receipt => (of === 'param' ? run.logParam('k', value) : run.setTag('k', value));
        const stored = (text: string): Content => (of === 'param' ? { params: { k: text } } : { params: {}, tags: { k: text } });
        const run = tracker.startRun();
        expect(await fates([log(run)])).toEqual([headrace]);
        await expectContent(await run.storeId, headrace === 'lands' ? stored(value) : { params: {} });
        await finish(run);
        if (cut === undefined) return;
        const shorter = cutting.startRun();
        expect(await fates([log(shorter)])).toEqual(['lands']);
        await expectContent(await shorter.storeId, stored(cut));
        await finish(shorter);
      },
    );
  });

  describe('logging again', () => {
    both(
      cases.RELOG_CASES,
      ({ name }) => name,
      async ({ batches, stored }) => {
        const runId = await server.createRun();
        for (const { params, tags, metrics, server: verdict } of batches) {
          const batch = {
            params: params?.map(([key, value]) => ({ key, value })) ?? [],
            metrics: metrics?.map((value) => ({ key: 'm', value, timestamp: 1000, step: 0 })) ?? [],
            tags: tags?.map(([key, value]) => ({ key, value })) ?? [],
          };
          expectVerdict(await logBatch(runId, batch), verdict);
        }
        await expectContent(runId, stored);
      },
      async ({ batches, stored, byHeadrace = stored }) => {
        const run = tracker.startRun();
        for (const { params = [], tags = [], metrics = [], headrace } of batches) {
          const receipts = [
            ...params.map(([key, value]) => run.logParam(key, value)),
            ...metrics.map((value) => run.logMetric('m', value, 0, 1000)),
            ...tags.map(([key, value]) => run.setTag(key, value)),
          ];
          expect(await fates(receipts)).toEqual(headrace);
          for (const [i, [key, value]] of params.entries()) {
            if (headrace[i] !== 'HEADRACE_PARAM_CONFLICT') continue;
            const { [key]: storedValue } = byHeadrace.params;
            await expect(receipts[i]).rejects.toMatchObject({ key, storedValue, newValue: value });
          }
        }
        await expectContent(await run.storeId, byHeadrace);
        await finish(run);
      },
    );
  });

  describe('runs', () => {
    async function prepare(runId: string, steps: NonNullable<cases.RunCase['before']>): Promise<void> {
      // The API's own shape.
      const { run } = (await server.get('runs/get', { run_id: runId })) as { run: { info: { experiment_id: string } } };
      for (const [path, body] of steps) {
        const named = path.startsWith('runs/') ? { run_id: runId } : { experiment_id: run.info.experiment_id };
        await server.post(path, { ...named, ...body });
      }
    }

    both(
      cases.RUN_CASES,
      ({ name }) => name,
      async ({ name, before = [], runId: given, server: verdict, batchesOnly = false }) => {
        const experiment = await server.createExperiment(`conformance, ${name}`);
        const runId = given ?? (await server.createRun({ experiment_id: experiment }));
        if (given === undefined) {
          expectVerdict(await logBatch(runId, { params: [{ key: 'p', value: '1' }] }), 'ok');
          await prepare(runId, before);
        }
        const metric = { key: 'm', value: 1, timestamp: 1000, step: 0 };
        const writes: ReadonlyArray<readonly [path: string, body: Readonly<Record<string, unknown>>]> = [
          ['runs/log-batch', { params: [{ key: 'p', value: '1' }], metrics: [metric], tags: [{ key: 't', value: 'x' }] }],
          ['runs/log-batch', {}],
          ['runs/log-parameter', { key: 'p', value: '1' }],
          ['runs/log-metric', metric],
          ['runs/set-tag', { key: 't', value: 'x' }],
        ];
        for (const [path, body] of writes) {
          if (batchesOnly && path !== 'runs/log-batch') continue;
          expectVerdict(await server.ask('POST', path, { run_id: runId, ...body }), verdict);
        }
        if (batchesOnly) return;
        const update = await server.ask('POST', 'runs/update', { run_id: runId, status: 'FAILED' });
        if (verdict === 'ok') expect(update.status).toBe(200);
        else expectVerdict(update, verdict);
        if (given !== undefined) return;
        await expectContent(
          runId,
          verdict === 'ok' ? { params: { p: '1' }, metrics: { m: 1 }, tags: { t: 'x' } } : { params: { p: '1' } },
        );
      },
      async ({ name, before = [], runId: given, headrace }) => {
        if (headrace === 'HEADRACE_OPTION') {
          expect(() => tracker.startRun({ runId: String(given) })).toThrow(OptionError);
          return;
        }
        const run = tracker.startRun(given === undefined ? { experiment: `conformance of headrace, ${name}` } : { runId: given });
        if (given === undefined) {
          await run.logParam('p', '1');
          await prepare(await run.storeId, before);
        }
        // The equal value is no write; new ones of each kind are.
        const receipts = [run.logParam('q', '1'), run.logMetric('m', 1, 0, 1000), run.setTag('t', 'x')];
        expect(await fates(receipts)).toEqual([headrace, headrace, headrace]);
        if (headrace === 'lands') {
          expect(await fates([run.logParam('p', '1')])).toEqual(['lands']);
          await expectContent(await run.storeId, { params: { p: '1', q: '1' }, metrics: { m: 1 }, tags: { t: 'x' } });
        } else if (given === undefined) await expectContent(await run.storeId, { params: { p: '1' } });
        await finish(run);
      },
    );
  });

  describe('limits of a request', () => {
    const many = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

    both(
      cases.LIMIT_CASES,
      ({ params, metrics, tags }) => `${params} params, ${metrics} metrics, ${tags} tags`,
      async ({ params, metrics, tags, server: verdict }) => {
        const runId = await server.createRun();
        const answer = await logBatch(runId, {
          params: many(params, (i) => ({ key: `p${i}`, value: 'v' })),
          metrics: many(metrics, (i) => ({ key: 'm', value: i, timestamp: 1000, step: i })),
          tags: many(tags, (i) => ({ key: `t${i}`, value: 'v' })),
        });
        expectVerdict(answer, verdict);
        await expectCounts(runId, verdict === 'ok' ? [params, metrics, tags] : [0, 0, 0]);
      },
      async ({ params, metrics, tags }) => {
        const run = tracker.startRun();
        await run.storeId;
        const receipts = [
          ...many(params, (i) => run.logParam(`p${i}`, 'v')),
          ...many(metrics, (i) => run.logMetric('m', i, i, 1000)),
          ...many(tags, (i) => run.setTag(`t${i}`, 'v')),
        ];
        expect(new Set(await fates(receipts))).toEqual(new Set(['lands']));
        await expectCounts(await run.storeId, [params, metrics, tags]);
        await finish(run);
      },
    );

    async function expectCounts(runId: string, counts: readonly number[]): Promise<void> {
      const { params, history, tags } = await server.run(runId);
      expect([params.length, history.length, tags.filter(([key]) => /^t\d+$/.test(key)).length]).toEqual(counts);
    }
  });

  describe('metrics', () => {
    both(
      cases.METRIC_CASES,
      ({ name }) => name,
      async ({ rows, server: verdict, latest, history }) => {
        const runId = await server.createRun();
        for (const row of rows) expectVerdict(await postMetrics(runId, [row]), verdict);
        await expectMetric(runId, latest, history);
      },
      async ({ rows, headrace, latest, history }) => {
        const run = tracker.startRun();
        const receipts = rows.map((row) => logMetric(run, row));
        expect(await fates(receipts)).toEqual(rows.map(() => headrace));
        if (headrace === 'lands') await expectMetric(await run.storeId, latest, history);
        else await expectMetric(await run.storeId, undefined, 0);
        await finish(run);
      },
    );

    async function expectMetric(runId: string, latest: cases.MetricCase['latest'], rows: number): Promise<void> {
      const answer = await server.ask('GET', 'runs/get', { run_id: runId });
      // As text where it is more than JavaScript's numbers can tell.
      const timestamp = /"timestamp": ?"?(\d+)/.exec(answer.body)?.[1];
      const { metrics, history } = await server.run(runId);
      const last = history.find(([, step, , value]) => step === latest?.[0] && Object.is(value, metrics[0]?.[1]));
      expect(latest === undefined ? metrics : [last?.[1], timestamp, metrics[0]?.[1]]).toEqual(latest ?? []);
      expect(history).toHaveLength(rows);
      // NaN is 0 with a mark.
      if (!Number.isNaN(latest?.[2])) return;
      const stored = place.rows('SELECT value, is_nan FROM latest_metrics WHERE run_uuid = ?', runId);
      expect(stored).toEqual([{ value: 0, is_nan: 1 }]);
    }
  });

  describe('metrics sent again', () => {
    both(
      cases.RESEND_CASES,
      ({ name }) => name,
      async ({ requests, server: verdict, rows }) => {
        const runId = await server.createRun();
        for (const request of requests.slice(0, -1)) expectVerdict(await postMetrics(runId, request), 'ok');
        expectVerdict(await postMetrics(runId, requests.at(-1) ?? []), verdict);
        const [metrics] = counted(runId);
        if (refuses(verdict)) expect(metrics).toBeLessThanOrEqual(rows);
        else expect(metrics).toBe(rows);
      },
      async ({ requests, rows }) => {
        // Logged again by the program.
        const run = tracker.startRun();
        for (const request of requests) {
          const receipts = request.map((row) => logMetric(run, row));
          expect(new Set(await fates(receipts))).toEqual(new Set(['lands']));
        }
        expect(counted(await run.storeId).slice(0, 2)).toEqual([rows, 0]);
        await finish(run);

        // Sent again by the lane, with a new param and tag beside them, because the answer was lost.
        const store = await place.store();
        const runId = await store.createRun(newRun());
        for (const [i, request] of [...requests, ...requests].entries()) {
          const items: Item[] = [
            { kind: 'param', key: `p${i}`, value: 'v' },
            ...request.map((row): Item => ({ kind: 'metric', ...pointOf(row) })),
            { kind: 'tag', key: `t${i}`, value: 'v' },
          ];
          expect(await store.land({ runId, items })).toEqual(items.map(() => undefined));
        }
        const before = 2; // its name and our id
        expect(counted(runId)).toEqual([rows, 2 * requests.length, before + 2 * requests.length]);
      },
    );

    /** Rows of metrics, params and tags. */
    function counted(runId: string): readonly number[] {
      return ['metrics', 'params', 'tags'].map((table) =>
        Number(place.rows(`SELECT count(*) AS n FROM ${table} WHERE run_uuid = ?`, runId)[0]?.n),
      );
    }
  });

  describe('values of a wrong type', () => {
    both(
      cases.TYPE_CASES,
      ({ name }) => name,
      async ({ request, stored }) => {
        const runId = await server.createRun();
        const answer = await server.ask('POST', 'runs/log-batch', `{"run_id":"${runId}",${request}}`);
        if (stored === undefined) {
          expect(answer).toMatchObject({ status: 500, code: undefined });
          expect(answer.body).toMatch(/^<!doctype html>/i);
        } else expectVerdict(answer, 'ok');
        await expectContent(runId, stored ?? { params: {} });
      },
      async ({ logged, byHeadrace }) => {
        const run = tracker.startRun();
        const receipts = logged.map(({ param, tag, metric }) => {
          // Programs in JavaScript give what they like.
          if (tag !== undefined) return run.setTag('t', tag as string);
          if (metric !== undefined) return run.logMetric('m', ...(metric as [number, number, number]));
          return run.logParam('p', param as string);
        });
        expect(await fates(receipts)).toEqual(logged.map(({ headrace }) => headrace));
        await expectContent(await run.storeId, byHeadrace);
        await finish(run);
      },
    );
  });

  races(() => place);

  test('every case of the tables has run', () => {
    console.info(`conformance with MLflow ${version}: ${done.headrace} of ${cases.CASE_COUNT} cases ran`);
    expect(done).toEqual({ server: cases.CASE_COUNT, headrace: cases.CASE_COUNT });
  });

  function postMetrics(runId: string, rows: readonly MetricRow[]): Promise<Answer> {
    const metrics = rows.map(
      ({ key = 'm', value, step = 0, timestamp = '1000' }) =>
        `{"key":"${key}","value":${value},"timestamp":${timestamp},"step":${step}}`,
    );
    return server.ask('POST', 'runs/log-batch', `{"run_id":"${runId}","metrics":[${metrics.join(',')}]}`);
  }
});

function logMetric(run: Run, row: MetricRow): Receipt {
  const { key, value, step, timestamp } = pointOf(row);
  return run.logMetric(key, value, step, timestamp);
}

function pointOf({ key = 'm', value, step = 0, timestamp = '1000' }: MetricRow): {
  key: string;
  value: number;
  step: number;
  timestamp: number;
} {
  return { key, value: number(value), step, timestamp: number(timestamp) };
}

/** Of JSON, where a text is a number that JSON has no word for. */
function number(json: string): number {
  return Number(JSON.parse(json));
}

function underAll(key: string): Content {
  return { params: { [key]: 'v' }, tags: { [key]: 'v' }, metrics: { [key]: 1 } };
}

/** What became of each record. */
function fates(receipts: readonly Receipt[]): Promise<readonly Fate[]> {
  return Promise.all(
    receipts.map(async (receipt): Promise<Fate> => {
      try {
        await receipt;
        return 'lands';
      } catch (error) {
        if (error instanceof HeadraceError && error.code.startsWith('HEADRACE_')) return error.code as Fate; // just tested
        throw error;
      }
    }),
  );
}

/** Also of a run that can't be ended any more. */
async function finish(run: Run): Promise<void> {
  await run.end('FINISHED', { throwOnFailure: false });
}

/** A key in a test's name: short, and nothing invisible in it. */
function shown(key: string | null): string {
  const text = JSON.stringify(key).replace(
    /[^\x20-\x7e\p{L}\p{N}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
  const characters = [...String(key)];
  return characters.length > 40 ? `${characters[0]} × ${characters.length}` : text;
}
