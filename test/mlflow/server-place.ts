/** A server with a database of its own in a folder of its own, headrace's store for it, and a look behind it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { resolveOptions } from '../../src/options.js';
import { openStore } from '../../src/store/open.js';
import type { SqlRow } from '../../src/store/sqlite/driver.js';
import type { Pulse, Store } from '../../src/store/store.js';
import { rowsOf } from '../store/database-rows.js';
import { MlflowServer, type ServerOptions } from './mlflow-server.js';
import { pythonOf, pythonWithAuth } from './mlflow-versions.js';

const quiet: Pulse = { beat: () => {}, pause: () => {} };

export class ServerPlace {
  readonly server: MlflowServer;
  readonly folder: string;
  readonly #path: string;

  private constructor(server: MlflowServer, folder: string, path: string) {
    this.server = server;
    this.folder = folder;
    this.#path = path;
  }

  static async start(version: string, options: ServerOptions = {}): Promise<ServerPlace> {
    const folder = await mkdtemp(join(tmpdir(), 'headrace-server-'));
    const path = join(folder, 'mlflow.db');
    try {
      const python = options.app === undefined ? await pythonOf(version) : await pythonWithAuth();
      const server = await MlflowServer.start(python, folder, `sqlite:///${path}`, options);
      return new ServerPlace(server, folder, path);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw new Error(`MLflow ${version} can't be tested: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async stop(): Promise<void> {
    await this.server.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A store as a worker makes it from the caller's options; opened, closed after the test. */
  async store(url: string = this.server.url): Promise<Store> {
    const { location, offline, cwd, durability, batch } = resolveOptions({ uri: url }, {}, this.folder);
    const store = openStore({ location, offline, cwd, durability, batch }, quiet);
    onTestFinished(() => store.close());
    await store.open();
    return store;
  }

  /** Straight from the server's file. */
  rows(sql: string, ...values: string[]): SqlRow[] {
    return rowsOf(this.#path)(sql, ...values);
  }
}
