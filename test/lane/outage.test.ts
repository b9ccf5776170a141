import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { StoreUnavailableError } from '../../src/errors.js';
import { Outage, Passage } from '../../src/lane/outage.js';
import type { RetryPolicy } from '../../src/options.js';
import { type Busy, StoreBusyError } from '../../src/store/store.js';

const STEADY: RetryPolicy = {
  retries: Number.POSITIVE_INFINITY,
  minTimeout: 100,
  maxTimeout: 1000,
  factor: 2,
  maxRetryTime: Number.POSITIVE_INFINITY,
  randomize: false,
  addedJitterMs: 0,
};

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Calls that come to a gate, and what became of each: `<name>` is let through, `<name>!` as a probe. */
class Calls {
  readonly log: string[] = [];
  readonly abort: AbortController = new AbortController();
  readonly outage: Outage;
  private readonly passages = new Map<string, Passage>();
  private readonly startedAt = performance.now();

  constructor(policy: Partial<RetryPolicy> = {}, endless = true) {
    this.outage = new Outage({
      storeName: 'http://host',
      policy: { ...STEADY, ...policy },
      endless,
      signal: this.abort.signal,
    });
  }

  /** Through the gate, if need be behind others. */
  async come(name: string): Promise<void> {
    const passage = this.passage(name);
    try {
      await this.outage.turn(passage);
      this.log.push(passage.isProbe ? `${name}!` : name);
    } catch (error) {
      this.log.push(`${name}: ${error instanceof Error ? error.name : String(error)}`);
    }
  }

  fails(name: string, busy: Busy = {}): StoreUnavailableError | undefined {
    return this.outage.failed(this.passage(name), new StoreBusyError('503 Service Unavailable', busy));
  }

  isAnswered(name: string): void {
    this.outage.answered(this.passage(name));
  }

  /** Fails whenever it gets its turn; returns the milliseconds between its tries. */
  async pauses(name: string, tries: number, busy: Busy = {}): Promise<number[]> {
    const found: number[] = [];
    for (let i = 0; i < tries; i++) {
      this.fails(name, busy);
      const failedAt = this.now;
      const turn = this.come(name);
      const logged = this.log.length;
      while (this.log.length === logged) await vi.advanceTimersToNextTimerAsync();
      await turn;
      found.push(this.now - failedAt);
    }
    return found;
  }

  get now(): number {
    return performance.now() - this.startedAt;
  }

  private passage(name: string): Passage {
    const passage = this.passages.get(name) ?? new Passage(this.outage.openings);
    this.passages.set(name, passage);
    return passage;
  }
}

describe('the time of the next probe', () => {
  test('a store that is away is not asked more and more often, nor ever more rarely than maxTimeout', async () => {
    expect(await new Calls().pauses('a', 6)).toEqual([100, 200, 400, 800, 1000, 1000]);
  });

  test('many clients of one server come back at different times: full jitter, from 0 up', async () => {
    vi.spyOn(Math, 'random').mockReturnValueOnce(0).mockReturnValueOnce(0).mockReturnValue(0.5);
    // Math.random is also asked for the added jitter of 0 ms: two numbers for each pause.
    expect(await new Calls({ randomize: true }).pauses('a', 4)).toEqual([0, 100, 200, 400]);
  });

  test('jitter of MLFLOW_HTTP_REQUEST_BACKOFF_JITTER comes on top of the backoff', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    expect(await new Calls({ addedJitterMs: 300 }).pauses('a', 5)).toEqual([250, 350, 550, 950, 1150]);
  });

  test('backoff that grows beyond any number, from 0 or without a cap, is still a time', async () => {
    const fromNothing = new Calls({ minTimeout: 0 });
    expect(new Set(await fromNothing.pauses('a', 1100))).toEqual(new Set([0]));
    expect(await fromNothing.pauses('a', 1, { retryAfterMs: 5000 })).toEqual([5000]);
    const uncapped = new Calls({ factor: 1e308, maxTimeout: Number.POSITIVE_INFINITY });
    expect(await uncapped.pauses('a', 3)).toEqual([100, 2 ** 31 - 1, 2 ** 31 - 1]);
  });

  test('no try comes before the time that the store gave', async () => {
    expect(await new Calls().pauses('a', 2, { retryAfterMs: 5000 })).toEqual([5000, 5000]);
    expect(await new Calls().pauses('a', 1, { retryAfterMs: 20 })).toEqual([100]);
  });

  test('nor does it when the store gave it to a call that was on its way already', async () => {
    const calls = new Calls();
    await Promise.all([calls.come('a'), calls.come('b')]);
    calls.fails('a');
    void calls.come('a');
    calls.fails('b', { retryAfterMs: 3000 });
    await vi.advanceTimersByTimeAsync(2999);
    expect(calls.log).toEqual(['a', 'b']);
    await vi.advanceTimersByTimeAsync(2);
    expect(calls.log).toEqual(['a', 'b', 'a!']);
  });

  test('a Retry-After of a year does not stop a run for a year', async () => {
    expect(await new Calls().pauses('a', 1, { retryAfterMs: 365 * 86_400_000 })).toEqual([600_000]);
  });

  test('wrong credentials are not tried again at once, even if the store gave no time', async () => {
    expect(await new Calls().pauses('a', 2, { needsPerson: true })).toEqual([30_000, 30_000]);
  });
});

