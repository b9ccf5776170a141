/** What every store must do, whatever it keeps runs in. A store's test file calls it with a way to look behind the store. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ExperimentError, ParamConflictError, RunDeletedError, RunNotFoundError } from '../../src/errors.js';
import type { ExperimentChoice, Item, MetricItem, NewRun, Store } from '../../src/store/store.js';
import type { StoredExperiment, StoredMetric, StoredRun } from './backstage-tables.js';
import { failure, newId, newRun } from './calls.js';

/** A place that stores keep runs in, and what an independent reader finds and does there. */
export interface Backstage {
  /** True: a run has our id there. False: the place chooses one, and `createRun` returns it. */
  readonly keepsIds: boolean;
  /** Rounds of a property's test; fewer where each call takes milliseconds. */
  readonly propertyRuns: number;
  /** Opened; closed after the test. */
  store(): Promise<Store>;
  /** An experiment's name that is this place's own, where others share what is behind it. */
  named(name: string): string;
  /** Tags that the store gives a new run besides those that it was given. */
  ownTags(run: NewRun): Record<string, string>;
  /** Ids of the runs that stand there for a run that we made, or tried to make, with this id of ours. */
  runsMadeFor(id: string): string[];
  run(runId: string): StoredRun | undefined;
  params(runId: string): Record<string, string>;
  tags(runId: string): Record<string, string>;
  /** Sorted by key, step, timestamp, value. */
  history(runId: string): StoredMetric[];
  latest(runId: string): StoredMetric[];
  /** MLflow's `Default` and this place's own. */
  experiments(): StoredExperiment[];
  deleteRun(runId: string): Promise<void>;
  restoreRun(runId: string): Promise<void>;
  deleteExperiment(name: string): Promise<void>;
}

const param = (key: string, value: string): Item => ({ kind: 'param', key, value });
const tag = (key: string, value: string): Item => ({ kind: 'tag', key, value });
const metric = (key: string, value: number, step = 0, timestamp = 1000): MetricItem => ({
  kind: 'metric',
  key,
  value,
  step,
  timestamp,
});

