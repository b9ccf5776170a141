/** Reading back what did not stay in memory. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { SegmentReader } from '../../src/journal/segment-reader.js';
import { until } from '../tracker/waiting.js';
import { Caller, narrow, Worker } from './lane-parts.js';
import { RecordingStore } from './recording-store.js';

test('a run that has no room is not read past, to the end of its journal and again for each batch', async () => {
  narrow(2000);
  onTestFinished(() => void vi.restoreAllMocks());
  const frames = 400;
  const caller = new Caller({ ringBytes: 2 ** 20 });
  const store = new RecordingStore();
  const worker = new Worker(caller, store);
  caller.start(1);
  for (let frame = 0; frame < frames; frame++) {
    for (let i = 0; i < 10; i++) caller.tag(1, 2 + frame * 10 + i);
    worker.drain();
    expect(worker.keep()).toBe(true);
  }
  const read = vi.spyOn(SegmentReader.prototype, 'next');
  await until('all to land', () => {
    worker.fill();
    worker.send();
    return worker.isIdle;
  });
  expect(store.of('run-1').slice(1)).toEqual(Array.from({ length: frames * 10 }, (_, i) => `at=${i + 2}`));
  expect(read.mock.calls.length).toBeGreaterThanOrEqual(frames / 2);
  expect(read.mock.calls.length).toBeLessThan(4 * frames);
});

test('a run that is stuck with no room keeps no other from being read', async () => {
  narrow(300);
  onTestFinished(() => void vi.restoreAllMocks());
  const caller = new Caller({ ringBytes: 2 ** 20 });
  const store = new RecordingStore();
  const worker = new Worker(caller, store);
  store.isHeld = true;
  caller.start(1);
  caller.start(2);
  for (let seq = 2; seq < 500; seq += 10) {
    for (let i = 0; i < 10; i++) for (const slot of [1, 2]) caller.tag(slot, seq + i);
    worker.drain();
    expect(worker.keep()).toBe(true);
  }
  worker.send();
  // The first run's making stays where it is.
  const letOthersGo = setInterval(() => {
    while (store.waiting > 1) store.letGo(1);
  }, 1);
  onTestFinished(() => clearInterval(letOthersGo));
  await until('the second run', () => {
    worker.fill();
    worker.send();
    return caller.table.settled(2) === 501;
  });
  expect(caller.table.settled(1)).toBe(0);
  clearInterval(letOthersGo);
  store.letAllGo();
  await until('the first run', () => {
    worker.fill();
    worker.send();
    return worker.isIdle;
  });
  for (const run of ['run-1', 'run-2']) {
    expect(store.of(run).slice(1)).toEqual(Array.from({ length: 500 }, (_, i) => `at=${i + 2}`));
  }
});

test('a long journal is not read on while nothing of it is sent, and nothing is taken from the ring', async () => {
  narrow(2000);
  onTestFinished(() => void vi.restoreAllMocks());
  const caller = new Caller({ ringBytes: 2 ** 20 });
  const worker = new Worker(caller, new RecordingStore());
  caller.start(1);
  for (let frame = 0; frame < 20; frame++) {
    for (let i = 0; i < 10; i++) caller.tag(1, 2 + frame * 10 + i);
    worker.drain();
    expect(worker.keep()).toBe(true);
  }
  // A frame may have thousands of items, and on a busy machine each takes its time.
  const next = SegmentReader.prototype.next;
  const read = vi.spyOn(SegmentReader.prototype, 'next').mockImplementation(function (this: SegmentReader) {
    const until = performance.now() + 10;
    while (performance.now() < until);
    return next.call(this);
  });
  let most = 0;
  await until('all to land', () => {
    const before = read.mock.calls.length;
    worker.fill();
    most = Math.max(most, read.mock.calls.length - before);
    worker.send();
    return worker.isIdle;
  });
  expect(most).toBe(1);
  expect(caller.table.settled(1)).toBe(201);
});
