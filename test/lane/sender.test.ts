import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ParamConflictError, RunDeletedError, StoreUnavailableError } from '../../src/errors.js';
import { ParamPlaces, PendingBatch } from '../../src/lane/pending-batch.js';
import type { RunQueue } from '../../src/lane/run-queue.js';
import { Sender } from '../../src/lane/sender.js';
import { newSignals, Signal } from '../../src/lane/signals.js';
import type { Settlement } from '../../src/lane/step.js';
import type { RetryPolicy } from '../../src/options.js';
import { INLINE } from '../../src/ring/key-table.js';
import { type Batch, type Busy, type NewRun, type Outcome, type Store, StoreBusyError } from '../../src/store/store.js';
import { queueOf, requestOf } from './queue-of.js';

const LIMITS = { maxParams: 100, maxMetrics: 100, maxTags: 100, maxEntities: 100, maxBytes: 10_000, lingerMs: 0 };
const RETRY: RetryPolicy = {
  retries: Number.POSITIVE_INFINITY,
  minTimeout: 100,
  maxTimeout: 1000,
  factor: 2,
  maxRetryTime: 60_000,
  randomize: false,
  addedJitterMs: 0,
};
const DAY_MS = 86_400_000;
const LANDED: Settlement = { failures: [], all: undefined };

const busy = (about: Busy = {}): StoreBusyError => new StoreBusyError('connect ECONNREFUSED', about);
const RUN_MS = 5;

/** A store that answers after 5 ms, as `answer` says at that time: nothing thrown is landed. */
class ScriptedStore implements Store {
  readonly remote: boolean;
  readonly calls: string[] = [];
  readonly landed: string[] = [];
  answer: (runId: string, value: string) => void = () => undefined;
  opens = 0;
  closes = 0;

  constructor(remote: boolean) {
    this.remote = remote;
  }

  async open(): Promise<void> {
    this.opens++;
    await this.call('open', '');
  }

  async createRun({ id }: NewRun): Promise<string> {
    await this.call('create', id);
    return `${id} in the store`;
  }

  async land({ runId, items }: Batch): Promise<readonly Outcome[]> {
    for (const { value } of items) await this.call(runId, String(value));
    return items.map(() => undefined);
  }

  async endRun({ runId }: { readonly runId: string }): Promise<void> {
    await this.call(runId, 'end');
  }

  async close(): Promise<void> {
    this.closes++;
  }

  private async call(runId: string, value: string): Promise<void> {
    this.calls.push(`${runId}${value}`);
    await new Promise((resolve) => setTimeout(resolve, RUN_MS));
    this.answer(runId, value);
    this.landed.push(`${runId}${value}`);
  }
}

class Scene {
  readonly told: string[] = [];
  readonly store: ScriptedStore;
  readonly signals: Int32Array = new Int32Array(newSignals());
  readonly sender: Sender;
  private readonly places = new ParamPlaces();
  private readonly queues = new Map<string, RunQueue>();

  constructor({ remote = true, retry = {} }: { remote?: boolean; retry?: Partial<RetryPolicy> } = {}) {
    this.store = new ScriptedStore(remote);
    this.sender = new Sender({
      store: this.store,
      storeName: 'http://host',
      retry: { ...RETRY, ...retry },
      signals: this.signals,
      watcher: {
        down: (error) => void this.told.push(`down: ${error.message}`),
        up: () => void this.told.push('up'),
        notice: (text) => void this.told.push(`notice: ${text}`),
      },
      onTurnedAway: () => undefined,
    });
  }

  /** One whose store has been opened, by a run of no account. */
  static async opened(options?: ConstructorParameters<typeof Scene>[0]): Promise<Scene> {
    const scene = new Scene(options);
    const made = scene.create('opened');
    if (vi.isFakeTimers()) await vi.advanceTimersByTimeAsync(4 * RUN_MS);
    await made;
    scene.store.calls.length = 0;
    return scene;
  }

  queue(runId: string): RunQueue {
    const queue = this.queues.get(runId) ?? queueOf(runId);
    queue.storeId = runId;
    this.queues.set(runId, queue);
    return queue;
  }

  /** Takes a batch of one param of each value to the store. */
  send(runId: string, ...values: readonly string[]): Promise<Settlement> {
    const batch = new PendingBatch(this.places, LIMITS, 1, 0);
    for (const [i, value] of values.entries()) batch.add(i + 1, INLINE, { kind: 'param', key: `key ${value}`, value });
    return this.sender.perform(this.queue(runId), batch);
  }

