/** A server chooses the ids of its runs: the caller has ours at once, everybody else knows the run by the server's. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  BatchRefusedError,
  LogFailuresError,
  ParamConflictError,
  type Run,
  RunDeletedError,
  RunNotFoundError,
} from '../../src/index.js';
import { Served } from '../server/served.js';
import { failureOf, pauseInPlace, until } from './waiting.js';
import { threadsOf } from './worker-threads.js';

beforeEach(forgetRunId);
afterEach(forgetRunId);

function forgetRunId(): void {
  delete process.env.MLFLOW_RUN_ID;
}

const PARENT = 'mlflow.parentRunId';

/** The server's id of the only run that was made for ours; looked up behind the tracker. */
function idThere(served: Served, ours: string): string {
  const made = [...served.fake.state.runs.values()].filter(({ tags }) => tags.get('headrace.run_id') === ours);
  expect(made).toHaveLength(1);
  return made[0]?.id ?? '';
}

/** A run that an earlier tracker made, logged to and ended. */
async function earlier(served: Served): Promise<{ ours: string; theirs: string }> {
  const tracker = served.tracker();
  const run = tracker.startRun({ params: { lr: 0.1 } });
  await tracker.close();
  return { ours: run.id, theirs: idThere(served, run.id) };
}

describe('run.storeId', () => {
  test('is the server’s id, for a run that is open, that has ended, and whose place is another’s by now', async () => {
    const served = await Served.start();
    const tracker = served.tracker({ workers: 2 });
    const runs: Run[] = [];
    for (let i = 0; i < 20; i++) {
      const run = tracker.startRun({ name: `run ${i}` });
      if (i % 3 === 0) expect(await run.storeId).toBe(idThere(served, run.id));
      if (i % 2 === 0) await run.end();
      runs.push(run);
    }
    await tracker.close();
    for (const [i, run] of runs.entries()) {
      const id = await run.storeId;
      expect(id).not.toBe(run.id);
      expect(id).toBe(idThere(served, run.id));
      expect(served.run(id).name).toBe(`run ${i}`);
    }
  });

  test('is the server’s id when the run was made while nobody read what the worker tells', async () => {
    const served = await Served.start();
    const tracker = served.tracker();
    const refused = tracker.startRun();
    await refused.storeId;
    const slow = served.fake.fault({ path: 'runs/create', body: '"slow"' }, { hang: 'before applying' });
    const run = tracker.startRun({ name: 'slow' });
    await until('the run’s creation to be asked for', () => slow.fired > 0);
    // Refused by the worker itself: more than have room among its verdicts.
    for (let i = 0; i < 60_000; i++) refused.logParam('a//b', i);
    pauseInPlace(1500);
    slow.release();
    pauseInPlace(300);
    const theirs = idThere(served, run.id);
    expect(await run.storeId).toBe(theirs);
    expect(tracker.startRun({ runId: theirs })).toBe(run);
    await tracker.close({ throwOnFailure: false });
  });

  test('is the server’s id after a worker died, also of a run that had ended before', async () => {
    const served = await Served.start();
    const tracker = served.tracker();
    const [ended, open] = [tracker.startRun(), tracker.startRun()];
    await ended.end();
    await open.flush();
    await threadsOf(tracker)?.threads[0]?.terminate();
    await open.logParam('k', 1);
    expect([await ended.storeId, await open.storeId]).toEqual([idThere(served, ended.id), idThere(served, open.id)]);
    expect(tracker.startRun({ runId: await open.storeId })).toBe(open);
    expect(served.params(await open.storeId)).toEqual({ k: '1' });
  });

  test('of a first run costs one request: no worker has been there before, so nothing is looked for', async () => {
    const served = await Served.start();
    const run = served.tracker().startRun();
    expect(await run.storeId).toBe(idThere(served, run.id));
    await run.logParam('k', 1);
    expect(served.fake.requests('runs/search')).toEqual([]);
    expect(served.fake.requests('runs/create')).toHaveLength(1);
  });

  test('is that of the one run there, when the worker that had made it died before it could tell', async () => {
    const served = await Served.start();
    const tracker = served.tracker();
    const lost = served.fake.fault({ path: 'runs/create' }, { hang: 'after applying' });
    const run = tracker.startRun();
    run.logParam('k', 1);
    await until('the run’s creation to be asked for', () => lost.fired > 0);
    await threadsOf(tracker)?.threads[0]?.terminate();
    expect(await run.storeId).toBe(idThere(served, run.id));
    await run.end();
    expect(served.fake.state.runs.size).toBe(1);
    expect(served.params(await run.storeId)).toEqual({ k: '1' });
  });

  test('rejects for a run that can not be made', async () => {
    const served = await Served.start();
    const missing = served.tracker().startRun({ runId: 'f'.repeat(32) });
    await failureOf(RunNotFoundError, missing.storeId);
  });
});

