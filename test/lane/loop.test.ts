/** A lane's loop in this thread, on a server whose answers wait until they are let go. */
import { MessageChannel } from 'node:worker_threads';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LaneLoop } from '../../src/lane/loop.js';
import { RunTable } from '../../src/lane/run-table.js';
import { Signal, StopRequest, WorkerState } from '../../src/lane/signals.js';
import { type LaneMemory, laneSettings, newLaneMemory, type RunRequest } from '../../src/lane/task.js';
import { resolveOptions, type TrackerOptions } from '../../src/options.js';
import { INLINE } from '../../src/ring/key-table.js';
import { PARKED_WORD } from '../../src/ring/layout.js';
import { RingProducer } from '../../src/ring/producer.js';
import { Kind, writeTextRecord } from '../../src/ring/record.js';
import { Served } from '../server/served.js';
import { until } from '../tracker/waiting.js';

/** As the caller's thread takes a worker for dead: a second without a sign of life. */
const DEAD_AFTER_MS = 1000;

const CREATE = { path: 'runs/create' };
const BATCH = { path: 'runs/log-batch' };

class Looping {
  readonly ended: Promise<void>;
  private readonly memory: LaneMemory = newLaneMemory(4096);
  private readonly ring = new RingProducer(this.memory.ring);
  private readonly signals = new Int32Array(this.memory.signals);
  private readonly table = new RunTable(this.memory.runs);

  constructor(options: TrackerOptions) {
    const [bell, control] = [new MessageChannel(), new MessageChannel()];
    const settings = laneSettings(resolveOptions(options, {}, process.cwd()), 0);
    this.ended = new LaneLoop({
      memory: this.memory,
      settings,
      attached: [],
      openRuns: [],
      bell: bell.port2,
      control: control.port2,
    }).run();
    onTestFinished(async () => {
      this.stop();
      await this.ended;
      for (const { port1, port2 } of [bell, control]) {
        port1.close();
        port2.close();
      }
    });
  }

  start(slot: number, about: Partial<RunRequest> = {}): void {
    const request: RunRequest = {
      id: `run-${slot}`,
      resume: false,
      experiment: { id: '0' },
      name: undefined,
      userId: 'u',
      startTime: 1,
      tags: [],
      scriptPath: '',
      parentRunId: undefined,
      context: undefined,
      ...about,
    };
    this.log(slot, 1, Kind.Run, '', JSON.stringify(request));
  }

  tag(slot: number, seq: number): void {
    this.log(slot, seq, Kind.Tag, 'at', String(seq));
  }

  end(slot: number, seq: number): void {
    this.log(slot, seq, Kind.End, '', JSON.stringify({ status: 'FINISHED', endTime: 2 }));
  }

  settled(slot: number): number {
    return this.table.settled(slot);
  }

  stop(): void {
    Atomics.store(this.signals, Signal.Stop, StopRequest.GiveUp);
    this.ring.wake();
  }

  get retries(): number {
    return this.signals[Signal.Retries] as number; // a fixed word
  }

  get state(): number {
    return this.signals[Signal.State] as number; // a fixed word
  }

  get isParked(): boolean {
    return this.ring.words[PARKED_WORD] === 1;
  }

  get clock(): number {
    return this.signals[Signal.Clock] as number; // a fixed word
  }

  get sinceSignOfLifeMs(): number {
    return (Date.now() - this.memory.epoch - (this.signals[Signal.Pulse] as number)) | 0; // a fixed word
  }

  private log(slot: number, seq: number, kind: Kind, key: string, text: string): void {
    if (writeTextRecord(this.ring, kind, slot, INLINE, key, seq, text) < 0) throw new Error('no room in the ring');
    if (this.ring.publish()) this.ring.wake();
  }
}

async function scene(options: TrackerOptions = {}): Promise<{ served: Served; lane: Looping }> {
  const served = await Served.start();
  return { served, lane: new Looping({ uri: served.fake.url, ...options }) };
}