  /** Makes the run. */
  create(runId: string): Promise<Settlement> {
    const queue = queueOf(runId);
    return this.sender.perform(queue, { kind: 'create', request: requestOf(runId), seq: 1, stretch: undefined, mayExist: false });
  }

  get retries(): number {
    return this.signals[Signal.Retries] as number; // a fixed word
  }
}

const DOWN = 'down: store http://host: connect ECONNREFUSED';
const LONG = 'notice: store http://host: connect ECONNREFUSED; what is logged waits';

describe('an outage of a server', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('that begins while a hundred runs have requests away is told once, and its end once', async () => {
    const scene = await Scene.opened();
    scene.store.answer = () => {
      throw busy();
    };
    const sent = Array.from({ length: 100 }, (_, i) => scene.send(`run ${i} `, 'a'));
    await vi.advanceTimersByTimeAsync(RUN_MS);
    expect(scene.told).toEqual([DOWN]);
    await vi.advanceTimersByTimeAsync(20_000);
    // One at a time: 100, 200, 400, 800 ms, then every second, and the time of each call.
    expect(scene.store.calls.length - 100).toBeLessThan(25);
    expect(scene.retries).toBe(scene.store.calls.length);
    expect(scene.told).toEqual([DOWN, LONG]);
    scene.store.answer = () => undefined;
    await vi.advanceTimersByTimeAsync(1000 + 2 * RUN_MS);
    expect(await Promise.all(sent)).toEqual(sent.map(() => LANDED));
    expect(scene.told).toEqual([DOWN, LONG, 'up']);
  });

  test('keeps the order of each run, and lands everything once', async () => {
    const scene = await Scene.opened();
    const { calls } = scene.store;
    scene.store.answer = () => {
      if ((calls.length > 10 && calls.length <= 20) || (calls.length > 40 && calls.length <= 50)) throw busy();
    };
    const runs = ['x', 'y', 'z'];
    const values = Array.from({ length: 20 }, (_, i) => String(i));
    const whole = Promise.all(
      runs.map(async (run) => {
        for (const value of values) expect(await scene.send(run, value)).toEqual(LANDED);
      }),
    );
    await vi.advanceTimersByTimeAsync(20_000);
    await whole;
    for (const run of runs) {
      const landed = scene.store.landed.filter((call) => call.startsWith(run));
      expect(landed).toEqual(values.map((value) => `${run}${value}`));
    }
    expect(scene.told).toEqual([DOWN, 'up', DOWN, 'up']);
  });

  test('does not fail a record, however long it lasts; after the budget it is asked every 30 s', async () => {
    const scene = await Scene.opened({ retry: { maxRetryTime: 600_000 } });
    scene.store.answer = () => {
      throw busy();
    };
    const sent = scene.send('a', '1');
    await vi.advanceTimersByTimeAsync(600_000);
    const before = scene.store.calls.length;
    await vi.advanceTimersByTimeAsync(DAY_MS);
    const tries = scene.store.calls.length - before;
    expect(tries).toBeGreaterThan(DAY_MS / 30_000 - 10);
    expect(tries).toBeLessThanOrEqual(DAY_MS / 30_000 + 1);
    scene.store.answer = () => undefined;
    await vi.advanceTimersByTimeAsync(30_100);
    expect(await sent).toEqual(LANDED);
    expect(scene.told).toEqual([DOWN, LONG, 'up']);
  });

  test('is not ended by hammering when the server says how long to wait', async () => {
    const scene = await Scene.opened();
    scene.store.answer = () => {
      throw busy({ retryAfterMs: 20_000 });
    };
    const sent = [scene.send('a', '1'), scene.send('b', '1')];
    await vi.advanceTimersByTimeAsync(RUN_MS);
    sent.push(scene.send('c', '1'));
    await vi.advanceTimersByTimeAsync(19_900);
    expect(scene.store.calls).toEqual(['a1', 'b1']);
    scene.store.answer = () => undefined;
    await vi.advanceTimersByTimeAsync(200);
    expect(await Promise.all(sent)).toEqual([LANDED, LANDED, LANDED]);
  });

  test('is told again when it comes again, and a call that was slow all the while tells nothing', async () => {
    const scene = await Scene.opened();
    let slow = (): void => undefined;
    const land = scene.store.land.bind(scene.store);
    scene.store.land = async (batch) => {
      if (batch.runId !== 'slow' || scene.store.calls.includes('slow')) return await land(batch);
      scene.store.calls.push('slow');
      return await new Promise((_resolve, reject) => {
        slow = () => reject(busy());
      });
    };
    const late = scene.send('slow', '1');
    scene.store.answer = () => {
      throw busy();
    };
    const sent = scene.send('a', '1');
    await vi.advanceTimersByTimeAsync(50);
    scene.store.answer = () => undefined;
    await vi.advanceTimersByTimeAsync(500);
    await sent;
    expect(scene.told).toEqual([DOWN, 'up']);
    slow();
    await vi.advanceTimersByTimeAsync(0);
    expect(scene.told).toEqual([DOWN, 'up']);
    await vi.advanceTimersByTimeAsync(500);
    expect(await late).toEqual(LANDED);
  });

  test('leaves the wait that the server asked of a call to it, though another opens the gate meanwhile', async () => {
    const scene = await Scene.opened();
    let refuse = (): void => undefined;
    const land = scene.store.land.bind(scene.store);
    scene.store.land = async (batch) => {
      if (batch.runId !== 'slow' || scene.store.calls.includes('slow')) return await land(batch);
      scene.store.calls.push('slow');
      return await new Promise((_resolve, reject) => {
        refuse = () => reject(busy({ retryAfterMs: 5000 }));
      });
    };
    const late = scene.send('slow', '1');
    scene.store.answer = () => {
      throw busy();
    };
    const sent = scene.send('a', '1');
    await vi.advanceTimersByTimeAsync(RUN_MS);
    scene.store.answer = () => undefined;
    // Its probe is on the way.
    while (scene.store.calls.filter((call) => call === 'a1').length < 2) await vi.advanceTimersByTimeAsync(1);
    refuse();
    await vi.advanceTimersByTimeAsync(1000);
    expect(await sent).toEqual(LANDED);
    expect(scene.store.landed).not.toContain('slow1');
    await vi.advanceTimersByTimeAsync(5000);
    expect(await late).toEqual(LANDED);
  });

  test('ends for the others when a probe is refused for good, and only what was refused fails', async () => {
    const scene = await Scene.opened();
    scene.store.answer = () => {
      throw busy();
    };
    const sent = [scene.send('deleted', '1'), scene.send('b', '1')];
    await vi.advanceTimersByTimeAsync(50);
    scene.store.answer = (runId) => {
      if (runId === 'deleted') throw new RunDeletedError({ runId });
    };
    await vi.advanceTimersByTimeAsync(500);
    const [refused, landed] = await Promise.all(sent);
    expect(refused?.failures).toMatchObject([{ seq: 1, error: { code: 'HEADRACE_RUN_DELETED' } }]);
    expect(landed).toEqual(LANDED);
    expect(scene.told).toEqual([DOWN, 'up']);
  });

  test('ends with an answer that refuses the only run there is', async () => {
    const scene = await Scene.opened();
    scene.store.answer = () => {
      throw busy();
    };
    const sent = scene.send('deleted', '1');
    await vi.advanceTimersByTimeAsync(50);
    scene.store.answer = (runId) => {
      throw new RunDeletedError({ runId });
    };
    await vi.advanceTimersByTimeAsync(500);
    expect((await sent).failures).toHaveLength(1);
    expect(scene.told).toEqual([DOWN, 'up']);
  });

  test('that a person must end is explained once, also when the server was away before', async () => {
    const scene = await Scene.opened();
    scene.store.answer = () => {
      throw busy();
    };
    const sent = [scene.send('a', '1'), scene.send('b', '1')];
    await vi.advanceTimersByTimeAsync(50);
    scene.store.answer = () => {
      throw new StoreBusyError('401 Unauthorized: check MLFLOW_TRACKING_PASSWORD', { needsPerson: true, retryAfterMs: 30_000 });
    };
    await vi.advanceTimersByTimeAsync(100_000);
    const notice =
      'notice: store http://host: 401 Unauthorized: check MLFLOW_TRACKING_PASSWORD; what is logged waits, and is tried again every 30 s';
    expect(scene.told).toEqual([DOWN, notice]);
    expect(scene.store.calls.length).toBeLessThan(8);
    scene.store.answer = () => undefined;
    await vi.advanceTimersByTimeAsync(31_000);
    await Promise.all(sent);
    expect(scene.told).toEqual([DOWN, notice, 'up']);
  });

  test('that lasts is told to whoever sits before the terminal, once', async () => {
    const scene = await Scene.opened();
    scene.store.answer = () => {
      throw busy();
    };
    const sent = scene.send('a', '1');
    await vi.advanceTimersByTimeAsync(9000);
    expect(scene.told).toEqual([DOWN]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(scene.told).toEqual([DOWN, LONG]);
    scene.store.answer = () => undefined;
    await vi.advanceTimersByTimeAsync(31_000);
    await sent;
    expect(scene.told).toEqual([DOWN, LONG, 'up']);
  });

  test('costs a call nothing while there is none', async () => {
    const scene = await Scene.opened();
    const sent = scene.send('a', '1');
    expect(scene.store.calls).toEqual(['a1']);
    await vi.advanceTimersByTimeAsync(RUN_MS);
    expect([await sent, scene.retries, scene.told]).toEqual([LANDED, 0, []]);
  });
});

