import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { Client, ClientConfig } from 'pg';
import type { PostgresHost, PostgresSettings, PostgresTls } from './settings.js';

/**
 * Below what firewalls and poolers drop silently: a connection that is gone shows only when something is sent on it. And
 * a program that logs seldom leaves the server's places to others.
 */
const IDLE_MS = 60_000;

/** The protocol's number of it. It is taken without TLS and login: the connection's secret is in it. */
const CANCEL_REQUEST = 80_877_102;
const CANCEL_MS = 5000;

/** One way to the database: a host, with or without TLS. */
interface Route {
  readonly host: PostgresHost;
  readonly tls: ConnectionOptions | false;
}

type HostAddress = Pick<PostgresHost, 'host' | 'port'>;

interface Idle {
  readonly client: Client;
  readonly timer: NodeJS.Timeout;
}

/** Nobody has said which password it is. */
export class NoPasswordError extends Error {
  override readonly name = 'NoPasswordError';
}

/**
 * Connections to a database, made when they are needed, `poolSize` at most. Not pg's own Pool: that counts the wait for
 * a connection that others use as a failure to connect, knows one host, and TLS or none.
 */
export class Connections {
  private readonly settings: PostgresSettings;
  private readonly routes: readonly Route[];
  /** Index of the route that led there last. */
  private current = 0;
  private readonly all = new Set<Client>();
  private readonly idle: Idle[] = [];
  private readonly waiting: (() => void)[] = [];
  private lent = 0;
  private client: typeof Client | undefined;
  private closed = false;

  constructor(settings: PostgresSettings) {
    this.settings = settings;
    this.routes = settings.hosts.flatMap((host) => tlsChoices(settings.tls, host).map((tls) => ({ host, tls })));
  }

  /** Loads pg's client. Here and not above: a lane that writes to a file has no use for it. */
  load(): typeof Client {
    this.client ??= createRequire(import.meta.url)('pg').Client as typeof Client; // what a require answers has no type
    return this.client;
  }

  /**
   * Lends a connection to `use`; waits for one, first come first served, when all are lent. `keeps`: whether the connection
   * can still be used after an error.
   */
  async lend<T>(use: (client: Client) => Promise<T>, keeps: (error: unknown) => boolean): Promise<T> {
    await this.place();
    try {
      const client = this.takeIdle() ?? (await this.connect());
      try {
        const result = await use(client);
        this.giveBack(client);
        return result;
      } catch (error) {
        if (keeps(error)) this.giveBack(client);
        else this.drop(client);
        throw error;
      }
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.lent--;
      else next();
    }
  }

  /**
   * Asks the server to give up what it does for a connection, as whoever waits behind a lock would otherwise be joined by
   * one more at every try. Nobody knows whether it was heard.
   */
  cancel(client: Client): void {
    const { host, port } = client;
    // pg keeps what a server says for this purpose, and its types don't tell.
    const { processID, secretKey } = client as Client & { readonly processID: number | null; readonly secretKey: number | null };
    if (processID === null || secretKey === null) return;
    const request = Buffer.alloc(16);
    for (const [i, word] of [16, CANCEL_REQUEST, processID, secretKey].entries()) request.writeInt32BE(word, 4 * i);
    const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
    socket.on('error', () => undefined).setTimeout(CANCEL_MS, () => socket.destroy());
    socket.unref().end(request);
  }

  /** The host turned out to take no writes: the next one is asked first, and what rests there is of no use. */
  leaveHost({ host, port }: HostAddress = this.currentHost): void {
    const isLeft = (at: HostAddress): boolean => at.host === host && at.port === port;
    // Another may lead already: this was a connection of before.
    for (let i = 0; i < this.routes.length && isLeft(this.currentHost); i++) this.advance();
    const left = this.idle.filter(({ client }) => isLeft(client));
    for (const { client } of left) this.drop(client);
  }

  /** Cuts off what is on its way. */
  close(): void {
    this.closed = true;
    for (const client of this.all) this.drop(client);
  }

