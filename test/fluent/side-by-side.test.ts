/** The active run of each line of work, when several go on at once. */
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { activeRun, endRun, flush, lastActiveRun, logMetric, logParam, setTag, startRun, withRun } from '../../src/fluent.js';
import { ClosedError, LogFailuresError, type Run, RunActiveError } from '../../src/index.js';
import { failure, failureOf } from '../tracker/waiting.js';
import { fluentOnFile, forgetBetweenTests, runsOf } from './on-file.js';

forgetBetweenTests();

describe('runs side by side', () => {
  test('get what their own function logs, across awaits, timers, promises of others, and after a throw', async () => {
    const stored = fluentOnFile();
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function work(name: string): Promise<void> {
      logParam('at once', name);
      await turn();
      logParam('after an await', name);
      await new Promise<void>((resolve) => {
        setTimeout(() => {
          logParam('in a timer', name);
          resolve();
        }, 2);
      });
      await gate;
      logParam('after a promise of others', name);
      try {
        await sleep(1);
        throw new Error('boom');
      } catch {
        logParam('after a throw', name);
      }
      queueMicrotask(() => void logParam('in a microtask', name));
      await turn();
    }
    const names = ['a', 'b', 'c'];
    const all = Promise.all(names.map((name) => withRun({ runName: name }, () => work(name))));
    await sleep(10);
    expect(activeRun()).toBeUndefined();
    release();
    await all;
    for (const name of names) {
      const { params, status } = runsOf(stored).get(name) ?? {};
      expect(status).toBe('FINISHED');
      expect(Object.keys(params ?? {})).toHaveLength(6);
      expect(new Set(Object.values(params ?? {}))).toEqual(new Set([name]));
    }
    expect(stored.count('runs')).toBe(3);
  });

  type Step = 'log' | 'await' | 'timer' | 'turn' | 'throw and catch' | { readonly nested: readonly Step[] };

  const steps: fc.Arbitrary<Step[]> = fc.letrec<{ steps: Step[]; step: Step }>((tie) => ({
    steps: fc.array(tie('step'), { maxLength: 6, depthIdentifier: 'nesting' }),
    step: fc.oneof(
      { depthSize: 'small', depthIdentifier: 'nesting' },
      fc.constantFrom('log' as const, 'await' as const, 'timer' as const, 'turn' as const, 'throw and catch' as const),
      fc.record({ nested: tie('steps') }),
    ),
  })).steps;

  test('keep to themselves in any order of steps, nested ones beside their siblings too', async () => {
    const stored = fluentOnFile();
    let rounds = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 2, maxLength: 4 }), async (works) => {
        const round = rounds++;
        const logged = new Map<string, number>();
        async function perform(name: string, todo: readonly Step[]): Promise<void> {
          logged.set(name, 0);
          const children: Promise<void>[] = [];
          for (const [i, step] of todo.entries()) {
            if (typeof step === 'object') {
              const child = `${name}/${i}`;
              children.push(withRun({ runName: child, nested: true }, () => perform(child, step.nested)));
            } else if (step === 'log') {
              logParam(`p${i}`, name);
              logged.set(name, (logged.get(name) ?? 0) + 1);
            } else if (step === 'throw and catch') {
              await withRun({ runName: `${name}/${i} fails`, nested: true }, () => Promise.reject(new Error('boom'))).catch(
                () => undefined,
              );
            } else {
              await { await: () => undefined, timer: () => sleep(1), turn: () => turn() }[step]();
            }
          }
          await Promise.all(children);
        }
        await Promise.all(works.map((work, i) => withRun({ runName: `${round}.${i}` }, () => perform(`${round}.${i}`, work))));
        const runs = runsOf(stored);
        for (const [name, count] of logged) {
          const { params = {}, parent } = runs.get(name) ?? {};
          expect(Object.values(params)).toEqual(Array.from({ length: count }, () => name));
          expect(parent).toBe(name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : undefined);
        }
      }),
      { numRuns: 15 },
    );
    expect(activeRun()).toBeUndefined();
  });

  test('beside a run of startRun must be nested, and are its children', async () => {
    const stored = fluentOnFile();
    const sweep = startRun({ runName: 'sweep' });
    await expect(withRun({ runName: 'refused' }, () => undefined)).rejects.toThrow(RunActiveError);
    await Promise.all([1, 2].map((lr) => withRun({ runName: `lr ${lr}`, nested: true }, () => logParam('lr', lr))));
    expect(activeRun()).toBe(sweep);
    await endRun();
    const runs = runsOf(stored);
    expect([...runs.keys()].sort()).toEqual(['lr 1', 'lr 2', 'sweep']);
    expect([runs.get('lr 1')?.parent, runs.get('lr 2')?.parent]).toEqual(['sweep', 'sweep']);
  });

  test('of startRun alone are refused rather than mixed', async () => {
    fluentOnFile();
    const results = await Promise.allSettled(
      [1, 2].map(async (lr) => {
        await turn();
        startRun();
        await logParam('lr', lr);
      }),
    );
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(results[1]).toMatchObject({ reason: { code: 'HEADRACE_RUN_ACTIVE' } });
  });
});