describe('while requests are away for long', () => {
  test('the loop sleeps, gives signs of life all the same, and leaves the clock to the caller', async () => {
    const { served, lane } = await scene();
    const fault = served.fake.fault(CREATE, { hang: 'before applying' });
    lane.start(1);
    await until('the request', () => fault.fired === 1);
    await until('the loop to sleep', () => lane.isParked);
    const end = performance.now() + 2 * DEAD_AFTER_MS;
    let oldest = 0;
    while (performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      oldest = Math.max(oldest, lane.sinceSignOfLifeMs);
      expect([lane.isParked, lane.clock, lane.state]).toEqual([true, 0, WorkerState.Running]);
    }
    expect(oldest).toBeLessThan(DEAD_AFTER_MS);
    fault.release();
    await until('the run to be made', () => lane.settled(1) === 1);
  });

  test('a record of another run wakes it', async () => {
    const { served, lane } = await scene();
    lane.start(1);
    await until('the run to be made', () => lane.settled(1) === 1);
    const fault = served.fake.fault(BATCH, { hang: 'before applying' });
    lane.tag(1, 2);
    await until('the request', () => fault.fired === 1);
    await until('the loop to sleep', () => lane.isParked);
    lane.start(2);
    await until('the other run to be made', () => lane.settled(2) === 1);
    expect(lane.settled(1)).toBe(1);
    fault.release();
  });

  test('a child is made when its parent is, though the parent’s next request is away', async () => {
    const { served, lane } = await scene();
    const create = served.fake.fault(CREATE, { hang: 'before applying' });
    const batch = served.fake.fault(BATCH, { hang: 'before applying' });
    lane.start(1);
    lane.tag(1, 2);
    lane.start(2, { parentRunId: 'run-1' });
    await until('the request', () => create.fired === 1);
    await until('the loop to sleep', () => lane.isParked);
    create.release();
    await until('the child to be made', () => lane.settled(2) === 1);
    expect([batch.fired, lane.settled(1)]).toEqual([1, 1]);
    batch.release();
  });

  test('a batch that lingers behind one that is away is sent', async () => {
    const { served, lane } = await scene({ batch: { lingerMs: 500 } });
    lane.start(1);
    await until('the run to be made', () => lane.settled(1) === 1);
    const fault = served.fake.fault(BATCH, { hang: 'before applying' });
    lane.tag(1, 2);
    await until('the request', () => fault.fired === 1);
    lane.tag(1, 3);
    await until('the loop to sleep', () => lane.isParked);
    fault.release();
    await until('the rest', () => lane.settled(1) === 3);
  });

  test('a run that is resumed meanwhile is resumed when its end is stored', async () => {
    const { served, lane } = await scene();
    lane.start(1);
    await until('the run to be made', () => lane.settled(1) === 1);
    const [{ id } = { id: '' }] = served.fake.state.activeRuns();
    const fault = served.fake.fault({ path: 'runs/update' }, { hang: 'before applying' });
    lane.end(1, 2);
    lane.start(2, { id: 'run-1', resume: true });
    await until('the request', () => fault.fired === 1);
    await until('the loop to sleep', () => lane.isParked);
    fault.release();
    await until('the run to be resumed', () => lane.settled(2) === 1);
    expect(served.run(id).status).toBe('RUNNING');
  });

  test('a stop ends it at once, whatever the request comes to', async () => {
    const { served, lane } = await scene();
    const fault = served.fake.fault(CREATE, { hang: 'before applying' });
    lane.start(1);
    await until('the request', () => fault.fired === 1);
    await until('the loop to sleep', () => lane.isParked);
    lane.stop();
    const startedAt = performance.now();
    await lane.ended;
    expect(performance.now() - startedAt).toBeLessThan(1000);
    expect([lane.state, lane.settled(1)]).toEqual([WorkerState.Closed, 0]);
  });
});

test('a stop while the server is away ends the tries', async () => {
  const { served, lane } = await scene({ retry: { minTimeout: 1, maxTimeout: 1 } });
  await served.fake.goDown();
  lane.start(1);
  await until('some tries', () => lane.retries > 3);
  lane.stop();
  await lane.ended;
  const tries = lane.retries;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect([lane.retries, lane.settled(1)]).toEqual([tries, 0]);
});