  private async place(): Promise<void> {
    if (this.lent < this.settings.poolSize) this.lent++;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  private takeIdle(): Client | undefined {
    // The last one given back: the others may rest until their time is over.
    const idle = this.idle.pop();
    clearTimeout(idle?.timer);
    if (idle !== undefined) socketOf(idle.client).ref();
    return idle?.client;
  }

  private giveBack(client: Client): void {
    if (this.closed || !this.all.has(client)) return;
    const timer = setTimeout(() => this.drop(client), IDLE_MS);
    timer.unref();
    // Nobody waits for anything: a program that is done may end.
    socketOf(client).unref();
    this.idle.push({ client, timer });
  }

  private drop(client: Client): void {
    this.all.delete(client);
    const at = this.idle.findIndex((idle) => idle.client === client);
    if (at < 0) {
      // Something may be on its way, and a polite end would wait for it.
      client.connection.stream.destroy();
      return;
    }
    clearTimeout(this.idle.splice(at, 1)[0]?.timer);
    client.end().catch(() => undefined);
  }

  /** Every route is tried, beginning with the one that led there last. */
  private async connect(): Promise<Client> {
    const failures: unknown[] = [];
    let silent: PostgresHost | undefined;
    const first = this.current;
    for (let i = 0; i < this.routes.length; i++) {
      const at = (first + i) % this.routes.length;
      const route = this.routes[at] as Route; // within the routes
      if (route.host === silent) continue;
      try {
        const client = await this.connectBy(route);
        this.current = at;
        return client;
      } catch (error) {
        failures.push(error);
        // With or without TLS, nobody is there.
        if (isUnreached(error)) silent = route.host;
      }
    }
    // What a server said tells more than that another did not answer.
    throw failures.find(hasSqlState) ?? failures.find((error) => error instanceof NoPasswordError) ?? failures[0];
  }

  private async connectBy(route: Route): Promise<Client> {
    if (this.closed) throw new Error('the store is closed');
    const client = new (this.load())(this.configOf(route));
    // Whoever waits for an answer gets the error too; without a listener it would end the process.
    client.on('error', () => undefined);
    client.on('end', () => this.drop(client));
    this.all.add(client);
    try {
      await client.connect();
      return client;
    } catch (error) {
      this.drop(client);
      throw error;
    }
  }

  private configOf({ host: { host, port, password }, tls }: Route): ClientConfig {
    const { user, database, connectTimeoutMs, answerTimeoutMs, applicationName, options, keepAliveMs } = this.settings;
    return {
      host,
      port,
      user,
      database,
      // A function: pg would look for a missing one in the environment and the password file, where we have looked.
      password: () => {
        if (password === undefined)
          throw new NoPasswordError(`${host}:${port} asks for the password of ${user}, and none is known`);
        return password;
      },
      ssl: tls,
      sslnegotiation: 'postgres',
      connectionTimeoutMillis: connectTimeoutMs,
      query_timeout: answerTimeoutMs,
      application_name: applicationName,
      options,
      keepAlive: keepAliveMs !== undefined,
      ...(keepAliveMs === undefined ? {} : { keepAliveInitialDelayMillis: keepAliveMs }),
    };
  }

  private get currentHost(): PostgresHost {
    return (this.routes[this.current] as Route).host; // always within the routes
  }

  private advance(): void {
    this.current = (this.current + 1) % this.routes.length;
  }
}

function socketOf(client: Client): Socket {
  // With TLS or without; the type would allow a stream of one's own, which we don't give.
  return client.connection.stream as Socket;
}

/** In the order in which libpq tries them. */
function tlsChoices(
  { mode, ca, clientCertificate, clientKey }: PostgresTls,
  { host }: PostgresHost,
): (ConnectionOptions | false)[] {
  // There is no TLS on a socket of this machine.
  if (mode === 'disable' || host.startsWith('/')) return [false];
  const verifies = mode.startsWith('verify') || (mode === 'require' && ca !== undefined);
  const secure: ConnectionOptions = {
    rejectUnauthorized: verifies,
    ...(ca === undefined ? {} : { ca }),
    ...(clientCertificate === undefined ? {} : { cert: clientCertificate }),
    ...(clientKey === undefined ? {} : { key: clientKey }),
    // Whose certificate it is counts for verify-full alone.
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  };
  if (mode === 'prefer') return [secure, false];
  return mode === 'allow' ? [false, secure] : [secure];
}

function isUnreached(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const syscall = 'syscall' in error ? error.syscall : undefined;
  return (
    syscall === 'connect' || syscall === 'getaddrinfo' || error.message === 'timeout expired' || error instanceof AggregateError
  );
}

/** The server itself has said what is wrong. */
export function hasSqlState(error: unknown): error is Error & { readonly code: string } {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^[0-9A-Z]{5}$/.test(error.code) &&
    'severity' in error
  );
}