describe('startRun({ runId }) by the server’s id', () => {
  test('of an open run gives the same run, even before this thread’s event loop has turned', async () => {
    const served = await Served.start();
    const tracker = served.tracker({ workers: 3 });
    // In the turn in which the server answers.
    const answered = new Promise((resolve) => {
      served.fake.afterApplying({ path: 'runs/create' }, () => setImmediate(resolve));
    });
    const run = tracker.startRun();
    await answered;
    // Time for the worker alone: that it has told the id is not yet read.
    pauseInPlace(300);
    const theirs = idThere(served, run.id);
    expect(tracker.startRun({ runId: theirs, tags: { t: 'v' }, params: { p: 1 } })).toBe(run);
    expect(tracker.startRun({ runId: run.id })).toBe(run);
    await tracker.flush();
    expect([served.tags(theirs), served.params(theirs)]).toEqual([{ t: 'v' }, { p: '1' }]);
    expect(served.fake.state.runs.size).toBe(1);
  });

  test.each([1, 3])('of a run that is still ending waits for that end and loses nothing, with %i workers', async (workers) => {
    const served = await Served.start();
    const tracker = served.tracker({ workers });
    for (let i = 0; i < 5; i++) {
      const run = tracker.startRun();
      const theirs = await run.storeId;
      run.logParam('k', 'first');
      run.setTag('t', 'first');
      void run.end('FAILED');
      const again = tracker.startRun({ runId: theirs });
      expect(again).not.toBe(run);
      expect(again.id).toBe(run.id);
      const conflict = again.logParam('k', 'second');
      again.setTag('t', 'second');
      // Neither opening has ended, and either id gives the later one.
      expect([tracker.startRun({ runId: theirs }), tracker.startRun({ runId: run.id })]).toEqual([again, again]);
      expect(await failureOf(ParamConflictError, conflict)).toMatchObject({ storedValue: 'first' });
      if (i % 2 === 0) void again.end('KILLED', { throwOnFailure: false });
      else await again.end('KILLED', { throwOnFailure: false });
      const third = tracker.startRun({ runId: i % 3 === 0 ? run.id : theirs });
      third.setTag('t', 'third');
      await third.end('FINISHED');
      expect(await third.storeId).toBe(theirs);
      expect(served.run(theirs).status).toBe('FINISHED');
      expect(served.tags(theirs)).toEqual({ t: 'third' });
      const order = served.run(theirs).journal.filter((row) => row.startsWith('tag t='));
      expect(order).toEqual(['tag t=first', 'tag t=second', 'tag t=third']);
    }
    expect(served.fake.state.runs.size).toBe(5);
  });

  test.each(['ours', 'theirs'] as const)('of a run that ended here: %s leads to it, then both to the same', async (which) => {
    const served = await Served.start();
    const tracker = served.tracker({ workers: 3 });
    const run = tracker.startRun({ params: { lr: 0.1 } });
    await run.end();
    const ids = { ours: run.id, theirs: await run.storeId };
    const again = tracker.startRun({ runId: ids[which] });
    expect([tracker.startRun({ runId: ids.ours }), tracker.startRun({ runId: ids.theirs })]).toEqual([again, again]);
    expect(again.id).toBe(ids.ours);
    expect(await failureOf(ParamConflictError, again.logParam('lr', 0.2))).toMatchObject({ storedValue: '0.1' });
    await again.end('KILLED');
    expect(served.run(ids.theirs).status).toBe('KILLED');
    // Its lane's worker knows it: nobody had to look for it.
    expect(served.fake.requests('runs/search')).toEqual([]);
    expect(served.fake.state.runs.size).toBe(1);
  });

  test('of an earlier program’s run goes on with it, as our id does', async () => {
    const served = await Served.start();
    const { ours, theirs } = await earlier(served);
    for (const runId of [theirs, ours]) {
      const tracker = served.tracker();
      const run = tracker.startRun({ runId });
      expect(run.id).toBe(runId);
      expect(await run.storeId).toBe(theirs);
      expect(tracker.startRun({ runId: theirs })).toBe(run);
      await run.logParam('lr', 0.1);
      await tracker.close();
    }
    expect(served.fake.state.runs.size).toBe(1);
  });

  test('MLFLOW_RUN_ID may hold either', async () => {
    const served = await Served.start();
    const tracker = served.tracker();
    const run = tracker.startRun();
    process.env.MLFLOW_RUN_ID = await run.storeId;
    expect(tracker.startRun()).toBe(run);
    process.env.MLFLOW_RUN_ID = run.id;
    expect(tracker.startRun()).toBe(run);
    expect(process.env.MLFLOW_RUN_ID).toBeUndefined();
  });
});