describe('a run in trouble of its own', () => {
  test('keeps no other run out, and is not told as an outage again and again', async () => {
    const scene = await Scene.opened({ retry: { minTimeout: 5, maxTimeout: 20 } });
    scene.store.answer = (runId) => {
      if (runId === 'poison') throw busy();
    };
    const stuck = scene.send('poison', '1').catch(() => undefined);
    const until = performance.now() + 400;
    const rounds = await Promise.all(
      ['b', 'c', 'd'].map(async (run) => {
        let round = 0;
        for (; performance.now() < until; round++) expect(await scene.send(run, String(round))).toEqual(LANDED);
        return round;
      }),
    );
    for (const round of rounds) expect(round).toBeGreaterThan(5);
    expect(scene.store.calls.filter((call) => call === 'poison1').length).toBeGreaterThan(3);
    expect(scene.told).toEqual([DOWN, 'up']);
    scene.sender.giveUp();
    await stuck;
  });

  test('is explained once for each run when a person must end it; the others go on, and its end is told', async () => {
    const scene = await Scene.opened({ retry: { minTimeout: 1 } });
    let forbidden = true;
    scene.store.answer = (runId) => {
      if (runId.startsWith('no') && forbidden)
        throw new StoreBusyError(`403 Forbidden: ${runId}`, { scope: 'run', needsPerson: true, retryAfterMs: 20 });
    };
    const sent = [scene.send('no 1', 'a'), scene.send('no 2', 'a')];
    const startedAt = performance.now();
    while (scene.store.calls.filter((call) => call === 'no 2a').length < 4) {
      expect(await scene.send('b', 'a')).toEqual(LANDED);
    }
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(3 * 20 - 5);
    const about = (run: string): string[] => [
      `down: store http://host: 403 Forbidden: ${run}`,
      `notice: store http://host: 403 Forbidden: ${run}; what is logged waits, and is tried again every 1 s`,
    ];
    expect(scene.told).toEqual([...about('no 1'), ...about('no 2')]);
    forbidden = false;
    expect(await Promise.all(sent)).toEqual([LANDED, LANDED]);
    expect(scene.told.slice(4)).toEqual(['up', 'up']);
  });

  test('does not wait for itself again when it is the store’s turn to fail', async () => {
    const scene = await Scene.opened({ retry: { minTimeout: 1 } });
    const answers = [busy({ scope: 'run', retryAfterMs: 400 }), busy(), busy()];
    scene.store.answer = () => {
      const answer = answers.shift();
      if (answer !== undefined) throw answer;
    };
    const startedAt = performance.now();
    expect(await scene.send('a', '1')).toEqual(LANDED);
    expect(performance.now() - startedAt).toBeLessThan(800);
  });

  test('a bug of a store is not tried again', async () => {
    const scene = await Scene.opened();
    let tries = 0;
    scene.store.answer = () => {
      if (tries++ === 0) throw busy();
      throw new TypeError('x is not a function');
    };
    await expect(scene.send('a', '1')).rejects.toThrow('x is not a function');
    expect(tries).toBe(2);
  });
});

