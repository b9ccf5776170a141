/**
 * Stands between a client and a real server, and lets requests fail the ways that networks, gateways and
 * servers let them fail. Each fault is counted when it has had its effect.
 */
import { once } from 'node:events';
import { createServer, request as forward, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Fault, type FaultPlan, FaultSchedule, type Random, randomFrom } from './fault-schedule.js';

/** A request, as far as MLflow's API goes. */
interface Call {
  /** `runs/log-batch`, say. */
  readonly name: string;
  /** The run that it is about; for the creation of one, the client's own id of it. */
  readonly runId: string | undefined;
  readonly request: IncomingMessage;
  readonly body: Buffer;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** A request that the client has given up and the server is yet to see. */
interface Held {
  readonly call: Call;
  /** The server has taken something later. */
  isOvertaken: boolean;
  readonly release: () => void;
}

/** A batch that the server took, and whose answer went out whole. */
export interface Acknowledged {
  readonly runId: string;
  readonly params: number;
  readonly metrics: number;
  /** `performance.now()` */
  readonly at: number;
}

const BASE = '/api/2.0/mlflow/';

/** What a client says with MLFLOW_HTTP_REQUEST_TIMEOUT=1, whose timers may go off up to a second later. */
export const CLIENT_TIMEOUT_S = 1;

/** After something later has landed, a late request comes in within so many milliseconds: at once, or a few batches on. */
const LATE_MS = 1500;

export class FaultProxy {
  readonly url: string;
  readonly fired: Map<Fault, number>;
  readonly acknowledged: Acknowledged[] = [];
  /** Requests that came while nothing listened at the server's port, or that broke off there. */
  unserved = 0;
  /** Requests whose client did not wait for the server's answer. */
  givenUp = 0;
  /** Tries of a batch that came sooner than the answer to the one before allowed. */
  hurried = 0;
  /** Requests that are at the server now. */
  forwarding = 0;
  readonly #server: Server;
  readonly #target: string;
  readonly #random: Random;
  readonly #schedule: FaultSchedule;
  readonly #underway = new Set<Promise<void>>();
  readonly #held = new Set<Held>();
  readonly #creations = new Set<string>();
  readonly #busy = new Set<Socket>();
  /** By run: `performance.now()` before which it was asked not to come again. */
  readonly #notBefore = new Map<string, number>();

  private constructor(server: Server, url: string, target: string, plan: FaultPlan) {
    this.url = url;
    this.fired = new Map(plan.faults.map((fault) => [fault, 0]));
    this.#server = server;
    this.#target = target;
    this.#random = randomFrom(plan.seed);
    this.#schedule = new FaultSchedule(plan, this.#random);
  }

  static async start(target: string, plan: FaultPlan): Promise<FaultProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port of the loopback interface is free');
    const proxy = new FaultProxy(server, `http://127.0.0.1:${address.port}`, target, plan);
    server.on('request', (request, response) => proxy.#take(request, response));
    return proxy;
  }

  neverFired(): Fault[] {
    return [...this.fired].flatMap(([fault, times]) => (times === 0 ? [fault] : []));
  }

  /** What happened, for a failure's message. */
  account(): string {
    const counts = [...this.fired].map(([fault, times]) => `${fault}: ${times}`);
    return `${counts.join(', ')}; unserved: ${this.unserved}, given up: ${this.givenUp}, hurried: ${this.hurried}`;
  }