describe('a child names its parent by the server’s id', () => {
  test('when both are started in one turn, on whichever of three workers', async () => {
    const served = await Served.start();
    const tracker = served.tracker({ workers: 3 });
    const strangers = [tracker.startRun(), tracker.startRun(), tracker.startRun(), tracker.startRun()];
    await Promise.all(strangers.map((run) => run.storeId));
    // Slow, so that children which do not wait for it come first.
    const slow = served.fake.fault({ path: 'runs/create', body: '"parent"' }, { hang: 'before applying' });
    const parent = tracker.startRun({ name: 'parent' });
    const children = Array.from({ length: 6 }, () => tracker.startRun({ parentRunId: parent.id }));
    const grandchild = tracker.startRun({ parentRunId: children[0]?.id ?? '' });
    await until('the parent’s creation to be asked for', () => slow.fired > 0);
    await sleep(200);
    expect(served.fake.requests('runs/create')).toHaveLength(strangers.length + 1);
    slow.release();
    await tracker.close();
    const theirs = idThere(served, parent.id);
    for (const child of children) expect(served.run(idThere(served, child.id)).tags.get(PARENT)).toBe(theirs);
    expect(served.run(idThere(served, grandchild.id)).tags.get(PARENT)).toBe(idThere(served, children[0]?.id ?? ''));
  });

  test.each(['open', 'ended'] as const)('when the parent is there and %s, by either id', async (how) => {
    const served = await Served.start();
    const tracker = served.tracker({ workers: 3 });
    const parent = tracker.startRun();
    const theirs = await parent.storeId;
    if (how === 'ended') await parent.end();
    const children = [parent.id, theirs, parent.id, theirs].map((parentRunId) => tracker.startRun({ parentRunId }));
    await tracker.close();
    for (const child of children) expect(served.run(idThere(served, child.id)).tags.get(PARENT)).toBe(theirs);
    expect(served.fake.requests('runs/search')).toEqual([]);
  });

  test('and by what was given when no such run is there, or can be made', async () => {
    const served = await Served.start();
    const tracker = served.tracker();
    const missing = tracker.startRun({ runId: 'f'.repeat(32) });
    const child = tracker.startRun({ parentRunId: missing.id });
    const orphan = tracker.startRun({ parentRunId: 'nobody' });
    await tracker.close({ throwOnFailure: false });
    expect(served.run(idThere(served, child.id)).tags.get(PARENT)).toBe(missing.id);
    expect(served.run(idThere(served, orphan.id)).tags.get(PARENT)).toBe('nobody');
  });

  test('when the parent is of an earlier program, by either id', async () => {
    const served = await Served.start();
    const { ours, theirs } = await earlier(served);
    const tracker = served.tracker({ workers: 2 });
    const children = [ours, theirs].map((parentRunId) => tracker.startRun({ parentRunId }));
    await tracker.close();
    for (const child of children) expect(served.run(idThere(served, child.id)).tags.get(PARENT)).toBe(theirs);
  });
});

