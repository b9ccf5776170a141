/**
 * A small MLflow server in the test's own process, on a loopback port: real HTTP, MLflow's verdicts and texts, and
 * whatever can go wrong on the way, on demand. What a client of MLflow must survive can be shown without Python.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { isObject, parseBody, Unhandled } from './lenient-json.js';
import { MlflowState } from './mlflow-state.js';
import { type Answer, invalid, NOT_FOUND, Refusal, refused, SERVER_ERROR, UNAUTHENTICATED } from './refusal.js';

const API = '/api/2.0/mlflow/';

/** One request as it came. */
export interface Seen {
  readonly method: string;
  /** Below `/api/2.0/mlflow/`; elsewhere with its slash. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  readonly runId: string | undefined;
  /** Milliseconds, by performance.now(). */
  readonly at: number;
  /** Counted from 1. */
  readonly connection: number;
  /** It came on a connection that had carried another one. */
  readonly reused: boolean;
  /** Of the answer, once one was made; undefined after a reset. */
  status: number | undefined;
}

/** Which requests a fault is for; all that is given must hold. */
export interface Match {
  readonly path?: string;
  /** A text that stands in the body. */
  readonly body?: string;
  readonly runId?: string;
  /** Bodies of more bytes than this. */
  readonly over?: number;
  /** Only on a connection that had carried a request. */
  readonly reused?: boolean;
}

/**
 * What happens instead of a plain answer. `before` and `after`: the server does the work before or after it. What
 * hangs goes on at `release()`: it is then applied, if it was not, and answered, if somebody still listens.
 */
export type Deed =
  | { readonly answer: Partial<Answer>; readonly applied?: boolean }
  | { readonly reset: 'before applying' | 'after applying' }
  | { readonly hang: 'before applying' | 'after applying' | 'in the answer' };

export class Fault {
  readonly match: Match;
  readonly deed: Deed;
  /** Requests that it met. */
  readonly met: Seen[] = [];
  private left: number;
  private isReleased = false;
  private readonly waiting: (() => void)[] = [];

  constructor(match: Match, deed: Deed, times: number) {
    this.match = match;
    this.deed = deed;
    this.left = times;
  }

  get fired(): number {
    return this.met.length;
  }

  /** No further request meets it. */
  stop(): void {
    this.left = 0;
  }

  /** Lets what hangs go on, in this very turn. */
  release(): void {
    this.isReleased = true;
    for (const go of this.waiting.splice(0)) go();
  }

  takes(seen: Seen): boolean {
    const { path, body, runId, over, reused } = this.match;
    if (this.left <= 0) return false;
    if (path !== undefined && path !== seen.path) return false;
    if (body !== undefined && !seen.body.includes(body)) return false;
    if (runId !== undefined && runId !== seen.runId) return false;
    if (over !== undefined && Buffer.byteLength(seen.body) <= over) return false;
    if (reused !== undefined && reused !== seen.reused) return false;
    this.left--;
    this.met.push(seen);
    return true;
  }

  onRelease(go: () => void): void {
    if (this.isReleased) go();
    else this.waiting.push(go);
  }
}

export interface FakeOptions {
  /** As MLflow 2.22.5 stores metrics. */
  readonly olderMetrics?: boolean;
  /** Every answer ends its connection, as those of MLflow 2 do. */
  readonly noKeepAlive?: boolean;
}

interface Connection {
  readonly number: number;
  requests: number;
  /** Requests that are being answered on it. */
  busy: number;
}

export class FakeMlflow {
  readonly state: MlflowState;
  readonly seen: Seen[] = [];
  /** Most requests at the same time: of all, and of log-batch for one run. Those that a fault met don't count. */
  readonly most: { all: number; ofOneRun: number } = { all: 0, ofOneRun: 0 };
  /** Any other value of the header gets 401. */
  authorization: string | undefined;
  /** Held for so long before the work is done: requests can meet each other. */
  delayMs = 0;
  private readonly server: Server;
  private readonly sockets: Map<Socket, Connection> = new Map();
  private readonly faults: Fault[] = [];
  private readonly after: { match: Fault; act: () => void }[] = [];
  private readonly flying: Set<Seen> = new Set();
  /** How many were ever made. */
  connections = 0;
  private port = 0;

  private constructor(options: FakeOptions) {
    this.state = new MlflowState(options.olderMetrics ?? false);
    this.server = createServer((request, response) => {
      response.shouldKeepAlive = options.noKeepAlive !== true;
      void this.serve(request, response);
    });
    // As uvicorn's.
    this.server.keepAliveTimeout = 5000;
    this.server.on('connection', (socket) => {
      this.sockets.set(socket, { number: ++this.connections, requests: 0, busy: 0 });
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('error', () => undefined);
    });
  }

  static async start(options: FakeOptions = {}): Promise<FakeMlflow> {
    const fake = new FakeMlflow(options);
    await fake.listen();
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The next requests that match, so many of them, fare as told. */
  fault(match: Match, deed: Deed, times = 1): Fault {
    const fault = new Fault(match, deed, times);
    this.faults.push(fault);
    return fault;
  }

  /** No further request meets any of them. */
  stopFaults(): void {
    for (const fault of this.faults) fault.stop();
  }

  /** Acts once, after the next request that matches has been applied and before it is answered. */
  afterApplying(match: Match, act: () => void): void {
    this.after.push({ match: new Fault(match, { answer: {} }, 1), act });
  }

  batches(runId?: string): Seen[] {
    return this.requests('runs/log-batch').filter((seen) => runId === undefined || seen.runId === runId);
  }

  requests(path: string): Seen[] {
    return this.seen.filter((seen) => seen.path === path);
  }

  /** What was to go wrong and never did. */
  unmet(): Fault[] {
    return this.faults.filter(({ fired }) => fired === 0);
  }

  /** Nobody listens on the port any more, and every connection is reset. */
  async goDown(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets.keys()) socket.resetAndDestroy();
    await closed;
  }