export function storeContract(name: string, makePlace: () => Backstage): void {
  describe(`${name}: runs`, () => {
    test('a new run has every column that MLflow needs to show it', async () => {
      const place = makePlace();
      const store = await place.store();
      const experiment = place.named('digits');
      const run = newRun({ experiment: { name: experiment }, name: 'first', tags: [['mlflow.user', 'ada']] });
      const { id } = await started(place, store, run);
      const { location } = place.experiments().find(({ name }) => name === experiment) ?? expect.unreachable();
      expect(place.run(id)).toEqual({
        name: 'first',
        status: 'RUNNING',
        userId: 'ada',
        startTime: 1_700_000_000_000,
        endTime: null,
        experiment,
        artifacts: `${location}/${id}/artifacts`,
      });
      expect(place.tags(id)).toEqual({ 'mlflow.user': 'ada', 'mlflow.runName': 'first', ...place.ownTags(run) });
    });

    test('a run is named by its name, else by its tag, else at random, and the tag says the same', async () => {
      const place = makePlace();
      const store = await place.store();
      const runs = [
        newRun({ name: 'given', tags: [['mlflow.runName', 'other']] }),
        newRun({ tags: [['mlflow.runName', 'tagged']] }),
        newRun(),
      ];
      const ids: string[] = [];
      for (const run of runs) ids.push((await started(place, store, run)).id);
      const names = ids.map((id) => place.run(id)?.name ?? '');
      expect(names).toEqual(['given', 'tagged', expect.stringMatching(/^[a-z]+-[a-z]+-\d{1,3}$/)]);
      expect(ids.map((id) => place.tags(id)['mlflow.runName'])).toEqual(names);
    });

    test('the later of two equal tags of a new run wins', async () => {
      const place = makePlace();
      const run = newRun({ tags: [['a', '1'], ['b', '1'], ['a', '2']] }); // biome-ignore format: pairs
      const { id } = await started(place, await place.store(), run);
      expect(place.tags(id)).toMatchObject({ a: '2', b: '1' });
    });

    test('making a run again, because its answer or its worker was lost, makes one run with the first name', async () => {
      const place = makePlace();
      const store = await place.store();
      const run = newRun({ experiment: { name: place.named('once') } });
      const { id } = await started(place, store, run);
      const before = [place.run(id), place.tags(id)];
      for (const again of [store, await place.store()]) {
        expect(await again.createRun({ ...run, mayExist: true })).toBe(id);
        expect(place.runsMadeFor(run.id)).toEqual([id]);
        expect([place.run(id), place.tags(id)]).toEqual(before);
      }
    });

    test('a run that a lost worker may have made, and has not, is made', async () => {
      const place = makePlace();
      const { id } = await started(place, await place.store(), newRun({ mayExist: true, name: 'made' }));
      expect(place.run(id)).toMatchObject({ name: 'made', status: 'RUNNING' });
    });

    test('the end sets status and time, and saying it twice changes nothing', async () => {
      const place = makePlace();
      const store = await place.store();
      const { id } = await started(place, store);
      for (let i = 0; i < 2; i++) await store.endRun({ runId: id, status: 'FAILED', endTime: 1_700_000_009_000 });
      expect(place.run(id)).toMatchObject({ status: 'FAILED', endTime: 1_700_000_009_000 });
    });

    test('the end of a run that is not there, or deleted, is refused', async () => {
      const place = makePlace();
      const store = await place.store();
      const { id } = await started(place, store);
      await place.deleteRun(id);
      const end = (runId: string): Promise<unknown> => failure(store.endRun({ runId, status: 'FINISHED', endTime: 1 }));
      expect(await end(id)).toBeInstanceOf(RunDeletedError);
      expect(await end(newId())).toBeInstanceOf(RunNotFoundError);
    });

    test('the end of a run whose process died overrules no other end, and is no error where there is nothing to end', async () => {
      const place = makePlace();
      const store = await place.store();
      const end = { status: 'KILLED', endTime: 1_700_000_009_000, ifRunning: true } as const;
      const [left, over, deleted] = [await started(place, store), await started(place, store), await started(place, store)];
      await store.endRun({ runId: over.id, status: 'FINISHED', endTime: 1_700_000_005_000 });
      await place.deleteRun(deleted.id);
      for (let i = 0; i < 2; i++) {
        for (const runId of [left.id, over.id, deleted.id, newId()]) await store.endRun({ runId, ...end });
      }
      await place.restoreRun(deleted.id);
      expect([left, over, deleted].map(({ id }) => [place.run(id)?.status, place.run(id)?.endTime])).toEqual([
        ['KILLED', end.endTime],
        ['FINISHED', 1_700_000_005_000],
        ['RUNNING', null],
      ]);
    });

    test('a run is lost sight of that is known by our id alone, in whatever experiment it is', async () => {
      const place = makePlace();
      const run = newRun({ experiment: { name: place.named('elsewhere') } });
      const { id } = await started(place, await place.store(), run);
      const store = await place.store();
      const nobody = newId();
      // As a parent, of whom nothing else is known: that must not count as finding it.
      await started(place, store, newRun({ tags: [['mlflow.parentRunId', nobody]] }));
      expect([await store.find?.(run.id), await store.find?.(nobody)]).toEqual([place.keepsIds ? undefined : id, undefined]);
    });
  });

  describe(`${name}: resuming`, () => {
    test('a resumed run is running again, keeps its end time and name, and gets the tags', async () => {
      const place = makePlace();
      const store = await place.store();
      const run = newRun({ name: 'kept' });
      const { id } = await started(place, store, run);
      await store.endRun({ runId: id, status: 'FINISHED', endTime: 1_700_000_009_000 });
      const again = newRun({ id, resume: true, tags: [['again', 'yes']], startTime: 1_800_000_000_000, userId: 'bob' });
      expect(await store.createRun(again)).toBe(id);
      expect(place.run(id)).toMatchObject({
        name: 'kept',
        status: 'RUNNING',
        endTime: 1_700_000_009_000,
        startTime: 1_700_000_000_000,
        userId: 'ada',
      });
      expect(place.tags(id)).toEqual({ 'mlflow.runName': 'kept', again: 'yes', ...place.ownTags(run) });
    });

    test('a name given on resuming renames the run', async () => {
      const place = makePlace();
      const store = await place.store();
      const { id } = await started(place, store, newRun({ name: 'old' }));
      await store.createRun(newRun({ id, resume: true, name: 'new' }));
      expect([place.run(id)?.name, place.tags(id)['mlflow.runName']]).toEqual(['new', 'new']);
    });

    test('resuming an unknown or deleted run is refused and leaves nothing behind', async () => {
      const place = makePlace();
      const store = await place.store();
      const unknown = newRun({ resume: true });
      expect(await failure(store.createRun(unknown))).toBeInstanceOf(RunNotFoundError);
      expect(place.runsMadeFor(unknown.id)).toEqual([]);
      const { id } = await started(place, store);
      await place.deleteRun(id);
      const again = newRun({ id, resume: true, tags: [['t', 'x']] });
      expect(await failure(store.createRun(again))).toBeInstanceOf(RunDeletedError);
      expect(place.tags(id)).not.toHaveProperty('t');
    });
  });

  describe(`${name}: experiments`, () => {
    test('an experiment is made once and found by name and by id afterwards', async () => {
      const place = makePlace();
      const store = await place.store();
      const name = place.named('a');
      const make = async (experiment: ExperimentChoice): Promise<string | undefined> =>
        place.run((await started(place, store, newRun({ experiment }))).id)?.experiment;
      expect([await make({ name }), await make({ name }), await make({})]).toEqual([name, name, 'Default']);
      const id = place.experiments().find((experiment) => experiment.name === name)?.id;
      expect([await make({ id }), await make({ id, name })]).toEqual([name, name]);
      expect(place.experiments().map((experiment) => experiment.name)).toEqual(['Default', name]);
    });

    test('two stores that make one experiment at the same moment make one, and both have their run', async () => {
      const place = makePlace();
      const stores = [await place.store(), await place.store()];
      for (let i = 0; i < 5; i++) {
        const experiment = { name: place.named(`new ${i}`) };
        const ids = await Promise.all(stores.map(async (store) => (await started(place, store, newRun({ experiment }))).id));
        expect(ids.map((id) => place.run(id)?.experiment)).toEqual([experiment.name, experiment.name]);
      }
      expect(place.experiments()).toHaveLength(6);
    });

    test.each<[string, ExperimentChoice]>([
      ['an id that is not there', { id: '4711' }],
      ['an id that is no number', { id: 'mine' }],
      ['a name and an id that disagree', { id: '0', name: 'another' }],
    ])('%s is refused, and no experiment is made', async (_case, { id, name: plain }) => {
      const place = makePlace();
      const store = await place.store();
      const run = newRun({ experiment: { id, name: plain === undefined ? undefined : place.named(plain) } });
      expect(await failure(store.createRun(run))).toBeInstanceOf(ExperimentError);
      expect(place.runsMadeFor(run.id)).toEqual([]);
      expect(place.experiments()).toHaveLength(1);
    });

    test('a deleted experiment takes no run and is not made anew', async () => {
      const place = makePlace();
      const store = await place.store();
      const gone = place.named('gone');
      await started(place, store, newRun({ experiment: { name: gone } }));
      await place.deleteExperiment(gone);
      expect(await failure(store.createRun(newRun({ experiment: { name: gone } })))).toMatchObject({
        code: 'HEADRACE_EXPERIMENT',
        experiment: gone,
        message: expect.stringContaining('deleted'),
      });
      expect(place.experiments()).toHaveLength(2);
    });
  });

  describe(`${name}: params`, () => {
    test('the same value again lands, another one conflicts and names both, the stored one stays', async () => {
      const place = makePlace();
      const store = await place.store();
      const { id } = await started(place, store);
      expect(await store.land({ runId: id, items: [param('lr', '0.1'), param('empty', '')] })).toEqual([undefined, undefined]);
      const outcomes = await store.land({
        runId: id,
        items: [param('new', 'n'), param('lr', '0.1'), param('empty', 'x'), param('last', 'l')],
      });
      expect(outcomes.map((outcome) => outcome?.code)).toEqual([undefined, undefined, 'HEADRACE_PARAM_CONFLICT', undefined]);
      expect(outcomes[2]).toMatchObject({ runId: id, key: 'empty', storedValue: '', newValue: 'x' });
      expect(place.params(id)).toEqual({ lr: '0.1', empty: '', new: 'n', last: 'l' });
    });

    test('the same key in two runs is two params', async () => {
      const place = makePlace();
      const store = await place.store();
      const [a, b] = [await started(place, store), await started(place, store)];
      await store.land({ runId: a.id, items: [param('lr', '1')] });
      expect(await store.land({ runId: b.id, items: [param('lr', '2')] })).toEqual([undefined]);
      expect([place.params(a.id), place.params(b.id)]).toEqual([{ lr: '1' }, { lr: '2' }]);
    });

    test('a key that stands twice in one batch is judged in order', async () => {
      const place = makePlace();
      const store = await place.store();
      const { id } = await started(place, store);
      const outcomes = await store.land({ runId: id, items: [param('k', '1'), param('k', '1'), param('k', '2')] });
      expect(outcomes.map((outcome) => outcome?.code)).toEqual([undefined, undefined, 'HEADRACE_PARAM_CONFLICT']);
      expect(place.params(id)).toEqual({ k: '1' });
    });

    test('each conflict stands beside its own item, whatever else the batch holds and however long it is', async () => {
      // One place for all of the property's runs: making a database for each would be most of the test.
      const place = makePlace();
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(
            fc.record({ key: fc.integer({ min: 0, max: 400 }), kind: fc.constantFrom('new', 'same', 'other', 'metric', 'tag') }),
            {
              selector: ({ key }) => key,
              maxLength: 400,
            },
          ),
          async (cases) => {
            const store = await place.store();
            const { id } = await started(place, store);
            const stored = cases
              .filter(({ kind }) => kind === 'same' || kind === 'other')
              .map(({ key }) => param(`k${key}`, `v${key}`));
            if (stored.length > 0) await store.land({ runId: id, items: stored });
            const items = cases.map(({ key, kind }) => {
              if (kind === 'metric') return metric(`k${key}`, key);
              if (kind === 'tag') return tag(`k${key}`, `v${key}`);
              return param(`k${key}`, kind === 'other' ? `w${key}` : `v${key}`);
            });
            const outcomes = await store.land({ runId: id, items });
            expect(outcomes.map((outcome) => outcome instanceof ParamConflictError && outcome.newValue)).toEqual(
              cases.map(({ key, kind }) => kind === 'other' && `w${key}`),
            );
            expect(Object.keys(place.params(id)).length).toBe(
              cases.filter(({ kind }) => kind !== 'metric' && kind !== 'tag').length,
            );
            await store.close();
          },
        ),
        { numRuns: place.propertyRuns },
      );
    });
    test('keys and values come back as they were: any script, case, quotes, line ends, 6000 emoji', async () => {
      const place = makePlace();
      const store = await place.store();
      const { id } = await started(place, store);
      const texts = { größe: 'it\'s "x"\r\n\t', 学习率: '😀'.repeat(6000), A: ' a ', a: '', 'x²': '1e-05' };
      const items = Object.entries(texts).map(([key, value]) => param(key, value));
      expect(await store.land({ runId: id, items })).toEqual(items.map(() => undefined));
      expect(await store.land({ runId: id, items })).toEqual(items.map(() => undefined));
      expect(place.params(id)).toEqual(texts);
    });
  });

  describe(`${name}: metrics`, () => {
    test('NaN, infinities and -0 are stored by MLflow’s rule', async () => {
      const place = makePlace();
      const store = await place.store();
      const { id } = await started(place, store);
      const values = [Number.NaN, Infinity, -Infinity, -0, 5e-324, 0.1 + 0.2];
      await store.land({ runId: id, items: values.map((value, i) => metric(`m${i}`, value)) });
      const expected = [Number.NaN, Number.MAX_VALUE, -Number.MAX_VALUE, 0, 5e-324, 0.30000000000000004];
      expect(place.history(id).map(({ value }) => value)).toEqual(expected);
      expect(place.latest(id).map(({ value }) => value)).toEqual(expected);
    });

    test('the latest is greatest by step, then timestamp, then value; history keeps each different row once', async () => {
      const rows = [[0, 100, 1000], [3, 40, 100], [3, 50, 10], [3, 50, 20], [3, 50, 20], [-3, 900, 900], [-1, 800, 800]] as const; // biome-ignore format: a table
      for (const apart of [false, true]) {
        const place = makePlace();
        const store = await place.store();
        const { id } = await started(place, store);
        const items = rows.map(([step, timestamp, value]) => metric('m', value, step, timestamp));
        if (apart) for (const item of items) await store.land({ runId: id, items: [item] });
        else await store.land({ runId: id, items });
        expect(place.latest(id)).toEqual([{ key: 'm', step: 3, timestamp: 50, value: 20 }]);
        expect(place.history(id)).toHaveLength(6);
      }
    });

    test('whatever the order and the batches, the latest is that of a plain model with NaN as 0', async () => {
      const place = makePlace();
      const value = fc.constantFrom(Number.NaN, Infinity, -Infinity, -0, 0, -5, 5, 1e300);
      const row = fc.record({
        key: fc.constantFrom('a', 'b', 'c'),
        value,
        step: fc.integer({ min: -2, max: 2 }),
        timestamp: fc.integer({ min: 0, max: 2 }),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(row, { maxLength: 80 }), { maxLength: 4 }), async (batches) => {
          const store = await place.store();
          const { id } = await started(place, store);
          for (const batch of batches)
            await store.land({ runId: id, items: batch.map((item) => ({ kind: 'metric' as const, ...item })) });
          const model = new Map<string, StoredMetric>();
          for (const item of batches.flat()) {
            const held = model.get(item.key);
            if (held === undefined || greater(item, held)) model.set(item.key, item);
          }
          const clamp = (v: number): number => (Number.isFinite(v) || Number.isNaN(v) ? v + 0 : Math.sign(v) * Number.MAX_VALUE);
          const expected = [...model.values()]
            .map((item) => ({ ...item, value: clamp(item.value) }))
            .sort((x, y) => (x.key < y.key ? -1 : 1));
          expect(place.latest(id)).toEqual(expected);
          await store.close();
        }),
        { numRuns: place.propertyRuns },
      );
    });

    test('landing a batch twice equals landing it once', async () => {
      const place = makePlace();
      const store = await place.store();
      const { id } = await started(place, store);
      const items = [
        ...Array.from({ length: 200 }, (_, i) => metric(`m${i % 7}`, i % 11 === 0 ? Number.NaN : i, i)),
        ...Array.from({ length: 70 }, (_, i) => param(`p${i}`, `${i}`)),
        tag('t', '1'),
        tag('t', '2'),
      ];
      const landed = items.map(() => undefined);
      expect(await store.land({ runId: id, items })).toEqual(landed);
      const before = [place.history(id), place.latest(id), place.params(id), place.tags(id)];
      expect(await store.land({ runId: id, items })).toEqual(landed);
      expect([place.history(id), place.latest(id), place.params(id), place.tags(id)]).toEqual(before);
      expect(before[0]).toHaveLength(200);
    });

    test('steps and timestamps up to 2^53 - 1 are exact', async () => {
      const place = makePlace();
      const store = await place.store();
      const { id } = await started(place, store);
      const large = Number.MAX_SAFE_INTEGER;
      await store.land({ runId: id, items: [metric('m', 1, large, large), metric('n', 1, -large, large - 1)] });
      expect(place.history(id)).toEqual([
        { key: 'm', value: 1, step: large, timestamp: large },
        { key: 'n', value: 1, step: -large, timestamp: large - 1 },
      ]);
    });
  });

  describe(`${name}: tags`, () => {
    test('the last value wins, within a batch and after it', async () => {
      const place = makePlace();
      const store = await place.store();
      const { id } = await started(place, store);
      const many = Array.from({ length: 150 }, (_, i) => tag('many', `${i}`));
      expect(await store.land({ runId: id, items: [tag('t', '1'), tag('t', '2'), ...many] })).toHaveLength(152);
      expect(place.tags(id)).toMatchObject({ t: '2', many: '149' });
      await store.land({ runId: id, items: [tag('t', '3')] });
      expect(place.tags(id)).toMatchObject({ t: '3' });
    });

    test('mlflow.runName renames the run; an empty one is ignored, as by MLflow', async () => {
      const place = makePlace();
      const store = await place.store();
      const { id } = await started(place, store);
      await store.land({
        runId: id,
        items: [tag('mlflow.runName', 'x'), tag('mlflow.runName', 'renamed'), tag('mlflow.runName', '')],
      });
      expect([place.run(id)?.name, place.tags(id)['mlflow.runName']]).toEqual(['renamed', 'renamed']);
    });
  });

  describe(`${name}: batches`, () => {
    test('an unknown run refuses each item, a deleted one too until it is restored', async () => {
      const place = makePlace();
      const store = await place.store();
      const { id } = await started(place, store);
      const items = [param('p', '1'), metric('m', 1), tag('t', '1')];
      const unknown = newId();
      expect(await store.land({ runId: unknown, items })).toEqual(items.map(() => new RunNotFoundError({ runId: unknown })));
      await place.deleteRun(id);
      expect(await store.land({ runId: id, items })).toEqual(items.map(() => new RunDeletedError({ runId: id })));
      expect(place.params(id)).toEqual({});
      await place.restoreRun(id);
      expect(await store.land({ runId: id, items })).toEqual(items.map(() => undefined));
    });

    test('a run of a deleted experiment takes nothing', async () => {
      const place = makePlace();
      const store = await place.store();
      const gone = place.named('gone');
      const { id } = await started(place, store, newRun({ experiment: { name: gone } }));
      await place.deleteExperiment(gone);
      expect(await store.land({ runId: id, items: [param('p', '1')] })).toEqual([new RunDeletedError({ runId: id })]);
    });

    test('runs that land in one turn each get their own outcomes, a refused one hurts no other', async () => {
      const place = makePlace();
      const store = await place.store();
      const [a, b, c] = [await started(place, store), await started(place, store), await started(place, store)];
      await store.land({ runId: b.id, items: [param('k', 'stored')] });
      await place.deleteRun(c.id);
      const landed = await Promise.all([
        store.land({ runId: a.id, items: [param('k', '1'), param('l', '1')] }),
        store.land({ runId: newId(), items: [param('k', '1')] }),
        store.land({ runId: c.id, items: [param('k', '1')] }),
        store.land({ runId: b.id, items: [param('k', '2'), param('l', '2')] }),
      ]);
      expect(landed.map((outcomes) => outcomes.map((outcome) => outcome?.code))).toEqual([
        [undefined, undefined],
        ['HEADRACE_RUN_NOT_FOUND'],
        ['HEADRACE_RUN_DELETED'],
        ['HEADRACE_PARAM_CONFLICT', undefined],
      ]);
      expect([place.params(a.id), place.params(b.id)]).toEqual([
        { k: '1', l: '1' },
        { k: 'stored', l: '2' },
      ]);
    });

    test('a batch of 10,000 rows of all kinds lands whole', async () => {
      const place = makePlace();
      const store = await place.store();
      const { id } = await started(place, store);
      const before = Object.keys(place.tags(id)).length;
      const items = Array.from({ length: 10_000 }, (_, i) =>
        i % 3 === 0 ? param(`p${i}`, `${i}`) : i % 3 === 1 ? metric('m', i, i) : tag(`t${i}`, `${i}`),
      );
      expect((await store.land({ runId: id, items })).every((outcome) => outcome === undefined)).toBe(true);
      const tags = Object.keys(place.tags(id)).length - before;
      expect([Object.keys(place.params(id)).length, place.history(id).length, tags]).toEqual([3334, 3333, 3333]);
    });

    test('an empty batch is answered', async () => {
      const place = makePlace();
      const store = await place.store();
      const { id } = await started(place, store);
      expect(await store.land({ runId: id, items: [] })).toEqual([]);
    });

    test('what another store of the same place wrote is seen: its params conflict, its run can be resumed', async () => {
      const place = makePlace();
      const [one, two] = [await place.store(), await place.store()];
      const { id } = await started(place, one);
      await one.land({ runId: id, items: [param('k', 'one')] });
      await two.createRun(newRun({ id, resume: true }));
      expect((await two.land({ runId: id, items: [param('k', 'two')] }))[0]).toMatchObject({
        storedValue: 'one',
        newValue: 'two',
      });
    });

    test('what was asked for before close has landed after it', async () => {
      const place = makePlace();
      const store = await place.store();
      const { id } = await started(place, store);
      const landed = store.land({ runId: id, items: [param('k', '1')] });
      await store.close();
      expect(await landed).toEqual([undefined]);
      expect(place.params(id)).toEqual({ k: '1' });
    });
  });
}

async function started(place: Backstage, store: Store, run: NewRun = newRun()): Promise<{ id: string }> {
  const id = await store.createRun(run);
  if (place.keepsIds) expect(id).toBe(run.id);
  else expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(place.runsMadeFor(run.id)).toEqual([id]);
  return { id };
}

/** MLflow's order, NaN as 0. */
function greater(a: StoredMetric, b: StoredMetric): boolean {
  const value = (metric: StoredMetric): number => (Number.isNaN(metric.value) ? 0 : metric.value);
  if (a.step !== b.step) return a.step > b.step;
  if (a.timestamp !== b.timestamp) return a.timestamp > b.timestamp;
  return value(a) > value(b);
}
