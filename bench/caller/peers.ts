/** What else a program could do with a value at every step. Each is landed and counted too. */

import { once } from 'node:events';
import { statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import Database from 'better-sqlite3';
import pino from 'pino';
import { Bench } from 'tinybench';
import { createTracker } from '../../src/index.js';
import { expectRows, FILE, URI } from '../database.js';
import { type Bursts, type CallCost, Costs, costOfCalls, freshNumbers, type LoopCost, timeSlices } from './burst.js';
import type { SinkTask } from './sink.js';

/** Reading the clock twice, with nothing between: what is in every figure with `clock: call`. */
export async function clockAlone({ calls, bursts, warmup }: Bursts): Promise<LoopCost> {
  const costs = new Costs();
  for (let burst = -warmup; burst < bursts; burst++) {
    const times = new Float64Array(calls);
    const slices = timeSlices(calls, (from, to) => {
      for (let i = from; i < to; i++) {
        const startedAt = performance.now();
        times[i] = performance.now() - startedAt;
      }
    });
    if (burst < 0) continue;
    costs.addSlices(slices.map((ms) => ms / 2));
    costs.addCalls(times);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return costs.cost;
}

/** The smallest message that says anything, to a worker that only counts. */
export async function postMessage({ calls, bursts, warmup }: Bursts): Promise<LoopCost> {
  const task: SinkTask = { take: 'messages' };
  const worker = new Worker(new URL('./sink.js', import.meta.url), { workerData: task });
  const costs = new Costs();
  const k = 'train.loss';
  let sent = 0;
  const drained = async (): Promise<void> => {
    worker.postMessage('count');
    const [count] = await once(worker, 'message');
    if (count !== sent) throw new Error(`${sent} messages posted, ${String(count)} received`);
  };
  for (let burst = -warmup; burst < bursts; burst++) {
    const values = freshNumbers(calls);
    const slices = timeSlices(calls, (from, to) => {
      for (let i = from; i < to; i++) worker.postMessage({ k, v: values[i] });
    });
    sent += calls;
    await drained();
    const times = new Float64Array(calls);
    for (let i = 0; i < calls; i++) {
      const v = values[i];
      const startedAt = performance.now();
      worker.postMessage({ k, v });
      times[i] = performance.now() - startedAt;
    }
    sent += calls;
    await drained();
    if (burst < 0) continue;
    costs.addSlices(slices);
    costs.addCalls(times);
  }
  await worker.terminate();
  return costs.cost;
}

/** pino with a worker transport that writes lines into a file: no commit, no index, no conflict to find. */
export async function pinoTransport({ calls, bursts, warmup }: Bursts): Promise<LoopCost> {
  const destination = 'pino.log';
  const transport = pino.transport({ target: 'pino/file', options: { destination } });
  await once(transport, 'ready');
  const logger = pino(transport);
  const costs = new Costs();
  const k = 'train.loss';
  const file = await open(destination, 'r');
  let lines = 0;
  let sent = 0;
  const chunk = Buffer.alloc(1 << 20);
  let at = 0;
  const drained = async (): Promise<void> => {
    const deadline = performance.now() + 10_000;
    while (lines < sent) {
      if (performance.now() > deadline) throw new Error(`${sent} lines logged, ${lines} in the file`);
      if (statSync(destination).size === at) await new Promise((resolve) => setTimeout(resolve, 2));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
      for (let i = 0; i < bytesRead; i++) if (chunk[i] === 10) lines++;
      at += bytesRead;
    }
  };
  for (let burst = -warmup; burst < bursts; burst++) {
    const values = freshNumbers(calls);
    const slices = timeSlices(calls, (from, to) => {
      for (let i = from; i < to; i++) logger.info({ k, v: values[i] });
    });
    sent += calls;
    await drained();
    const times = new Float64Array(calls);
    for (let i = 0; i < calls; i++) {
      const v = values[i];
      const startedAt = performance.now();
      logger.info({ k, v });
      times[i] = performance.now() - startedAt;
    }
    sent += calls;
    await drained();
    if (burst < 0) continue;
    costs.addSlices(slices);
    costs.addCalls(times);
  }
  await file.close();
  transport.end();
  await once(transport, 'close');
  return costs.cost;
}

/** The row that logParam ends in, inserted at once: one transaction each, WAL, synchronous NORMAL. */
export async function sqliteInsert({ calls, bursts, warmup }: Bursts): Promise<CallCost> {
  const tracker = createTracker({ uri: URI });
  const { id } = tracker.startRun();
  await tracker.close();
  const database = new Database(FILE);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = NORMAL');
  const insert = database.prepare('INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)');
  const samples: number[] = [];
  let inserted = 0;
  for (let burst = -warmup; burst < bursts; burst++) {
    const values = freshNumbers(calls);
    const bench = new Bench({
      iterations: calls,
      time: 0,
      warmup: false,
      retainSamples: true,
      subtractTimerOverhead: true,
      throws: true,
    });
    let i = 0;
    bench.add(
      'insert',
      () => {
        insert.run(`layer.${inserted++}`, String(values[i++]), id);
      },
      { async: false },
    );
    const [task] = bench.runSync();
    if (burst >= 0 && task?.result.state === 'completed') samples.push(...(task.result.latency.samples ?? []));
  }
  expectRows('params', inserted);
  database.close();
  return costOfCalls(samples);
}
