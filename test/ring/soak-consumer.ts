/** The reading thread of a soak: takes, compares, releases now and then, and sleeps when there is nothing. */
import { parentPort, workerData } from 'node:worker_threads';
import { RingConsumer } from '../../src/ring/consumer.js';
import { INLINE, KeyReader } from '../../src/ring/key-table.js';
import { EMPTY, type Offset } from '../../src/ring/layout.js';
import { Kind, RecordReader } from '../../src/ring/record.js';
import { type SoakRecord, soakRecords } from './soak-records.js';

export interface SoakTask {
  readonly ring: SharedArrayBuffer;
  readonly keys: SharedArrayBuffer;
  readonly seed: number;
  readonly count: number;
}

export interface SoakResult {
  readonly taken: number;
  readonly sleeps: number;
  /** The first record that reads otherwise than it was written. */
  readonly wrong: string | undefined;
}

const task = workerData as SoakTask; // from soak.test.ts
const ring = new RingConsumer(task.ring);
const record = new RecordReader(ring);
const keys = new KeyReader(task.keys);
const expected = soakRecords(task.seed);

async function consume(): Promise<SoakResult> {
  let sleeps = 0;
  let wrong: string | undefined;
  let taken = 0;
  ring.unpark();
  while (taken < task.count && wrong === undefined) {
    const offset = ring.next();
    if (offset !== EMPTY) {
      taken++;
      wrong = difference(offset, taken, expected());
      // Not after each, so that the ring also fills with what is taken and not released.
      if (taken % 7 === 0) ring.release(ring.position);
    } else {
      ring.release(ring.position);
      if (ring.park()) {
        sleeps++;
        await ring.woken();
      }
    }
  }
  ring.release(ring.position);
  return { taken, sleeps, wrong };
}

function difference(offset: Offset, seq: number, wanted: SoakRecord): string | undefined {
  const id = record.keyId(offset);
  const found = [
    record.run(offset),
    record.seq(offset),
    id === INLINE ? record.inlineKey(offset) : keys.name(id),
    ...contentOf(offset, wanted.kind),
  ];
  const right = [wanted.run, seq, wanted.key, ...rightContent(wanted)];
  return found.join() === right.join() ? undefined : `record ${seq} reads ${found.join()}, not ${right.join()}`;
}

function contentOf(offset: Offset, kind: SoakRecord['kind']): unknown[] {
  switch (record.kind(offset)) {
    case Kind.Metric:
      return ['metric', record.value(offset), record.metricStep(offset)];
    case Kind.MetricWide:
      // A metric whose key is not in the table yet.
      return [kind === 'metric' ? 'metric' : 'wide', record.value(offset), record.wideStep(offset)];
    case Kind.Number:
      return ['number', record.value(offset)];
    case Kind.Text:
      return ['text', record.text(offset)];
    case Kind.Tree:
      return ['bytes', Buffer.from(record.copyBytes(offset)).toString()];
    default:
      return ['kind', record.kind(offset)];
  }
}

function rightContent({ kind, value, step, text }: SoakRecord): unknown[] {
  if (kind === 'metric' || kind === 'wide') return [kind, value, step];
  return kind === 'number' ? [kind, value] : [kind, text];
}

// A thread that waits by `waitAsync` alone ends; a port that is listened to keeps it.
parentPort?.on('message', () => undefined);
void consume().then((result) => {
  parentPort?.postMessage(result);
  parentPort?.close();
});