describe('withRun', () => {
  test('gives its run to the function and gives back what that returns, when the run has ended', async () => {
    const stored = fluentOnFile();
    let own: Run | undefined;
    const result = await withRun({ runName: 'own' }, async (run) => {
      own = run;
      expect(activeRun()).toBe(run);
      await logMetric('loss', 1);
      return 'result';
    });
    expect(result).toBe('result');
    expect(runsOf(stored).get('own')?.status).toBe('FINISHED');
    expect(lastActiveRun()).toBe(own);
  });

  test.each([
    [
      'throws',
      (error: Error): never => {
        throw error;
      },
    ],
    ['rejects', (error: Error): Promise<never> => Promise.reject(error)],
  ])('ends FAILED where the function %s, with that error and no other, though records were refused', async (_, fail) => {
    const stored = fluentOnFile();
    const error = new Error('of the training');
    const thrown = await failure(
      withRun({ runName: 'failing' }, () => {
        setTag('good', 'yes');
        setTag('b$d', 'yes');
        return fail(error);
      }),
    );
    expect(thrown).toBe(error);
    expect(error).toEqual(new Error('of the training'));
    expect(runsOf(stored).get('failing')?.status).toBe('FAILED');
    // Nobody has been told yet.
    expect((await failureOf(LogFailuresError, flush())).keys).toEqual(['b$d']);
  });

  test('rejects where the function is done and records were refused', async () => {
    fluentOnFile();
    const error = await failureOf(
      LogFailuresError,
      withRun({}, () => void logParam('b$d', 1)),
    );
    expect(error.keys).toEqual(['b$d']);
    await flush();
  });

  test('ends what was started in it, the way it ends itself', async () => {
    const stored = fluentOnFile();
    await withRun({ runName: 'good' }, () => {
      startRun({ runName: 'left in good', nested: true });
      startRun({ runName: 'left in that', nested: true });
      logParam('of', 'that');
    });
    await withRun({ runName: 'bad' }, () => {
      startRun({ runName: 'left in bad', nested: true });
      throw new Error('boom');
    }).catch(() => undefined);
    expect(Object.fromEntries([...runsOf(stored)].map(([name, { status }]) => [name, status]))).toEqual({
      bad: 'FAILED',
      good: 'FINISHED',
      'left in bad': 'FAILED',
      'left in good': 'FINISHED',
      'left in that': 'FINISHED',
    });
    expect(runsOf(stored).get('left in that')).toMatchObject({ parent: 'left in good', params: { of: 'that' } });
    expect(activeRun()).toBeUndefined();
  });

  test('lets the function end its run as it likes, and what is logged then is a new one', async () => {
    const stored = fluentOnFile();
    await withRun({ runName: 'own' }, async () => {
      await endRun('KILLED');
      expect(activeRun()).toBeUndefined();
      startRun({ runName: 'next' });
    });
    expect(Object.fromEntries([...runsOf(stored)].map(([name, { status }]) => [name, status]))).toEqual({
      next: 'FINISHED',
      own: 'KILLED',
    });
  });

  test('waits for an end that the function did not wait for', async () => {
    const stored = fluentOnFile();
    await withRun({ runName: 'good' }, () => void endRun('KILLED'));
    expect(runsOf(stored).get('good')?.status).toBe('KILLED');
    await failure(
      withRun({ runName: 'bad' }, () => {
        void endRun('KILLED');
        throw new Error('boom');
      }),
    );
    expect(runsOf(stored).get('bad')?.status).toBe('KILLED');
  });

  test('does not let the function end a run outside', async () => {
    fluentOnFile();
    const outer = startRun();
    await withRun({ nested: true }, async () => {
      await endRun();
      expect(await endRun()).toBeUndefined();
    });
    expect(activeRun()).toBe(outer);
  });

  test('that is over refuses what was left behind in it, and no run is started for that', async () => {
    const stored = fluentOnFile();
    let late: Promise<unknown> = Promise.resolve();
    let release = (): void => undefined;
    await withRun({ runName: 'over' }, () => {
      late = new Promise<void>((resolve) => {
        release = resolve;
      }).then(() => logParam('late', 1));
    });
    release();
    expect(await failureOf(ClosedError, late)).toMatchObject({ message: expect.stringContaining('has ended') });
    expect(stored.count('runs')).toBe(1);
    // Out here a run may start.
    await logParam('here', 1);
    expect(stored.count('runs')).toBe(2);
  });
});