describe('a stop', () => {
  test.each<Busy>([{}, { scope: 'run' }])('ends waits of a minute at once: %o', async (about) => {
    const scene = await Scene.opened();
    scene.store.answer = () => {
      throw busy({ ...about, retryAfterMs: 60_000 });
    };
    const sent = [scene.send('a', '1'), scene.send('b', '1')];
    while (scene.retries < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    sent.push(...(about.scope === 'run' ? [] : [scene.send('c', '1')]));
    const startedAt = performance.now();
    scene.sender.giveUp();
    const ends = await Promise.allSettled(sent);
    expect(performance.now() - startedAt).toBeLessThan(1000);
    expect(ends.map(({ status }) => status)).toEqual(sent.map(() => 'rejected'));
    expect(scene.store.calls).toEqual(['a1', 'b1']);
  });

  test('a request that its end cuts off is no outage, and the run’s next step does not go to a closed store', async () => {
    const scene = await Scene.opened();
    scene.store.answer = () => {
      throw busy();
    };
    const sent = scene.send('a', '1');
    scene.sender.giveUp();
    await expect(sent).rejects.toThrow(/abort/);
    await expect(scene.send('a', '2')).rejects.toThrow(/abort/);
    expect([scene.told, scene.store.calls]).toEqual([[], ['a1']]);
  });

  test('what still lands after it counts as landed, also at a later try', async () => {
    const scene = await Scene.opened({ retry: { minTimeout: 1 } });
    let tries = 0;
    scene.store.answer = () => {
      if (++tries === 1) throw busy();
    };
    const [first, later] = [scene.send('a', '1'), scene.send('b', '1')];
    while (scene.store.calls.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
    scene.sender.giveUp();
    expect(await Promise.all([first, later])).toEqual([LANDED, LANDED]);
  });

  test('a store that is being opened is closed as well', async () => {
    const scene = new Scene();
    const made = scene.create('a');
    while (scene.store.opens === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    scene.sender.giveUp();
    await scene.sender.close();
    expect(scene.store.closes).toBe(1);
    await expect(made).rejects.toThrow(/abort/);
    expect(scene.store.calls).toEqual(['open']);
  });
});

describe('runs that begin together', () => {
  test('open the store once', async () => {
    const scene = await Scene.opened();
    expect(await Promise.all(['a', 'b', 'c'].map((run) => scene.create(run)))).toEqual([LANDED, LANDED, LANDED]);
    expect(scene.store.opens).toBe(1);
  });

  test('while it can’t be opened: each is made once it can', async () => {
    const scene = new Scene({ retry: { minTimeout: 1 } });
    let tries = 0;
    scene.store.answer = (call) => {
      if (call === 'open' && ++tries < 3) throw busy();
    };
    expect(await Promise.all(['a', 'b', 'c'].map((run) => scene.create(run)))).toEqual([LANDED, LANDED, LANDED]);
    expect(scene.store.opens).toBe(3);
    expect(scene.store.landed.slice(1).sort()).toEqual(['createa', 'createb', 'createc']);
  });
});

describe('a file that another process holds', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('is not told as down within a second, and once after it', async () => {
    const scene = await Scene.opened({ remote: false });
    scene.store.answer = () => {
      throw busy();
    };
    const sent = [scene.send('a', '1'), scene.send('b', '1')];
    await vi.advanceTimersByTimeAsync(900);
    expect(scene.told).toEqual([]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(scene.told).toEqual([DOWN]);
    scene.store.answer = () => undefined;
    await vi.advanceTimersByTimeAsync(1100);
    expect(await Promise.all(sent)).toEqual([LANDED, LANDED]);
    expect(scene.told).toEqual([DOWN, 'up']);
  });

  test('for longer than the budget fails what waited for it; what comes then lands, and it is told up', async () => {
    const scene = await Scene.opened({ remote: false, retry: { maxRetryTime: 3000 } });
    scene.store.answer = () => {
      throw busy();
    };
    const sent = [scene.send('a', '1', '2'), scene.send('b', '1')];
    await vi.advanceTimersByTimeAsync(3100);
    const settlements = await Promise.all(sent);
    const errors = settlements.flatMap(({ failures }) => failures.map(({ error }) => error));
    expect(errors.map((error) => error instanceof StoreUnavailableError)).toEqual([true, true, true]);
    expect(errors[0]?.message).toContain('gave up after 3.0 s of retries (options retry.*)');
    scene.store.answer = () => undefined;
    const later = scene.send('a', '3');
    await vi.advanceTimersByTimeAsync(RUN_MS);
    expect(await later).toEqual(LANDED);
    expect(scene.told).toEqual([DOWN, 'up']);
  });

  test('for longer than the budget when a run is made: nothing of the run goes to the store', async () => {
    vi.useRealTimers();
    const scene = new Scene({ remote: false, retry: { minTimeout: 1, maxRetryTime: 30 } });
    scene.store.answer = () => {
      throw busy();
    };
    expect((await scene.create('a')).all).toBeInstanceOf(StoreUnavailableError);
    expect(scene.store.calls.every((call) => call === 'open')).toBe(true);
  });
});

test('outcomes of the items that a retry brings are told by their records', async () => {
  const scene = await Scene.opened({ retry: { minTimeout: 1 } });
  const conflict = new ParamConflictError({ runId: 'a', key: 'key 2', storedValue: '0', newValue: '2' });
  let tries = 0;
  scene.store.land = async () => {
    if (++tries < 3) throw busy();
    return [undefined, conflict];
  };
  const item = expect.objectContaining({ key: 'key 2', value: '2' });
  expect(await scene.send('a', '1', '2')).toEqual({ failures: [{ seq: 2, error: conflict, item }], all: undefined });
  expect(scene.retries).toBe(2);
});
