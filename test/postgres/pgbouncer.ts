/** pgbouncer in front of a server, in transaction mode: whoever is between two transactions has no connection. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../mlflow/mlflow-server.js';
import type { Address, Settings } from './cluster.js';
import { endWithUs } from './ended-with-us.js';
import { pgbouncerPath, serverUser } from './executables.js';

const START_TIMEOUT_MS = 20_000;

export class Pgbouncer {
  /** As that of the server, but for the port. */
  readonly address: Address;
  readonly #folder: string;
  readonly #process: ChildProcess;
  #said = '';

  private constructor(folder: string, address: Address, owner: { uid?: number; gid?: number }) {
    this.#folder = folder;
    this.address = address;
    this.#process = spawn(pgbouncerPath(), [join(folder, 'pgbouncer.ini')], {
      ...owner,
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#said = (this.#said + text).slice(-5000);
      });
    }
  }

  /** `settings`: of its section `pgbouncer`. */
  static async start(server: Address, settings: Settings = {}): Promise<Pgbouncer> {
    const owner = await serverUser();
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'headrace-pgbouncer-')));
    const pidFile = join(folder, 'pid');
    const address = { ...server, port: await freePort() };
    const lines = Object.entries({
      listen_addr: '127.0.0.1',
      listen_port: address.port,
      unix_socket_dir: '',
      auth_type: 'scram-sha-256',
      auth_file: join(folder, 'users'),
      pool_mode: 'transaction',
      pidfile: pidFile,
      ...settings,
    }).map(([name, value]) => `${name} = ${value}`);
    const databases = `[databases]\n* = host=127.0.0.1 port=${server.port}\n`;
    await writeFile(join(folder, 'pgbouncer.ini'), `${databases}[pgbouncer]\n${lines.join('\n')}\n`);
    await writeFile(join(folder, 'users'), `"${server.user}" "${server.password}"\n`);
    for (const file of ['pgbouncer.ini', 'users']) await chmod(join(folder, file), 0o644);
    if (owner.uid !== undefined && owner.gid !== undefined) await chown(folder, owner.uid, owner.gid);
    endWithUs(pidFile, folder);
    const pgbouncer = new Pgbouncer(folder, address, owner);
    try {
      await pgbouncer.#listening();
      return pgbouncer;
    } catch (error) {
      await pgbouncer.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = once(this.#process, 'exit');
      this.#process.kill('SIGTERM');
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #listening(): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (performance.now() < deadline) {
      if (this.#process.exitCode !== null) throw new Error(`pgbouncer ended; it said:\n${this.#said}`);
      if (await answers(this.address.port)) return;
      await sleep(20);
    }
    throw new Error(`pgbouncer did not listen within ${START_TIMEOUT_MS} ms; it said:\n${this.#said}`);
  }
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
