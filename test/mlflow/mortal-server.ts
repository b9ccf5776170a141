/** A `mlflow server` that is stopped or killed in the middle of its work, and goes on in the same place. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { driver } from '../store/place.js';
import { MlflowApi } from './mlflow-api.js';
import { freePort, MlflowServer } from './mlflow-server.js';
import { pythonOf } from './mlflow-versions.js';

export class MortalServer extends MlflowApi {
  /** Its database. */
  readonly path: string;
  readonly #python: string;
  readonly #folder: string;
  readonly #port: number;
  #server: MlflowServer | undefined;

  private constructor(python: string, folder: string, port: number) {
    super(`http://127.0.0.1:${port}`);
    this.#python = python;
    this.#folder = folder;
    this.path = join(folder, 'mlflow.db');
    this.#port = port;
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
    const options = { workers: 2, port: this.#port };
    this.#server = await MlflowServer.start(this.#python, this.#folder, `sqlite:///${this.path}`, options);
  }

  async kill(): Promise<void> {
    await this.#server?.kill();
    this.#server = undefined;
  }

  /** Hangs, until it resumes. */
  pause(): void {
    this.#server?.pause();
  }

  resume(): void {
    this.#server?.resume();
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Another program writes its database for so long: the server's own writes wait, or come to nothing. */
  async lockDatabase(ms: number): Promise<void> {
    const connection = driver.open(this.path);
    try {
      connection.exec('PRAGMA busy_timeout = 10000');
      connection.exec('BEGIN IMMEDIATE');
      await sleep(ms);
      connection.exec('ROLLBACK');
    } finally {
      connection.close();
    }
  }
}