describe('when the budget is used up', () => {
  test.each([{ maxRetryTime: 650 }, { retries: 3 }])('a remote store is asked every 30 s, for days: %o', async (budget) => {
    const pauses = await new Calls(budget).pauses('a', 3000);
    expect(pauses.slice(0, 3).reduce((sum, ms) => sum + ms)).toBeLessThanOrEqual(700);
    expect(new Set(pauses.slice(3))).toEqual(new Set([30_000]));
  });

  test('a Retry-After longer than that is respected', async () => {
    expect(await new Calls({ retries: 0 }).pauses('a', 2, { retryAfterMs: 40_000 })).toEqual([40_000, 40_000]);
  });

  test.each([{ maxRetryTime: 650 }, { retries: 3 }])(
    'what waits for a file fails, and what comes later has a budget of its own: %o',
    async (budget) => {
      const calls = new Calls(budget, false);
      await calls.come('a');
      expect(calls.fails('a')).toBe(undefined);
      const pauses: number[] = [];
      for (const name of ['a', 'b', 'c']) void calls.come(name);
      for (const probe of ['a', 'b', 'c']) {
        const failedAt = calls.now;
        await vi.advanceTimersToNextTimerAsync();
        expect(calls.log.at(-1)).toBe(`${probe}!`);
        pauses.push(calls.now - failedAt);
        expect(calls.fails(probe)).toEqual(probe === 'c' ? expect.any(StoreUnavailableError) : undefined);
        if (probe !== 'c') void calls.come(probe);
      }
      await vi.advanceTimersByTimeAsync(0);
      expect(calls.log.slice(-2)).toEqual(['a: StoreUnavailableError', 'b: StoreUnavailableError']);
      expect(pauses).toEqual('retries' in budget ? [100, 200, 400] : [100, 200, 350]);
      await calls.come('d');
      expect([calls.log.at(-1), calls.fails('d')]).toEqual(['d', undefined]);
    },
  );

  test('the error says how long it was tried, and by which options', async () => {
    const calls = new Calls({ maxRetryTime: 1200 }, false);
    await calls.come('a');
    let end = calls.fails('a');
    while (end === undefined) {
      void calls.come('a');
      await vi.advanceTimersToNextTimerAsync();
      end = calls.fails('a');
    }
    expect(end.message).toBe('store http://host: 503 Service Unavailable; gave up after 1.2 s of retries (options retry.*)');
  });
});

