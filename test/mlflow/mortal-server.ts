/** A `mlflow server` that is killed in the middle of its work, and started again in the same place. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { driver } from '../store/place.js';
import { MlflowApi } from './mlflow-api.js';
import { mlflowEnvironment, pythonOf } from './mlflow-versions.js';

/** Importing MLflow and making a database of it take about 15 s on an idle machine. */
const START_TIMEOUT_MS = 100_000;

export class MortalServer extends MlflowApi {
  readonly #python: string;
  readonly #folder: string;
  readonly #path: string;
  readonly #port: number;
  #process: ChildProcess | undefined;
  #said = '';
  /** Also when a test run is cut short: a server of nobody's would go on for ever. */
  readonly #killAtExit = (): void => this.#signal();

  private constructor(python: string, folder: string, port: number) {
    super(`http://127.0.0.1:${port}`);
    this.#python = python;
    this.#folder = folder;
    this.#path = join(folder, 'mlflow.db');
    this.#port = port;
    process.once('exit', this.#killAtExit);
  }

  static async start(version: string): Promise<MortalServer> {
    const folder = await mkdtemp(join(tmpdir(), 'headrace-mortal-'));
    const server = new MortalServer(await pythonOf(version), folder, await freePort());
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** Resolves when it serves: on the port and the database that it had before. */
  async start(): Promise<void> {
    const options = ['--backend-store-uri', `sqlite:///${this.#path}`, '--workers', '2', '--port', String(this.#port)];
    const server = spawn(this.#python, ['-m', 'mlflow', 'server', '--host', '127.0.0.1', ...options], {
      cwd: this.#folder,
      env: mlflowEnvironment({ MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false' }),
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own: the server is a tree of processes, killed together.
      detached: true,
    });
    this.#process = server;
    for (const stream of [server.stdout, server.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#said = (this.#said + text).slice(-20_000);
      });
    }
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (performance.now() < deadline) {
      if (server.exitCode !== null) throw new Error(`mlflow server ended; it said:\n${this.#said}`);
      try {
        const { ok } = await fetch(`${this.url}/health`, { signal: AbortSignal.timeout(5000) });
        if (ok) return;
      } catch {
        // Not listening yet.
      }
      await sleep(100);
    }
    throw new Error(`mlflow server did not serve within ${START_TIMEOUT_MS} ms; it said:\n${this.#said}`);
  }

  /** SIGKILL to all of its processes, whatever they are doing. */
  async kill(): Promise<void> {
    if (this.#process === undefined) return;
    const closed = once(this.#process, 'close');
    this.#signal();
    this.#process = undefined;
    await closed;
  }

  async stop(): Promise<void> {
    process.off('exit', this.#killAtExit);
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Another program writes its database for so long: the server's own writes wait, or come to nothing. */
  async lockDatabase(ms: number): Promise<void> {
    const connection = driver.open(this.#path);
    try {
      connection.exec('PRAGMA busy_timeout = 10000');
      connection.exec('BEGIN IMMEDIATE');
      await sleep(ms);
      connection.exec('ROLLBACK');
    } finally {
      connection.close();
    }
  }

  #signal(): void {
    const pid = this.#process?.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // Nothing of it runs any more.
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port of the loopback interface is free');
  return address.port;
}
