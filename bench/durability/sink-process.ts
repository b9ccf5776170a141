/**
 * Entry of a server that answers at once and only counts: what an MLflow server takes for a row is not in the figures.
 * It knows as much of MLflow's API as headrace asks for.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

export type Order = { readonly counts: string } | 'down' | 'up';

export interface Counts {
  readonly params: number;
  readonly metrics: number;
  /** Of the metrics: one that came twice counts once. They are told apart by their step alone. */
  readonly steps: number;
}

/** What stands in bodies, as far as it is looked at. */
interface Body {
  readonly run_id: string;
  readonly params?: readonly unknown[];
  readonly metrics?: readonly { readonly step: number }[];
  readonly tags?: readonly { readonly key: string; readonly value: string }[];
  readonly filter: string;
}

const API = '/api/2.0/mlflow/';

class CountedRun {
  params = 0;
  metrics = 0;
  steps = 0;
  private bits = new Uint8Array(1024);

  take({ params = [], metrics = [] }: Body): void {
    this.params += params.length;
    this.metrics += metrics.length;
    for (const { step } of metrics) this.addStep(step);
  }

  private addStep(step: number): void {
    const at = step >> 3;
    if (at >= this.bits.length) {
      const bits = new Uint8Array(Math.max(at + 1, this.bits.length * 2));
      bits.set(this.bits);
      this.bits = bits;
    }
    const bit = 1 << (step & 7);
    const byte = this.bits[at] as number; // made large enough above
    if ((byte & bit) !== 0) return;
    this.bits[at] = byte | bit;
    this.steps++;
  }
}

const runs = new Map<string, CountedRun>();
/** By the id that headrace gave. */
const ids = new Map<string, string>();
const sockets = new Set<Socket>();

function runOf(id: string): CountedRun {
  const run = runs.get(id);
  if (run === undefined) throw new Error(`there is no run ${id}`);
  return run;
}

function create(tags: Body['tags']): string {
  const id = randomBytes(16).toString('hex');
  runs.set(id, new CountedRun());
  const own = tags?.find(({ key }) => key === 'headrace.run_id');
  if (own !== undefined) ids.set(own.value, id);
  return id;
}

function stored(id: string) {
  return { info: { run_id: id, status: 'RUNNING', lifecycle_stage: 'active' } };
}

function answer(path: string, query: URLSearchParams, text: string): unknown {
  if (path === 'experiments/get') return { experiment: { experiment_id: '0', name: 'Default', lifecycle_stage: 'active' } };
  if (path === 'runs/get') return { run: stored(query.get('run_id') ?? '') };
  if (path === 'runs/update') return {};
  // Sent by headrace and by this folder's files only.
  const body = JSON.parse(text) as Body;
  if (path === 'runs/create') return { run: stored(create(body.tags)) };
  if (path !== 'runs/search') throw new Error(`nobody here answers ${path}`);
  const id = ids.get(/'([^']*)'$/.exec(body.filter)?.[1] ?? '');
  return id === undefined ? {} : { runs: [stored(id)] };
}

function send(response: ServerResponse, body: string): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer); // no encoding is set
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://127.0.0.1');
  const text = Buffer.concat(chunks).toString();
  const path = pathname.slice(API.length);
  if (path !== 'runs/log-batch') {
    send(response, JSON.stringify(answer(path, searchParams, text)));
    return;
  }
  // Sent as above.
  const body = JSON.parse(text) as Body;
  runOf(body.run_id).take(body);
  send(response, '{}');
}

const server = createServer((request, response) => {
  // A reset: the request comes again.
  serve(request, response).catch((error: unknown) => {
    if (!request.complete) return;
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  });
});
server.on('connection', (socket) => {
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
  socket.on('error', () => {});
});

async function listen(port: number): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port; // it listens on TCP
}

async function obey(order: Order): Promise<Counts | undefined> {
  if (typeof order === 'object') {
    const { params, metrics, steps } = runOf(order.counts);
    return { params, metrics, steps };
  }
  if (order === 'up') {
    await listen(port);
    return undefined;
  }
  const closed = once(server, 'close');
  server.close();
  for (const socket of sockets) socket.resetAndDestroy();
  await closed;
  return undefined;
}

const port = await listen(0);
process.on('message', (order) => {
  // Sent by sink.ts and by nobody else.
  void obey(order as Order).then((counts) => process.send?.(counts ?? 'done'));
});
process.once('disconnect', () => process.exit());
process.send?.(port);
