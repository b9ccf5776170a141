/** A PostgreSQL server of a test run's own: data folder, port and password. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { chmod, chown, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client, type QueryResultRow } from 'pg';
import { freePort } from '../mlflow/mlflow-server.js';
import { endWithUs } from './ended-with-us.js';
import { postgresFolder, serverUser } from './executables.js';

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 60_000;

/** Where a server listens, and how it is entered. */
export interface Address {
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** `dialect` with a driver is what SQLAlchemy is given. */
export function uriOf({ port, user, password }: Address, database: string, dialect = 'postgresql'): string {
  return `${dialect}://${user}:${password}@127.0.0.1:${port}/${database}`;
}

/** One statement on a connection of its own. */
export async function askDatabase<R extends QueryResultRow>(
  address: Address,
  database: string,
  sql: string,
  values: readonly unknown[] = [],
): Promise<R[]> {
  const client = new Client({ ...address, host: '127.0.0.1', database });
  await client.connect();
  try {
    return (await client.query<R>(sql, [...values])).rows;
  } finally {
    await client.end();
  }
}

/** What stands in its configuration file besides the defaults. */
export type Settings = Readonly<Record<string, string | number>>;

/** `immediate` is a crash: no client is told, the log is replayed at the next start. */
export type Stopping = 'fast' | 'immediate';

const SIGNALS: Readonly<Record<Stopping, NodeJS.Signals>> = { fast: 'SIGINT', immediate: 'SIGQUIT' };

const USER = 'headrace';

export class Cluster {
  readonly address: Address;
  readonly #folder: string;
  readonly #settings: Settings;
  readonly #owner: { readonly uid?: number; readonly gid?: number };
  #process: ChildProcess | undefined;

  private constructor(folder: string, address: Address, settings: Settings, owner: { uid?: number; gid?: number }) {
    this.#folder = folder;
    this.address = address;
    this.#settings = settings;
    this.#owner = owner;
  }

  /** Started. `original`: the data that it begins with, of a server that is stopped. */
  static async make(settings: Settings = {}, original?: { readonly data: string; readonly password: string }): Promise<Cluster> {
    const owner = await serverUser();
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'headrace-postgres-')));
    const password = original?.password ?? randomBytes(12).toString('hex');
    const cluster = new Cluster(folder, { port: await freePort(), user: USER, password }, settings, owner);
    endWithUs(join(cluster.data, 'postmaster.pid'), folder);
    try {
      if (owner.uid !== undefined && owner.gid !== undefined) await chown(folder, owner.uid, owner.gid);
      // `cp` keeps owner and rights, both of which the server looks at.
      if (original === undefined) await cluster.#initialize(password);
      else await promisify(execFile)('cp', ['-a', original.data, cluster.data]);
      await cluster.start();
      return cluster;
    } catch (error) {
      await cluster.remove();
      throw error;
    }
  }

  get data(): string {
    return join(this.#folder, 'data');
  }

  /** On the port and the data that it had before. */
  async start(): Promise<void> {
    const settings = {
      listen_addresses: '127.0.0.1',
      port: this.address.port,
      unix_socket_directories: '',
      max_connections: 200,
      ...this.#settings,
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const log = openSync(this.#log, 'a');
    try {
      this.#process = spawn(join(postgresFolder(), 'postgres'), ['-D', this.data, ...options], {
        ...this.#owner,
        cwd: this.#folder,
        stdio: ['ignore', log, log],
        // Ctrl-C is for the tests; they stop it then.
        detached: true,
      });
    } finally {
      closeSync(log);
    }
    await this.#ready(this.#process);
  }

  async stop(how: Stopping = 'fast'): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    running.kill(SIGNALS[how]);
    const killer = setTimeout(() => running.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(killer);
  }

  async restart(how: Stopping = 'fast'): Promise<void> {
    await this.stop(how);
    await this.start();
  }

  async remove(): Promise<void> {
    await this.stop('immediate');
    await rm(this.#folder, { recursive: true, force: true });
  }

  uri(database: string): string {
    return uriOf(this.address, database);
  }

  /** What it told, the last of it. */
  async told(): Promise<string> {
    return (await readFile(this.#log, 'utf8')).slice(-5000);
  }

  get #log(): string {
    return join(this.#folder, 'log');
  }

  async #initialize(password: string): Promise<void> {
    const file = join(this.#folder, 'password');
    await writeFile(file, password);
    await chmod(file, 0o644);
    const options = [
      `--pgdata=${this.data}`,
      `--username=${USER}`,
      `--pwfile=${file}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C.UTF-8',
      // Its order of texts is not that of their bytes, as in most databases: who forgets COLLATE "C" sees it.
      '--locale-provider=icu',
      '--icu-locale=en-US',
      '--no-sync',
    ];
    try {
      await promisify(execFile)(join(postgresFolder(), 'initdb'), options, { ...this.#owner, cwd: this.#folder });
    } finally {
      await rm(file, { force: true });
    }
  }

  /** The server says so in the file with its pid. */
  async #ready(started: ChildProcess): Promise<void> {
    let failure: Error | undefined;
    started.once('error', (error) => {
      failure = error;
    });
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (performance.now() < deadline) {
      if (failure !== undefined) throw failure;
      if (started.exitCode !== null) throw new Error(`postgres ended; it said:\n${await this.told()}`);
      const lines = (await readFile(join(this.data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
      if (lines[0] === String(started.pid) && lines[7]?.trim() === 'ready') return;
      await sleep(20);
    }
    throw new Error(`postgres was not ready within ${START_TIMEOUT_MS} ms; it said:\n${await this.told()}`);
  }
}
