import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { beforeAll, expect, test } from 'vitest';
import { INLINE, KeyWriter, newKeyTable } from '../../src/ring/key-table.js';
import { HEAD_WORD, NO_ROOM, newRing, PARKED_WORD, STARVED_WORD, TAIL_WORD } from '../../src/ring/layout.js';
import { RingProducer } from '../../src/ring/producer.js';
import {
  Kind,
  type Written,
  writeBytesRecord,
  writeMetric,
  writeMetricWide,
  writeScalar,
  writeTextRecord,
} from '../../src/ring/record.js';
import type { SoakResult, SoakTask } from './soak-consumer.js';
import { type SoakRecord, soakRecords } from './soak-records.js';

const IS_LONG = process.env.HEADRACE_LONG === '1';
const COUNT = IS_LONG ? 10_000_000 : 150_000;
const DEADLINE_MS = IS_LONG ? 300_000 : 15_000;

let consumerCode: string;

beforeAll(async () => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('./soak-consumer.ts', import.meta.url))],
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    write: false,
  });
  consumerCode = outputFiles[0]?.text ?? '';
});

function write(ring: RingProducer, keys: KeyWriter, seq: number, { kind, run, key, value, step, text }: SoakRecord): Written {
  const id = keys.id(key);
  switch (kind) {
    case 'metric':
      return id === INLINE
        ? writeMetricWide(ring, run, id, key, seq, value, step, 1)
        : writeMetric(ring, run, id, seq, value, step, 1);
    case 'wide':
      return writeMetricWide(ring, run, id, key, seq, value, step, 1);
    case 'number':
      return writeScalar(ring, Kind.Number, run, id, key, seq, value);
    case 'text':
      return writeTextRecord(ring, Kind.Text, run, id, key, seq, text);
    case 'bytes':
      return writeBytesRecord(ring, Kind.Tree, run, id, key, seq, Buffer.from(text));
  }
}

function flags({ words }: RingProducer): string {
  const word = (index: number): number => Atomics.load(words, index);
  return `head ${word(HEAD_WORD)}, tail ${word(TAIL_WORD)}, parked ${word(PARKED_WORD)}, starved ${word(STARVED_WORD)}`;
}

/** Rejects with what the ring looks like when the other thread says nothing in time. */
async function within(deadline: number, ring: RingProducer, result: Promise<SoakResult>): Promise<SoakResult> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the consumer does not end: ${flags(ring)}`)), deadline - performance.now());
  });
  try {
    return await Promise.race([result, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

const SIZES = [
  { capacity: 4096, startAt: 2 ** 31 - 64 },
  { capacity: 4096, startAt: 2 ** 32 - 64 },
  { capacity: 65_536, startAt: 0 },
];

test.each(SIZES)(
  'nothing is lost, torn or left asleep between two real threads (ring of $capacity bytes, positions from $startAt)',
  { timeout: DEADLINE_MS + 5000 },
  async ({ capacity, startAt }) => {
    const seed = Date.now() | 0;
    const deadline = performance.now() + DEADLINE_MS;
    const task: SoakTask = { ring: newRing(capacity, startAt), keys: newKeyTable(), seed, count: COUNT };
    const worker = new Worker(consumerCode, { eval: true, workerData: task });
    try {
      const result = once(worker, 'message').then(([message]) => message as SoakResult); // soak-consumer.ts posts nothing else
      const ring = new RingProducer(task.ring);
      const keys = new KeyWriter(task.keys);
      const pause = new Int32Array(new SharedArrayBuffer(4));
      const next = soakRecords(seed);
      let waits = 0;
      for (let seq = 1; seq <= COUNT; seq++) {
        const record = next();
        for (let written = write(ring, keys, seq, record); written < 0; written = write(ring, keys, seq, record)) {
          expect(written).toBe(NO_ROOM);
          if (performance.now() > deadline) throw new Error(`seed ${seed}: no room for record ${seq}: ${flags(ring)}`);
          if (ring.publish()) ring.wake();
          // To the deadline, not in slices: those would make up for a wake that is lost.
          ring.awaitHead(Math.max(1, deadline - performance.now()));
          waits++;
        }
        // Several records in one publish, as `logParams` does.
        if (record.value > 0 && ring.publish()) ring.wake();
        // So that the consumer runs dry and sleeps.
        if (seq % 5000 === 0) Atomics.wait(pause, 0, 0, 2);
      }
      if (ring.publish()) ring.wake();
      const { taken, sleeps, wrong } = await within(deadline, ring, result);
      expect(wrong, `seed ${seed}`).toBe(undefined);
      expect(taken).toBe(COUNT);
      expect(ring.used).toBe(0);
      expect(sleeps).toBeGreaterThan(0);
      if (capacity === 4096) expect(waits).toBeGreaterThan(0);
    } finally {
      await worker.terminate();
    }
  },
);