describe('errors show both ids: the program’s log has ours, MLflow’s pages have the server’s', () => {
  test('a conflict, and a log call after the end', async () => {
    const served = await Served.start();
    const run = served.tracker().startRun({ params: { lr: 0.1 } });
    const storeId = await run.storeId;
    const conflict = await failureOf(ParamConflictError, run.logParam('lr', 0.2));
    expect(conflict).toMatchObject({ runId: run.id, storeId, key: 'lr', storedValue: '0.1', newValue: '0.2' });
    expect(conflict.message).toContain(`run ${run.id} (${storeId} in the store)`);
    await run.end();
    await expect(run.logParam('k', 1)).rejects.toThrow(`run ${run.id} (${storeId} in the store) has ended`);
  });

  test('a run that is deleted, or gone, while it is logged to', async () => {
    const served = await Served.start();
    const tracker = served.tracker();
    const [deleted, gone] = [tracker.startRun(), tracker.startRun()];
    const [deletedId, goneId] = [await deleted.storeId, await gone.storeId];
    served.run(deletedId).deleted = true;
    served.fake.state.runs.delete(goneId);
    const [first, second] = [deleted.logParam('k', 1), gone.logParam('k', 1)];
    const deletion = await failureOf(RunDeletedError, first);
    expect(deletion).toMatchObject({ runId: deleted.id, storeId: deletedId });
    expect(deletion.message).toContain(`run ${deleted.id} (${deletedId} in the store) is deleted`);
    const absence = await failureOf(RunNotFoundError, second);
    expect(absence).toMatchObject({ runId: gone.id, storeId: goneId });
    expect(absence.message).toContain(`run ${gone.id} (${goneId} in the store) is gone`);
    const ends = await Promise.all([deleted, gone].map((run) => failureOf(LogFailuresError, run.end())));
    expect(ends.map(({ errors }) => errors.map(({ runId, storeId }) => [runId, storeId]))).toEqual([
      [[deleted.id, deletedId]],
      [[gone.id, goneId]],
    ]);
  });

  test('an item that the server refuses', async () => {
    const served = await Served.start();
    const run = served.tracker().startRun();
    const storeId = await run.storeId;
    served.fake.fault(
      { path: 'runs/log-batch', body: 'poison' },
      {
        answer: {
          status: 400,
          body: JSON.stringify({ error_code: 'INVALID_PARAMETER_VALUE', message: "'Param key' is not to the server's taste" }),
        },
      },
      100,
    );
    const refused = await failureOf(BatchRefusedError, run.logParam('poison', 1));
    expect(refused).toMatchObject({ runId: run.id, storeId, status: 400 });
    expect(refused.message).toContain(`run ${run.id} (${storeId} in the store)`);
  });

  test('but one where the caller knows the run by the server’s own', async () => {
    const served = await Served.start();
    const { theirs } = await earlier(served);
    const run = served.tracker().startRun({ runId: theirs });
    const conflict = await failureOf(ParamConflictError, run.logParam('lr', 0.2));
    expect(conflict).toMatchObject({ runId: theirs, storeId: undefined });
    expect(conflict.message).not.toContain('in the store)');
  });
});
