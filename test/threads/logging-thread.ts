/** Threads that log by a tracker of this one: real worker threads, on the library as it is in src. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { PROGRAM_BUNDLE } from '../program-bundle.js';
import type { Plan, Said } from './programs/logging.js';

const scratch: string = fileURLToPath(new URL('../../.test-workers', import.meta.url));
const programs: string = fileURLToPath(new URL('programs', import.meta.url));
let folder = '';

/** For the top of a test file. */
export function useThreads(): void {
  beforeAll(async () => {
    mkdirSync(scratch, { recursive: true });
    folder = mkdtempSync(join(scratch, 'threads-'));
    await build({
      entryPoints: [join(programs, 'logging.ts')],
      outdir: folder,
      outExtension: { '.js': '.mjs' },
      ...PROGRAM_BUNDLE,
    });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
}

export class LoggingThread {
  readonly worker: Worker;
  /** Its last word. Rejects when it ends without one. */
  readonly said: Promise<Said>;
  readonly ended: Promise<number>;
  private readonly count: Int32Array;

  constructor(plan: Omit<Plan, 'published'>) {
    const published = new SharedArrayBuffer(8);
    this.count = new Int32Array(published);
    this.worker = new Worker(pathToFileURL(join(folder, 'logging.mjs')), {
      workerData: { ...plan, published } satisfies Plan,
      stderr: true,
    });
    let error: unknown = new Error('the thread ended without a word');
    this.worker.on('error', (thrown) => {
      error = thrown;
    });
    this.said = new Promise((resolve, reject) => {
      this.worker.on('message', resolve);
      this.worker.on('exit', () => reject(error));
    });
    this.said.catch(() => undefined);
    this.ended = new Promise((resolve) => void this.worker.on('exit', resolve));
    onTestFinished(async () => void (await this.worker.terminate()));
  }

  /** Metrics that it has logged so far. */
  get published(): number {
    return Atomics.load(this.count, 0);
  }
}
