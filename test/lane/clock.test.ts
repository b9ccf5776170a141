import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CallerClock, LaneClock } from '../../src/lane/clock.js';
import { newSignals, Signal } from '../../src/lane/signals.js';

const EPOCH = 1_700_000_000_000;
const DAYS_49 = 2 ** 32;

/** Milliseconds since the epoch; `Date.now` has whole ones. */
let time = 0;

beforeEach(() => {
  time = 1;
  vi.spyOn(Date, 'now').mockImplementation(() => Math.floor(EPOCH + time));
});

afterEach(() => {
  vi.restoreAllMocks();
});

function clocks(): { caller: CallerClock; worker: LaneClock; signals: Int32Array } {
  const signals = new Int32Array(newSignals());
  return { caller: new CallerClock(signals, EPOCH), worker: new LaneClock(signals, EPOCH), signals };
}

/** The time of a metric as `logMetric` takes it, in milliseconds since the epoch. */
function metricTime(caller: CallerClock): number {
  const stamp = caller.stamp() || caller.read();
  return stamp === 0 ? Date.now() - EPOCH : stamp >>> 0;
}

describe('while the worker sleeps or may be blocked', () => {
  test('its clock is not believed, however often it is asked', () => {
    const { caller, worker } = clocks();
    worker.tick();
    for (let i = 0; i < 1000; i++) metricTime(caller);
    worker.off();
    for (let i = 0; i < 1000; i++) {
      time += 17;
      expect(metricTime(caller)).toBe(time);
    }
  });

  test('before it has ever ticked the real clock is read', () => {
    const { caller } = clocks();
    for (let i = 0; i < 1000; i++) {
      time += 3;
      expect(metricTime(caller)).toBe(time);
    }
  });
});

describe('while the worker ticks', () => {
  test.each([0.002, 0.01, 0.1, 1, 7, 100])(
    'a metric every %d ms has the right time within 5 ms, and time goes forward',
    (step) => {
      const { caller, worker } = clocks();
      let last = 0;
      for (let i = 0, ticked = 0; i < 20_000; i++) {
        time += step;
        if (time - ticked >= 1) {
          worker.tick();
          ticked = time;
        }
        const given = metricTime(caller);
        expect(Math.abs(given - time)).toBeLessThanOrEqual(5);
        if (given < last) expect.fail(`${given} after ${last}`);
        last = given;
      }
    },
  );

  test('most calls of a fast loop read no clock', () => {
    const { caller, worker } = clocks();
    const reads = vi.spyOn(caller, 'read');
    const calls = 100_000;
    for (let i = 0; i < calls; i++) {
      time += 0.0002;
      if (i % 5000 === 0) worker.tick();
      metricTime(caller);
    }
    expect(reads.mock.calls.length).toBeLessThan(calls / 10);
  });
});

describe('while the worker is off the processor', () => {
  // 0.01 ms is where as many calls as are taken on trust last longest.
  test.each([0.0002, 0.002, 0.01, 0.05, 0.1, 1, 7, 100])('a metric every %d ms has the right time within 5 ms', (step) => {
    const { caller, worker } = clocks();
    for (let round = 0; round < 5; round++) {
      worker.tick();
      for (let i = 0; i < 5000; i++) {
        time += step;
        const given = metricTime(caller);
        if (Math.abs(given - time) > 5) expect.fail(`${given} at ${time}`);
      }
    }
  });
});

test('a clock that is set back a little holds the time still, and one that is set back far is followed', () => {
  const { caller } = clocks();
  time = 1000;
  expect(metricTime(caller)).toBe(1000);
  time = 995;
  expect(metricTime(caller)).toBe(1000);
  time = 1001;
  expect(metricTime(caller)).toBe(1001);
  time = 500;
  expect(metricTime(caller)).toBe(500);
});

test('a clock that is set back behind the epoch gives no stamp', () => {
  const { caller, worker } = clocks();
  time = -5000;
  worker.tick();
  expect([caller.stamp(), caller.read()]).toEqual([0, 0]);
});

test('a lane that lives for weeks has right times past 2^31 ms, and none of its own past 2^32', () => {
  for (const start of [2 ** 31 - 100, DAYS_49 - 100]) {
    const { caller, worker } = clocks();
    time = start;
    for (let i = 0; i < 2000; i++) {
      time += 0.1;
      worker.tick();
      expect(Math.abs(metricTime(caller) - time)).toBeLessThanOrEqual(5);
    }
  }
  const { caller, worker, signals } = clocks();
  time = DAYS_49 + 12_345;
  worker.tick();
  expect([signals[Signal.Clock], caller.stamp(), caller.read()]).toEqual([0, 0, 0]);
});

test('a tick is a sign of life, also where it tells no time', () => {
  const { worker, signals } = clocks();
  for (time of [5, DAYS_49 + 5]) {
    signals[Signal.Pulse] = 0;
    worker.tick();
    expect(signals[Signal.Pulse]).toBe(5);
  }
});
