import { expect, test } from 'vitest';
import { Stored } from '../tracker/stored.js';

function listeners(): Record<string, number> {
  const events = [
    'SIGINT',
    'SIGTERM',
    'exit',
    'uncaughtExceptionMonitor',
    'uncaughtException',
    'unhandledRejection',
    'beforeExit',
  ];
  return Object.fromEntries(events.map((event) => [event, process.listenerCount(event)]));
}

/** Over what the test runner itself listens to. */
const before = listeners();
function added(): Record<string, number> {
  return Object.fromEntries(
    Object.entries(listeners()).flatMap(([event, count]) =>
      count === before[event] ? [] : [[event, count - (before[event] ?? 0)]],
    ),
  );
}

test('signals are listened to only while a run is open, the exit only while a tracker is', async () => {
  const stored = new Stored();
  expect(added()).toEqual({});
  const tracker = stored.tracker();
  const other = stored.tracker();
  expect(added()).toEqual({ exit: 1, uncaughtExceptionMonitor: 1 });
  const runs = [tracker.startRun(), tracker.startRun(), other.startRun()];
  expect(added()).toEqual({ exit: 1, uncaughtExceptionMonitor: 1, SIGINT: 1, SIGTERM: 1 });
  for (const run of runs) await run.end();
  expect(added()).toEqual({ exit: 1, uncaughtExceptionMonitor: 1 });
  tracker.startRun();
  expect(added()).toEqual({ exit: 1, uncaughtExceptionMonitor: 1, SIGINT: 1, SIGTERM: 1 });
  await tracker.close();
  expect(added()).toEqual({ exit: 1, uncaughtExceptionMonitor: 1 });
  await other.close();
  expect(added()).toEqual({});
});

test('they stay until the last record of a run that was ended has landed', async () => {
  const stored = new Stored();
  const tracker = stored.tracker();
  const run = tracker.startRun();
  await run.flush();
  const lock = stored.lock();
  run.logParam('k', 1);
  const ended = run.end();
  // Another tracker's run comes and goes meanwhile.
  const elsewhere = new Stored().tracker();
  await elsewhere.startRun().end();
  expect(added()).toEqual({ exit: 1, uncaughtExceptionMonitor: 1, SIGINT: 1, SIGTERM: 1 });
  lock.release();
  await ended;
  expect(added()).toEqual({ exit: 1, uncaughtExceptionMonitor: 1 });
});

test('signals: false and enabled: false listen to none of them', async () => {
  const stored = new Stored();
  const off = stored.tracker({ enabled: false });
  off.startRun();
  expect(added()).toEqual({});
  const quiet = stored.tracker({ signals: false });
  quiet.startRun();
  expect(added()).toEqual({ exit: 1, uncaughtExceptionMonitor: 1 });
});