  async comeBack(): Promise<void> {
    await this.listen();
  }

  /** Connections that carry nothing just now. Answers how many there were. */
  endIdle(way: 'close' | 'reset'): number {
    const idle = [...this.sockets].filter(([, { busy, requests }]) => busy === 0 && requests > 0);
    for (const [socket] of idle) {
      if (way === 'reset') socket.resetAndDestroy();
      else socket.end();
    }
    return idle.length;
  }

  async close(): Promise<void> {
    if (!this.server.listening) return;
    await this.goDown();
  }

  private async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.port, '127.0.0.1', () => {
        this.server.off('error', reject);
        resolve();
      });
    });
    this.port = (this.server.address() as AddressInfo).port; // it listens on a port, not on a pipe
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const connection = this.sockets.get(request.socket) ?? { number: 0, requests: 0, busy: 0 };
    connection.requests++;
    connection.busy++;
    response.on('error', () => undefined);
    response.on('close', () => connection.busy--);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer); // no encoding is set
    } catch {
      return;
    }
    const seen = newSeen(request, Buffer.concat(chunks).toString('utf8'), connection);
    this.seen.push(seen);
    const fault = this.faults.find((each) => each.takes(seen));
    if (fault === undefined) this.takeOff(seen, response);
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    if (fault === undefined) send(response, seen, this.apply(seen));
    else this.misbehave(seen, response, fault);
  }

  private takeOff(seen: Seen, response: ServerResponse): void {
    this.flying.add(seen);
    const ofOneRun = [...this.flying].filter(({ path, runId }) => path === 'runs/log-batch' && runId === seen.runId);
    this.most.all = Math.max(this.most.all, this.flying.size);
    this.most.ofOneRun = Math.max(this.most.ofOneRun, ofOneRun.length);
    response.on('close', () => this.flying.delete(seen));
  }

  private misbehave(seen: Seen, response: ServerResponse, fault: Fault): void {
    const { deed } = fault;
    if ('answer' in deed) {
      if (deed.applied === true) this.apply(seen);
      send(response, seen, { status: 200, headers: { 'content-type': 'application/json' }, body: '{}', ...deed.answer });
    } else if ('reset' in deed) {
      if (deed.reset === 'after applying') this.apply(seen);
      response.socket?.resetAndDestroy();
    } else if (deed.hang === 'before applying') {
      fault.onRelease(() => send(response, seen, this.apply(seen)));
    } else {
      const answer = this.apply(seen);
      if (deed.hang === 'after applying') {
        fault.onRelease(() => send(response, seen, answer));
        return;
      }
      const half = Math.max(1, answer.body.length >> 1);
      response.writeHead(answer.status, { ...answer.headers, 'content-length': Buffer.byteLength(answer.body) });
      response.write(answer.body.slice(0, half));
      fault.onRelease(() => response.end(answer.body.slice(half)));
    }
  }

  /** Does the work of a request, now. */
  private apply(seen: Seen): Answer {
    const answer = this.answer(seen);
    for (const [index, { match, act }] of this.after.entries()) {
      if (!match.takes(seen)) continue;
      this.after.splice(index, 1);
      act();
      break;
    }
    return answer;
  }

  private answer(seen: Seen): Answer {
    if (seen.path === '/health') return plain('OK');
    if (this.authorization !== undefined && seen.headers['authorization'] !== this.authorization) return UNAUTHENTICATED;
    if (seen.path === '/version') return plain(this.state.olderMetrics ? '2.22.5' : '3.17.2');
    if (seen.path.startsWith('/')) return NOT_FOUND;
    try {
      // uvicorn and gunicorn lose such a body.
      if (seen.headers['transfer-encoding'] !== undefined || seen.headers['content-encoding'] !== undefined) return SERVER_ERROR;
      if (seen.method === 'POST') checkContentType(seen.headers['content-type']);
      return this.state.call(seen.method, seen.path, seen.query, seen.method === 'POST' ? parseBody(seen.body) : {});
    } catch (error) {
      if (error instanceof Refusal) return refused(error, this.state.olderMetrics);
      if (error instanceof Unhandled) return SERVER_ERROR;
      throw error;
    }
  }
}

function newSeen(request: IncomingMessage, body: string, connection: Connection): Seen {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
  return {
    method: request.method ?? '',
    path: pathname.startsWith(API) ? pathname.slice(API.length) : pathname,
    query: searchParams,
    headers: request.headers,
    body,
    runId: searchParams.get('run_id') ?? runIdOf(body),
    at: performance.now(),
    connection: connection.number,
    reused: connection.requests > 1,
    status: undefined,
  };
}

function runIdOf(body: string): string | undefined {
  try {
    const value: unknown = JSON.parse(body);
    if (isObject(value) && typeof value['run_id'] === 'string') return value['run_id'];
  } catch {
    // A body that can't be read belongs to no run.
  }
  return undefined;
}

function checkContentType(type: string | string[] | undefined): void {
  if (type === undefined) throw invalid('Bad Request. Content-Type header is missing.');
  if (!/^application\/json\s*(?:;|$)/i.test(String(type))) {
    throw invalid("Bad Request. Content-Type must be one of ['application/json'].");
  }
}

function plain(body: string): Answer {
  return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body };
}

function send(response: ServerResponse, seen: Seen, { status, headers, body }: Answer): void {
  seen.status = status;
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
