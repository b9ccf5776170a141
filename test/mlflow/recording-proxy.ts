import { once } from 'node:events';
import {
  createServer,
  request as forward,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';

/** One request as it arrived, and what the server said to it. */
export interface Exchange {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly status: number;
  readonly answer: string;
}

/** Stands between a client and a server, changes nothing, and keeps what went by. */
export class RecordingProxy {
  readonly url: string;
  readonly exchanges: Exchange[] = [];
  readonly #server: Server;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  static async start(target: string): Promise<RecordingProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port of the loopback interface is free');
    const proxy = new RecordingProxy(server, `http://127.0.0.1:${address.port}`);
    server.on('request', (request, response) => {
      proxy
        .#pass(target, request, response)
        .catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
    });
    return proxy;
  }

  /** Those of one call of the API. */
  of(path: string): readonly Exchange[] {
    return this.exchanges.filter((exchange) => exchange.path.endsWith(`/${path}`));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #pass(target: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bytes(request);
    const { method = '', url: path = '', headers, rawHeaders } = request;
    // A connection for each: the server drops idle ones, which is no business of this proxy's client.
    const onward = forward(`${target}${path}`, { method, headers: rawHeaders, agent: false });
    onward.end(body);
    // The event's own arguments.
    const [answer] = (await once(onward, 'response')) as [IncomingMessage];
    const text = await bytes(answer);
    const status = answer.statusCode ?? 0;
    this.exchanges.push({ method, path, headers, body: body.toString('utf8'), status, answer: text.toString('utf8') });
    for (const name of ['content-type', 'www-authenticate', 'retry-after']) {
      const value = answer.headers[name];
      if (value !== undefined) response.setHeader(name, value);
    }
    response.writeHead(status, { 'content-length': text.length });
    response.end(text);
  }
}

async function bytes(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}
