import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MlflowServer } from '../../test/mlflow/mlflow-server.js';
import type { Answer, Scale } from '../question.js';
import { inProcess } from './process.js';
import { StoredRows } from './stored-rows.js';

/** What a question is asked of: a server that has just started on an empty database. */
export interface FreshServer {
  readonly url: string;
  readonly workers: number;
  readonly python: string;
  /** Current one of every process that logs. */
  readonly folder: string;
  readonly stored: StoredRows;
}

export interface ServerQuestion {
  readonly title: string;
  ask(server: FreshServer, scale: Scale): Promise<Answer>;
}

/** Each worker imports MLflow, which takes some 5 s of a core. */
const WORKERS_TIMEOUT_MS = 120_000;

/** Every worker opens the database at its first requests: they are nobody's. */
const WARM_ROWS = { kind: 'params', runs: 40, keys: 50, steps: 1 } as const;

export async function withServer<T>(python: string, workers: number, use: (server: FreshServer) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'headrace-bench-server-'));
  const file = join(folder, 'mlflow.db');
  try {
    const server = await MlflowServer.start(python, folder, `sqlite:///${file}`, { workers });
    try {
      await allWorkersServe(server, workers);
      await inProcess('postedRows', { url: server.url, rows: WARM_ROWS }, folder);
      return await use({ url: server.url, workers, python, folder, stored: new StoredRows(file) });
    } finally {
      await server.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The first one that serves is no sign of the others, which would still be taking the cores. */
export async function allWorkersServe(server: MlflowServer, workers: number): Promise<void> {
  const deadline = performance.now() + WORKERS_TIMEOUT_MS;
  for (;;) {
    const started = server.log.match(/Application startup complete/g)?.length ?? 0;
    if (started >= workers) return;
    if (performance.now() > deadline)
      throw new Error(`${started} of ${workers} workers started; the server said:\n${server.log}`);
    await sleep(200);
  }
}
