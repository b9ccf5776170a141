import { describe, expect, test } from 'vitest';
import { failure, newRun } from '../store/calls.js';
import { LANDED, metric, param, params, started } from './items.js';
import { Served } from './served.js';

describe('connections', () => {
  test('none is made before there is something to send: MLflow 2 would give a whole worker to it', async () => {
    const served = await Served.start();
    const store = await served.store();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(served.fake.connections).toBe(0);
    await started(store);
    expect(served.fake.connections).toBeGreaterThan(0);
  });

  test('they are kept for what comes after', async () => {
    const served = await Served.start();
    const store = await served.store({ connections: 3 });
    const runId = await started(store);
    for (let i = 0; i < 20; i++) await store.land({ runId, items: [metric('m', i, i)] });
    expect(served.fake.connections).toBeLessThanOrEqual(3);
  });

  test('a server that ends each with its answer, as MLflow 2 does, is served without a failed try', async () => {
    const served = await Served.start({ noKeepAlive: true });
    const store = await served.store();
    const runs = await Promise.all(Array.from({ length: 10 }, () => started(store)));
    for (let i = 0; i < 5; i++) {
      const landed = await Promise.all(runs.map((runId) => store.land({ runId, items: params(10) })));
      expect(landed.flat()).toEqual(Array.from({ length: 100 }, () => LANDED));
    }
    expect(served.fake.batches().length).toBe(50);
  });

  test('there are no more than the settings allow', async () => {
    const served = await Served.start();
    served.fake.delayMs = 5;
    const store = await served.store({ connections: 3, timeoutMs: 5000 });
    const runs = await Promise.all(Array.from({ length: 12 }, () => started(store)));
    await Promise.all(runs.map((runId) => store.land({ runId, items: [param('p')] })));
    expect([served.fake.connections, served.fake.most.all]).toEqual([3, 3]);
  });
});

describe('requests', () => {
  test('have a length, no encoding, and the path of the uri in front', async () => {
    const served = await Served.start();
    const store = await served.store();
    const runId = await store.createRun(newRun({ experiment: { name: 'größe & co' } }));
    await store.land({ runId, items: [param('größe', '学😀'.repeat(1000)), ...params(99)] });
    await store.endRun({ runId, status: 'FINISHED', endTime: 5 });
    for (const { method, headers, body } of served.fake.seen) {
      expect([headers['transfer-encoding'], headers['content-encoding'], headers['expect']]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
      if (method === 'POST')
        expect(headers).toMatchObject({ 'content-length': String(Buffer.byteLength(body)), 'content-type': 'application/json' });
    }
    expect(served.params(runId)['größe']).toBe('学😀'.repeat(1000));
    expect([...served.fake.state.experiments.values()][1]?.name).toBe('größe & co');

    const elsewhere = await served.store({ url: `${served.fake.url}/team/mlflow` });
    await failure(elsewhere.createRun(newRun()));
    expect(served.fake.seen.at(-1)?.path).toBe('/team/mlflow/api/2.0/mlflow/experiments/get');
  });

  test('stay below 900,000 bytes, whatever the script', async () => {
    const served = await Served.start();
    const store = await served.store({ timeoutMs: 10_000 });
    const runId = await started(store);
    const items = Array.from({ length: 100 }, (_, i) => param(`p${i}`, '学'.repeat(6000)));
    expect(await store.land({ runId, items })).toEqual(items.map(() => LANDED));
    const sizes = served.fake.batches().map(({ body }) => Buffer.byteLength(body));
    expect(sizes.length).toBeGreaterThan(1);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(900_000);
    expect(Math.max(...sizes)).toBeGreaterThan(800_000);
  });
});
