import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ClosedError, HeadraceError, LogFailuresError, type Receipt, type Run } from '../../src/index.js';
import { Stored } from './stored.js';

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function revokedArray(): object {
  const { proxy, revoke } = Proxy.revocable([], {});
  revoke();
  return proxy;
}

/** A proxy whose every trap throws. */
function hostile(): object {
  const trap = (): never => {
    throw new Error('hands off');
  };
  const traps: ProxyHandler<object> = Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((name) => [name, trap]));
  return new Proxy({}, traps);
}

function cyclic(): object {
  const value: Record<string, unknown> = {};
  value.self = value;
  return value;
}

const garbage: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => Number.NaN,
  () => Number.POSITIVE_INFINITY,
  () => -0,
  () => 1e300,
  () => 2 ** 53,
  () => 0.5,
  () => -1,
  () => 7,
  () => 10n ** 30n,
  () => true,
  () => '',
  () => 'key',
  () => 'a/../b',
  () => 'nul\0',
  () => 'half \ud800',
  () => '学习率',
  () => '__proto__',
  () => 'x'.repeat(499),
  () => 'x'.repeat(200_000),
  () => '😀'.repeat(5000),
  () => Symbol('s'),
  () => Symbol.iterator,
  () => () => 1,
  () => class {},
  () => new Date(Number.NaN),
  () => new Date(0),
  () => [],
  () => [1, undefined, () => 1],
  () => new Array(5),
  () => ({}),
  () => ({ a: 1, b: { c: 'text' }, d: undefined }),
  () => ({ prefix: 5 }),
  () => ({ prefix: Symbol('prefix') }),
  () => ({
    get prefix(): string {
      throw new Error('no prefix');
    },
  }),
  () => ({ toJSON: () => undefined }),
  () => ({
    toJSON() {
      throw undefined;
    },
  }),
  () => ({ [Symbol.toPrimitive]: () => Symbol('p') }),
  () => Object.create(null),
  () => Object.create({ inherited: 1 }),
  () => new Map([[{}, 1]]),
  () => new Map<unknown, unknown>([[Symbol('k'), Symbol('v')]]),
  () => new Set([Symbol('s')]),
  () => new Error('an error'),
  () => new URL('https://example.org'),
  () => new Uint8Array(3),
  () => new BigInt64Array(2),
  () => Promise.resolve(1),
  () => new WeakMap(),
  () => new Proxy([], {}),
  () => new Proxy(() => 1, {}),
  cyclic,
  revoked,
  revokedArray,
  hostile,
];

const METHODS = ['logParam', 'logParams', 'logConfig', 'logMetric', 'logMetrics', 'setTag', 'setTags'] as const;

type AnyCall = (...args: readonly unknown[]) => Receipt;

function call(run: Run, method: (typeof METHODS)[number], args: readonly unknown[]): Receipt {
  // The declared types are what a caller of JavaScript, or of `as never`, goes past.
  return Reflect.apply(run[method] as AnyCall, run, args);
}

async function errorOf(receipt: Receipt): Promise<unknown> {
  try {
    await receipt;
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Rejections that nobody handled while the test ran. */
function unhandled(): unknown[] {
  const seen: unknown[] = [];
  const listener = (reason: unknown): void => void seen.push(reason);
  process.on('unhandledRejection', listener);
  onTestFinished(() => void process.off('unhandledRejection', listener));
  return seen;
}

/** Node tells of an unhandled rejection behind the microtasks of a turn. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const anyCall = fc.record({
  method: fc.constantFrom(...METHODS),
  args: fc.array(fc.constantFrom(...garbage), { maxLength: 4 }),
});

describe('whatever a logging call is given, it does not throw', () => {
  test('each single kind of garbage, in each position of each method', async () => {
    const seen = unhandled();
    const stored = new Stored();
    const tracker = stored.tracker();
    const run = tracker.startRun();
    const sane: Record<(typeof METHODS)[number], readonly unknown[]> = {
      logParam: ['key', 1],
      logParams: [{ a: 1 }, {}],
      logConfig: ['nowhere.yaml', {}],
      logMetric: ['key', 1, 2, 3],
      logMetrics: [{ key: 1 }, 2],
      setTag: ['key', 'text'],
      setTags: [{ key: 'text' }],
    };
    const receipts: Receipt[] = [];
    for (const method of METHODS) {
      for (let position = 0; position < sane[method].length; position++) {
        for (const make of garbage) receipts.push(call(run, method, sane[method].with(position, make())));
      }
      receipts.push(call(run, method, []));
    }
    const errors = await Promise.all(receipts.map(errorOf));
    for (const error of errors) {
      if (error !== undefined)
        expect(error instanceof HeadraceError || error instanceof LogFailuresError, String(error)).toBe(true);
    }
    for (const receipt of receipts) expect(['landed', 'failed']).toContain(receipt.state);
    // Nothing of it kept the next good record from landing.
    await run.logParam('good', 'yes');
    expect(stored.params(run.id).good).toBe('yes');
    await turn();
    expect(seen).toEqual([]);
  });

  test('any mixture of it, awaited or not, and every receipt settles', async () => {
    const seen = unhandled();
    const stored = new Stored();
    const tracker = stored.tracker();
    await fc.assert(
      fc.asyncProperty(fc.array(anyCall, { maxLength: 30 }), fc.boolean(), async (calls, awaited) => {
        const run = tracker.startRun();
        const receipts = calls.map(({ method, args }) =>
          call(
            run,
            method,
            args.map((make) => make()),
          ),
        );
        if (awaited) await Promise.all(receipts.map(errorOf));
        const report = await run.end('FINISHED', { throwOnFailure: false });
        expect(report.pending).toBe(0);
        // Those that the caller's side refused never were accepted.
        expect(report.landed).toBeLessThanOrEqual(report.accepted);
        expect(report.landed + report.failed).toBeGreaterThanOrEqual(report.accepted);
        for (const receipt of receipts) expect(['landed', 'failed']).toContain(receipt.state);
      }),
      { numRuns: 60 },
    );
    await turn();
    expect(seen).toEqual([]);
  });

  test('after end and after close it is ClosedError on the receipt', async () => {
    const seen = unhandled();
    const stored = new Stored();
    const tracker = stored.tracker();
    const ended = tracker.startRun();
    const closed = tracker.startRun();
    await ended.end();
    const afterEnd = METHODS.map((method) => call(ended, method, sanely(method)));
    await tracker.close({ throwOnFailure: false });
    const afterClose = METHODS.map((method) => call(closed, method, sanely(method)));
    for (const receipt of [...afterEnd, ...afterClose]) {
      expect(receipt.state).toBe('failed');
      const error = await errorOf(receipt);
      const first: unknown = error instanceof LogFailuresError ? error.errors[0] : error;
      expect(first).toBeInstanceOf(ClosedError);
    }
    for (const make of garbage)
      for (const method of METHODS) expect(call(closed, method, [make(), make(), make(), make()]).state).toBeDefined();
    expect(stored.count('params')).toBe(0);
    await turn();
    expect(seen).toEqual([]);
  });
});

function sanely(method: (typeof METHODS)[number]): readonly unknown[] {
  switch (method) {
    case 'logParams':
    case 'logMetrics':
      return [{ a: 1 }];
    case 'setTags':
      return [{ a: 'b' }];
    case 'setTag':
      return ['a', 'b'];
    case 'logConfig':
      return ['config.yaml'];
    default:
      return ['a', 1];
  }
}
