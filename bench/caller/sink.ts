/** A worker that takes what peers send and only counts it. */
import { parentPort, workerData } from 'node:worker_threads';
import { RingConsumer } from '../../src/ring/consumer.js';
import { EMPTY, PARKED_WORD } from '../../src/ring/layout.js';
import { RecordReader } from '../../src/ring/record.js';

export type SinkTask =
  | { readonly take: 'messages' }
  | { readonly take: 'ring'; readonly ring: SharedArrayBuffer; readonly counter: SharedArrayBuffer };

/** As a lane's worker: looks every millisecond while records flow, sleeps when they don't. */
const POLL_MS = 1;
const POLLS_BEFORE_PARKING = 30;

function takeRing(memory: SharedArrayBuffer, counter: Int32Array): never {
  const ring = new RingConsumer(memory);
  const record = new RecordReader(ring);
  const idle = new Int32Array(new SharedArrayBuffer(4));
  let sum = 0;
  let polls = 0;
  ring.unpark();
  for (;;) {
    let taken = 0;
    for (let offset = ring.next(); offset !== EMPTY; offset = ring.next()) {
      sum += record.value(offset);
      taken++;
    }
    if (taken > 0) {
      polls = 0;
      ring.release(ring.position);
      Atomics.add(counter, 0, taken);
      // Reads of the records must not be optimized away.
      if (Number.isNaN(sum)) throw new Error('no record holds NaN');
    } else if (++polls > POLLS_BEFORE_PARKING && ring.park()) {
      Atomics.wait(ring.words, PARKED_WORD, 1);
      polls = 0;
    } else {
      Atomics.wait(idle, 0, 0, POLL_MS);
    }
  }
}

function takeMessages(): void {
  let count = 0;
  parentPort?.on('message', (message: unknown) => {
    if (message !== 'count') count++;
    else parentPort?.postMessage(count);
  });
}

const task = workerData as SinkTask; // made by peers.ts and headrace.ts
if (task.take === 'ring') takeRing(task.ring, new Int32Array(task.counter));
takeMessages();
