/** The yardstick: a 32-byte record written into a ring, and nothing else. */
import { Worker } from 'node:worker_threads';
import { NO_ROOM, newRing } from '../../src/ring/layout.js';
import { RingProducer } from '../../src/ring/producer.js';
import { Kind, METRIC_BYTES } from '../../src/ring/record.js';
import { timeSlices } from './burst.js';
import type { SinkTask } from './sink.js';

const RING_BYTES = 4 * 1024 * 1024;

/**
 * Claim, the words of a metric's record, publish: no look-up of the key, no clock, no checks, no receipt. The loop
 * stands in here as the compiler would place it into its caller anyway. Returns the times of its slices.
 */
export function writeBare(ring: RingProducer, slot: number, key: number, firstSeq: number, values: Float64Array): Float64Array {
  const { words, doubles } = ring;
  return timeSlices(values.length, (from, to) => {
    for (let i = from; i < to; i++) {
      const offset = ring.claim(Kind.Metric, METRIC_BYTES);
      if (offset === NO_ROOM) throw new Error('a burst is at most half the ring, which was empty');
      const word = offset >> 2;
      words[word + 1] = slot;
      words[word + 2] = key;
      words[word + 3] = firstSeq + i;
      doubles[(offset >> 3) + 2] = values[i] as number; // below its length
      words[word + 6] = i;
      words[word + 7] = 1;
      if (ring.publish()) ring.wake();
    }
  });
}

/** A ring of its own, drained by a worker that only counts. */
export class BareRing {
  private readonly ring: RingProducer;
  private readonly worker: Worker;
  private readonly counter: Int32Array;
  private written = 0;

  constructor() {
    const ring = newRing(RING_BYTES);
    const counter = new SharedArrayBuffer(4);
    const task: SinkTask = { take: 'ring', ring, counter };
    this.ring = new RingProducer(ring);
    this.counter = new Int32Array(counter);
    this.worker = new Worker(new URL('./sink.js', import.meta.url), { workerData: task });
    this.worker.unref();
  }

  write(values: Float64Array): Float64Array {
    const times = writeBare(this.ring, 1, 1, this.written, values);
    this.written += values.length;
    return times;
  }

  /** Waits until the worker has it all. */
  async drained(): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (Atomics.load(this.counter, 0) !== this.written) {
      if (performance.now() > deadline) throw new Error(`${this.written} records written, ${String(this.counter[0])} taken`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }
}
