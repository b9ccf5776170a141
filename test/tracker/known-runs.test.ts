import { expect, test } from 'vitest';
import { KnownRuns, MAX_ENDED } from '../../src/known-runs.js';

interface Known {
  readonly id: string;
  readonly lane: string;
  readonly ledger: { storeId: string | undefined };
}

/** As a tracker does: a run is known at once, its id in the store a little later. */
class Runs {
  readonly known: KnownRuns<Known> = new KnownRuns<Known>();

  start(id: string, lane = 'a lane'): Known {
    const run: Known = { id: this.known.idOf(id), lane, ledger: { storeId: undefined } };
    this.known.add(run);
    return run;
  }

  made(run: Known, storeId: string): void {
    run.ledger.storeId = storeId;
    this.known.created(run.id, storeId);
  }

  by(id: string): Known | undefined {
    return this.known.find(this.known.idOf(id));
  }
}

test('either id leads to the run while it is open, and to its lane when it has ended', () => {
  const runs = new Runs();
  const run = runs.start('ours', 'second lane');
  expect(runs.known.idOf('theirs')).toBe('theirs');
  runs.made(run, 'theirs');
  expect([runs.by('ours'), runs.by('theirs')]).toEqual([run, run]);
  runs.known.remove(run);
  expect([runs.by('ours'), runs.by('theirs')]).toEqual([undefined, undefined]);
  expect(['ours', 'theirs'].map((id) => runs.known.idOf(id))).toEqual(['ours', 'ours']);
  expect(['ours', 'theirs'].map((id) => runs.known.findEnded(id)?.lane)).toEqual(['second lane', 'second lane']);
});

test('a run that is resumed before its end has settled is the one that its store’s id gives, told or not', () => {
  const runs = new Runs();
  const ending = runs.start('ours');
  runs.made(ending, 'theirs');
  const again = runs.start('theirs');
  expect(again.id).toBe('ours');
  expect(runs.by('theirs')).toBe(again);
  runs.known.remove(ending);
  expect(runs.by('theirs')).toBe(again);
  runs.made(again, 'theirs');
  expect(runs.by('theirs')).toBe(again);
  runs.known.remove(again);
  expect(runs.by('theirs')).toBeUndefined();
});

test('the end of an earlier opening takes nothing from a later one that is made already', () => {
  const runs = new Runs();
  const ending = runs.start('ours');
  const again = runs.start('ours');
  runs.made(again, 'theirs');
  ending.ledger.storeId = 'theirs';
  runs.known.remove(ending);
  expect([runs.by('ours'), runs.by('theirs')]).toEqual([again, again]);
});

test('a run that was resumed by the store’s id, before it was known whose it is, is not taken for another', () => {
  const runs = new Runs();
  const ours = runs.start('ours');
  const theirs = runs.start('theirs');
  runs.made(ours, 'theirs');
  expect([runs.by('ours'), runs.by('theirs')]).toEqual([ours, theirs]);
  runs.known.remove(theirs);
  runs.known.remove(ours);
  expect([runs.known.idOf('ours'), runs.known.idOf('theirs')]).toEqual(['ours', 'ours']);
});

test('ended runs take bounded memory: the oldest is forgotten, and none that is open or was resumed since', () => {
  const runs = new Runs();
  const open = runs.start('open');
  runs.made(open, 'open there');
  const end = (id: string): void => {
    const run = runs.start(id);
    runs.made(run, `${id} there`);
    runs.known.remove(run);
  };
  for (let i = 0; i < MAX_ENDED; i++) end(`run ${i}`);
  end('run 0');
  expect(runs.known.idOf('run 1 there')).toBe('run 1');
  end('one more');
  expect(['run 0', 'run 1', 'run 2'].map((id) => runs.known.idOf(`${id} there`))).toEqual(['run 0', 'run 1 there', 'run 2']);
  expect(runs.by('open there')).toBe(open);
});

test('where the store takes our ids an ended run leaves nothing behind', () => {
  const runs = new Runs();
  const run = runs.start('ours');
  runs.known.remove(run);
  expect([runs.by('ours'), runs.known.findEnded('ours')]).toEqual([undefined, undefined]);
});