  /** Everything that a client gave up and that is still on its way to the server comes in now. Nobody may be logging. */
  async deliver(): Promise<void> {
    for (const { release } of this.#held) release();
    while (this.#underway.size > 0) await Promise.all(this.#underway);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    this.#busy.add(socket);
    response.once('close', () => this.#busy.delete(socket));
    const work = this.#handle(request, response)
      // The client is gone, or the server: whoever is left sees the connection break.
      .catch(() => void response.destroy())
      .finally(() => this.#underway.delete(work));
    this.#underway.add(work);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = callOf(request, await bytes(request));
    this.#noteHurry(call);
    const fault = this.#schedule.next(call.name, this.#isAgain(call));
    if (fault === undefined) return await this.#pass(call, response);
    if (await this.#fail(fault, call, response)) this.fired.set(fault, (this.fired.get(fault) ?? 0) + 1);
  }

  /** True: it had its effect. */
  async #fail(fault: Fault, call: Call, response: ServerResponse): Promise<boolean> {
    const { socket } = call.request;
    switch (fault) {
      case 'reset before forwarding':
        socket.resetAndDestroy();
        return true;
      case 'reset after the server answered':
        await this.#forward(call);
        socket.resetAndDestroy();
        return true;
      case 'reset in mid-answer':
        await sendHalf(response, await this.#forward(call));
        socket.resetAndDestroy();
        return true;
      case 'delay before forwarding':
        await sleep(50 + 350 * this.#random());
        await this.#pass(call, response);
        return true;
      case 'hang before forwarding':
        await gone(response);
        return true;
      case 'hang after the server answered':
        await this.#forward(call);
        // Whenever the answer comes after that: it has nowhere to go.
        await gone(response);
        return true;
      case 'hang in mid-answer':
        await sendHalf(response, await this.#forward(call));
        await gone(response);
        return true;
      case 'answer at about the time that the client gives up': {
        const answer = await this.#forward(call);
        await sleep(1000 * (CLIENT_TIMEOUT_S + this.#random()));
        this.#send(call, response, answer);
        return true;
      }
      case 'batch forwarded late':
      case 'creation forwarded late':
        await gone(response);
        return await this.#forwardLate(call);
      case '429 with Retry-After in seconds':
        return this.#turnAway(call, response, 429, '1', 1000);
      case '503 with Retry-After in seconds':
        return this.#turnAway(call, response, 503, '1', 1000);
      case '503 with Retry-After as a date': {
        // A date has no fractions of a second.
        const until = Math.ceil(Date.now() / 1000 + 0.3) * 1000;
        return this.#turnAway(call, response, 503, new Date(until).toUTCString(), until - Date.now());
      }
      case '502 with an HTML page':
        this.#send(call, response, BAD_GATEWAY);
        return true;
      case 'idle connection closed':
        await this.#pass(call, response);
        return await this.#closeIdle(socket);
    }
  }

  /** The creation of a run that was asked for before. */
  #isAgain({ name, runId }: Call): boolean {
    if (name !== 'runs/create' || runId === undefined) return false;
    const isAgain = this.#creations.has(runId);
    this.#creations.add(runId);
    return isAgain;
  }

  async #pass(call: Call, response: ServerResponse): Promise<void> {
    let answer: Answer;
    try {
      answer = await this.#forward(call);
      if (response.destroyed) this.givenUp++;
    } catch {
      // A gateway says so; a balancer of connections has nothing to say.
      if (this.#random() < 0.5) this.#send(call, response, BAD_GATEWAY);
      else call.request.socket.resetAndDestroy();
      return;
    }
    this.#send(call, response, answer);
  }

  async #forward(call: Call): Promise<Answer> {
    const { method, url = '', rawHeaders } = call.request;
    let answer: Answer;
    this.forwarding++;
    try {
      // A connection for each: the server drops idle ones, and that is a fault to be had on purpose only.
      const onward = forward(`${this.#target}${url}`, { method, headers: rawHeaders, agent: false });
      onward.on('error', () => {
        // After the answer's head it is told by the answer's body; before, by `once`.
      });
      onward.end(call.body);
      // The event's own arguments.
      const [incoming] = (await once(onward, 'response')) as [IncomingMessage];
      const headers: Record<string, string> = {};
      for (const name of ['content-type', 'connection', 'retry-after']) {
        const value = incoming.headers[name];
        // MLflow 2 keeps no connection, and its client should see that.
        if (typeof value === 'string' && (name !== 'connection' || value === 'close')) headers[name] = value;
      }
      answer = { status: incoming.statusCode ?? 0, headers, body: await bytes(incoming) };
    } catch (error) {
      this.unserved++;
      throw error;
    } finally {
      this.forwarding--;
    }
    if (answer.status === 200) this.#noteLanded(call);
    return answer;
  }

  /** True: something later had landed before. */
  async #forwardLate(call: Call): Promise<boolean> {
    const held = await new Promise<Held>((resolve) => {
      const waiting: Held = {
        call,
        isOvertaken: false,
        release: () => {
          this.#held.delete(waiting);
          resolve(waiting);
        },
      };
      this.#held.add(waiting);
    });
    await this.#forward(call);
    return held.isOvertaken;
  }

  #noteLanded({ name, runId, body }: Call): void {
    for (const held of this.#held) {
      const { call, isOvertaken, release } = held;
      if (isOvertaken || call.name !== name || call.runId !== runId) continue;
      // The same batch once more is not later.
      if (name === 'runs/log-batch' && call.body.equals(body)) continue;
      held.isOvertaken = true;
      setTimeout(release, LATE_MS * this.#random());
    }
  }

  #turnAway(call: Call, response: ServerResponse, status: number, retryAfter: string, retryAfterMs: number): true {
    if (call.name === 'runs/log-batch' && call.runId !== undefined) {
      this.#notBefore.set(call.runId, performance.now() + retryAfterMs);
    }
    const headers = { 'content-type': 'text/plain', 'retry-after': retryAfter };
    this.#send(call, response, { status, headers, body: Buffer.from('not now\n') });
    return true;
  }

  #noteHurry({ name, runId }: Call): void {
    if (name !== 'runs/log-batch' || runId === undefined) return;
    // Timers are a few milliseconds early at most.
    if (performance.now() < (this.#notBefore.get(runId) ?? 0) - 20) this.hurried++;
    this.#notBefore.delete(runId);
  }

  #send(call: Call, response: ServerResponse, { status, headers, body }: Answer): void {
    // The client has given up meanwhile.
    if (response.destroyed) return;
    if (status === 200 && call.name === 'runs/log-batch') response.once('finish', () => this.#noteAcknowledged(call));
    response.writeHead(status, { ...headers, 'content-length': body.length });
    response.end(body);
  }

  #noteAcknowledged({ runId, body }: Call): void {
    // What the client made, and the server took.
    const { params = [], metrics = [] } = JSON.parse(body.toString('utf8')) as { params?: unknown[]; metrics?: unknown[] };
    this.acknowledged.push({ runId: runId ?? '', params: params.length, metrics: metrics.length, at: performance.now() });
  }

  /** The next time that it has nothing to do; false: it was closed before. */
  async #closeIdle(socket: Socket): Promise<boolean> {
    while (!socket.destroyed) {
      await sleep(30 * this.#random());
      if (this.#busy.has(socket) || socket.destroyed) continue;
      socket.destroy();
      return true;
    }
    return false;
  }
}

const BAD_GATEWAY: Answer = {
  status: 502,
  headers: { 'content-type': 'text/html' },
  body: Buffer.from('<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n'),
};

function callOf(request: IncomingMessage, body: Buffer): Call {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://proxy');
  const name = pathname.startsWith(BASE) ? pathname.slice(BASE.length) : pathname;
  if (body.length === 0) return { name, runId: searchParams.get('run_id') ?? undefined, request, body };
  // What the client sends to MLflow.
  const { run_id, tags = [] } = JSON.parse(body.toString('utf8')) as { run_id?: string; tags?: { key: string; value: string }[] };
  return { name, runId: run_id ?? tags.find(({ key }) => key === 'headrace.run_id')?.value, request, body };
}

/** Resolves when the client has given up. */
async function gone(response: ServerResponse): Promise<void> {
  if (!response.closed) await once(response, 'close');
}

async function sendHalf(response: ServerResponse, { status, headers, body }: Answer): Promise<void> {
  response.writeHead(status, { ...headers, 'content-length': body.length });
  await new Promise((resolve) => response.write(body.subarray(0, body.length >>> 1), resolve));
}

async function bytes(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}
