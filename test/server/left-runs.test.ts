/** Runs of a process that died, ended by another one: the server is asked about them first. */
import { describe, expect, test } from 'vitest';
import type { RunEnd } from '../../src/store/store.js';
import { newId, newRun } from '../store/calls.js';
import { started } from './items.js';
import { persist, Served } from './served.js';

function killed(runId: string): RunEnd {
  return { runId, status: 'KILLED', endTime: 77, ifRunning: true };
}

describe.concurrent('a run that is left running', () => {
  test('and is deleted between the question and the end fails nothing', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    served.fake.afterApplying({ path: 'runs/get' }, () => {
      served.run(runId).deleted = true;
    });
    await store.endRun(killed(runId));
    expect([served.run(runId).status, served.fake.requests('runs/update').map(({ status }) => status)]).toEqual([
      'RUNNING',
      [400],
    ]);
  });

  test.for([
    ['after it was done', { hang: 'after applying' }],
    ['before it was done', { reset: 'before applying' }],
    ['and is done late', { hang: 'before applying' }],
  ] as const)('has one end when the answer got lost %s', async ([_case, deed], { onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    const fault = served.fake.fault({ path: 'runs/update' }, deed);
    await persist(() => store.endRun(killed(runId)));
    fault.release();
    expect(served.run(runId)).toMatchObject({ status: 'KILLED', endTime: 77 });
  });

  test('is not ended while nobody can tell whether it is running', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const store = await served.store();
    const runId = await started(store);
    await store.endRun({ runId, status: 'FINISHED', endTime: 5 });
    const fault = served.fake.fault({ path: 'runs/get' }, { answer: { status: 503 } }, 2);
    const { busy } = await persist(() => store.endRun(killed(runId)));
    expect([busy.length, fault.fired, served.run(runId).status]).toEqual([2, 2, 'FINISHED']);
  });
});

describe.concurrent('a run that is known by our id alone', () => {
  test('among hundreds of experiments is found, and asked for once', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const maker = await served.store();
    const run = newRun({ experiment: { name: 'the last' } });
    for (let i = 0; i < 250; i++) {
      const id = String(1000 + i);
      served.fake.state.experiments.set(id, { id, name: `other ${i}`, deleted: false });
    }
    const id = await maker.createRun(run);
    const store = await served.store();
    expect([await store.find(run.id), await store.find(run.id)]).toEqual([id, id]);
    expect(served.fake.requests('experiments/search')).toHaveLength(1);
    // By its tag only: as an id of the server's it would be answered with a refusal where not everybody may ask.
    expect(served.fake.requests('runs/get')).toEqual([]);
  });

  test('and is made after it was not found, is found', async ({ onTestFinished }) => {
    const served = await Served.start({}, onTestFinished);
    const [maker, store] = [await served.store(), await served.store()];
    const run = newRun({ id: newId() });
    expect(await store.find(run.id)).toBeUndefined();
    const id = await maker.createRun(run);
    expect(await store.find(run.id)).toBe(id);
  });
});
