import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Credentials, MlflowApi } from './mlflow-api.js';
import { mlflowEnvironment } from './mlflow-versions.js';

/** Importing MLflow, migrating a file over forty revisions and starting a worker take about 15 s on an idle machine. */
const START_TIMEOUT_MS = 100_000;
const STOP_TIMEOUT_MS = 5000;

export interface ServerOptions {
  /** Processes that serve. MLflow's default is 4; one is enough where no race is looked for. */
  readonly workers?: number;
  /** MLflow's app with users, passwords and permissions; needs the packages of `pythonWithAuth`. */
  readonly app?: 'basic-auth';
  /** Default: one that is free. */
  readonly port?: number;
}

/** A `mlflow server` over a database file. Asked as its administrator where it has one. */
export class MlflowServer extends MlflowApi {
  /** Who may do everything; undefined: anybody. */
  readonly admin: Credentials | undefined;
  readonly #process: ChildProcess;
  #said = '';
  #ended = false;
  /** Also when a test run is cut short: a server of nobody's would go on for ever. */
  readonly #killAtExit = (): void => this.#kill('SIGKILL');

  private constructor(launch: Launch, port: number, admin: Credentials | undefined) {
    super(`http://127.0.0.1:${port}`, admin);
    this.admin = admin;
    this.#process = spawn(
      launch.python,
      ['-m', 'mlflow', 'server', ...launch.options, '--host', '127.0.0.1', '--port', String(port)],
      {
        cwd: launch.folder,
        env: mlflowEnvironment({ MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false', ...launch.environment }),
        stdio: ['ignore', 'pipe', 'pipe'],
        // A group of its own: the server is a tree of processes, killed together.
        detached: true,
      },
    );
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#said = (this.#said + text).slice(-20_000);
      });
    }
    this.#process.once('close', () => {
      this.#ended = true;
    });
    this.#process.once('error', (error) => {
      this.#said += error.message;
      this.#ended = true;
    });
    process.once('exit', this.#killAtExit);
  }

  /** Resolves when it serves; what it does until then (it opens and migrates the file) goes on meanwhile. */
  static async start(
    python: string,
    folder: string,
    databaseUri: string,
    { workers = 1, app, port: given }: ServerOptions = {},
  ): Promise<MlflowServer> {
    const options = ['--backend-store-uri', databaseUri, '--workers', String(workers)];
    const port = given ?? (await freePort());
    const server =
      app === undefined
        ? new MlflowServer({ python, folder, options, environment: {} }, port, undefined)
        : new MlflowServer({ python, folder, ...(await guarded(folder, options)) }, port, ADMIN);
    try {
      await server.#serving();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** What it printed, the last of it. */
  get log(): string {
    return this.#said;
  }

  /** SIGKILL to all of its processes, whatever they are doing. */
  async kill(): Promise<void> {
    process.off('exit', this.#killAtExit);
    const closed = this.#ended ? undefined : once(this.#process, 'close');
    this.#kill('SIGKILL');
    await closed;
  }

  /** It takes connections, as the system does that for it, and answers nothing until it resumes. */
  pause(): void {
    this.#kill('SIGSTOP');
  }

  resume(): void {
    this.#kill('SIGCONT');
  }

  async stop(): Promise<void> {
    process.off('exit', this.#killAtExit);
    if (!this.#ended) {
      const closed = once(this.#process, 'close');
      this.#kill('SIGTERM');
      const killer = setTimeout(() => this.#kill('SIGKILL'), STOP_TIMEOUT_MS);
      await closed;
      clearTimeout(killer);
    }
    // What is left of its tree.
    this.#kill('SIGKILL');
  }

  async #serving(): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (performance.now() < deadline) {
      if (this.#ended) throw new Error(`mlflow server ended; it said:\n${this.#said}`);
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

  #kill(signal: NodeJS.Signals): void {
    const { pid } = this.#process;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // Nothing of it runs any more.
    }
  }
}

interface Launch {
  readonly python: string;
  readonly folder: string;
  readonly options: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** MLflow refuses passwords of fewer than 12 characters, and the one that it used to ship. */
const ADMIN: Credentials = { username: 'admin', password: `admin-${randomBytes(12).toString('hex')}` };

/** MLflow keeps its users in a database of their own, by default in the current folder. */
async function guarded(folder: string, options: readonly string[]): Promise<Pick<Launch, 'options' | 'environment'>> {
  const config = join(folder, 'basic_auth.ini');
  const settings = {
    default_permission: 'READ',
    database_uri: `sqlite:///${join(folder, 'basic_auth.db')}`,
    admin_username: ADMIN.username,
    admin_password: ADMIN.password,
    authorization_function: 'mlflow.server.auth:authenticate_request_basic_auth',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  await writeFile(config, `[mlflow]\n${lines.join('\n')}\n`);
  return {
    options: [...options, '--app-name', 'basic-auth'],
    environment: {
      MLFLOW_AUTH_CONFIG_PATH: config,
      MLFLOW_AUTH_ADMIN_PASSWORD: ADMIN.password,
      MLFLOW_FLASK_SERVER_SECRET_KEY: randomBytes(16).toString('hex'),
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port of the loopback interface is free');
  return address.port;
}