describe('while the gate is closed', () => {
  test('one call at a time asks the store, and one that is turned away goes behind the others', async () => {
    const calls = new Calls({ factor: 1 });
    await calls.come('poison');
    calls.fails('poison');
    for (const name of ['poison', 'b']) void calls.come(name);
    await vi.advanceTimersByTimeAsync(5000);
    void calls.come('c');
    await vi.advanceTimersByTimeAsync(5000);
    expect(calls.log).toEqual(['poison', 'poison!']);
    calls.fails('poison');
    void calls.come('poison');
    await vi.advanceTimersByTimeAsync(5000);
    expect(calls.log).toEqual(['poison', 'poison!', 'b!']);
    calls.isAnswered('b');
    await vi.advanceTimersByTimeAsync(0);
    expect(calls.log).toEqual(['poison', 'poison!', 'b!', 'c', 'poison']);
    expect(calls.outage.isDown).toBe(false);
  });

  test('a probe that is due waits for the next call, and goes at once when it comes', async () => {
    const calls = new Calls();
    await calls.come('a');
    calls.fails('a');
    await vi.advanceTimersByTimeAsync(10_000);
    void calls.come('b');
    await vi.advanceTimersByTimeAsync(1);
    expect(calls.log).toEqual(['a', 'b!']);
  });

  test('an answer to a call that was sent before it closed does not open it', async () => {
    const calls = new Calls();
    await Promise.all([calls.come('a'), calls.come('b')]);
    calls.fails('a', { retryAfterMs: 1000 });
    void calls.come('a');
    calls.isAnswered('b');
    await vi.advanceTimersByTimeAsync(500);
    expect([calls.outage.isDown, calls.log]).toEqual([true, ['a', 'b']]);
  });

  test('a probe that fails is no answer, whoever was answered before it', async () => {
    const calls = new Calls();
    await Promise.all([calls.come('a'), calls.come('b')]);
    calls.fails('a');
    calls.isAnswered('b');
    for (const name of ['a', 'c']) void calls.come(name);
    await vi.advanceTimersByTimeAsync(100);
    calls.fails('a');
    await vi.advanceTimersByTimeAsync(100);
    expect([calls.outage.isDown, calls.log]).toEqual([true, ['a', 'b', 'a!']]);
  });

  test('failures of calls that were sent before it closed use up none of the tries', async () => {
    const calls = new Calls({ retries: 1 }, false);
    const names = ['a', 'b', 'c', 'd', 'e'];
    await Promise.all(names.map((name) => calls.come(name)));
    expect(names.map((name) => calls.fails(name))).toEqual(names.map(() => undefined));
    void calls.come('e');
    await vi.advanceTimersByTimeAsync(100);
    expect(calls.log.at(-1)).toBe('e!');
    expect(calls.fails('e')).toBeInstanceOf(StoreUnavailableError);
  });

  test('a probe that only its run is refused opens it for the others', async () => {
    const calls = new Calls();
    await calls.come('a');
    calls.fails('a');
    void calls.come('a');
    void calls.come('b');
    await vi.advanceTimersByTimeAsync(100);
    calls.fails('a', { scope: 'run' });
    await vi.advanceTimersByTimeAsync(0);
    expect([calls.outage.isDown, calls.log]).toEqual([false, ['a', 'a!', 'b']]);
  });
});

describe('a failure that is not the store’s', () => {
  test('of a run alone closes nothing, and that run waits as it was told', async () => {
    const calls = new Calls();
    await calls.come('a');
    calls.fails('a', { scope: 'run', retryAfterMs: 1000 });
    await calls.come('b');
    expect([calls.outage.isDown, calls.log]).toEqual([false, ['a', 'b']]);
  });

  test('of a call that was sent before the gate opened does not close it again', async () => {
    const calls = new Calls();
    await Promise.all([calls.come('slow'), calls.come('b')]);
    calls.fails('b');
    void calls.come('b');
    await vi.advanceTimersByTimeAsync(100);
    calls.isAnswered('b');
    calls.fails('slow');
    expect(calls.outage.isDown).toBe(false);
  });

  test('of a call that fails while others are answered does not keep those out, time and again', async () => {
    const calls = new Calls();
    await Promise.all([calls.come('poison'), calls.come('b')]);
    calls.fails('poison');
    void calls.come('b');
    await vi.advanceTimersByTimeAsync(100);
    for (let round = 0; round < 5; round++) {
      calls.isAnswered('b');
      calls.fails('poison');
      expect(calls.outage.isDown).toBe(false);
      await calls.come('b');
    }
    // Nobody is answered any more: now it may be the store.
    calls.fails('poison');
    expect(calls.outage.isDown).toBe(true);
  });

  test('lasts no longer than the budget where the store is a file', async () => {
    const calls = new Calls({ retries: 2 }, false);
    await calls.come('a');
    const ends = [1, 2, 3].map(() => calls.fails('a', { scope: 'run' }));
    expect(ends).toEqual([undefined, undefined, expect.any(StoreUnavailableError)]);
  });
});

test('a stop ends the waits for the gate and for oneself at once, and later ones too', async () => {
  const calls = new Calls();
  await Promise.all([calls.come('a'), calls.come('alone')]);
  calls.fails('alone', { scope: 'run', retryAfterMs: 60_000 });
  calls.fails('a', { retryAfterMs: 60_000 });
  const waits = [calls.come('alone'), calls.come('a'), calls.come('b')];
  calls.abort.abort();
  await Promise.all(waits);
  await calls.come('c');
  expect(calls.log.slice(2).sort()).toEqual(['a: AbortError', 'alone: AbortError', 'b: AbortError', 'c: AbortError']);
  expect(vi.getTimerCount()).toBe(0);
});
