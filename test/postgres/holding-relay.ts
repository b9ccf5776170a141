/** Stands between headrace and a server; can cut a client off and hand on what it had sent later. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** Of the server's last message to an answer: it waits for the next statement. */
const READY = Buffer.from([0x5a, 0, 0, 0, 5]);

export class HoldingRelay {
  readonly #server: Server;
  readonly #held: (() => Promise<void>)[] = [];
  #holdsNext = false;

  private constructor(target: number) {
    this.#server = createServer((client) => this.#relay(client, target));
  }

  static async start(target: number): Promise<HoldingRelay> {
    const relay = new HoldingRelay(target);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    onTestFinished(() => void relay.#server.close());
    return relay;
  }

  get port(): number {
    // A TCP server that listens has a port.
    return (this.#server.address() as AddressInfo).port;
  }

  get held(): number {
    return this.#held.length;
  }

  /** What is sent next is kept back, and its sender is cut off. */
  holdNext(): void {
    this.#holdsNext = true;
  }

  /** Hands on what was kept back; resolves when the server has done it. */
  async release(): Promise<void> {
    for (const send of this.#held.splice(0)) await send();
  }

  #relay(client: Socket, target: number): void {
    const server = connect(target, '127.0.0.1');
    const end = (): void => void server.destroy();
    client.on('error', () => {}).on('close', end);
    server.on('error', () => {}).on('close', () => client.destroy());
    server.on('data', (data) => client.write(data));
    client.on('data', (data) => {
      if (!this.#holdsNext) {
        server.write(data);
        return;
      }
      this.#holdsNext = false;
      client.off('close', end);
      this.#held.push(async () => {
        const answered = new Promise<void>((resolve) => {
          server.on('data', (answer: Buffer) => answer.includes(READY) && resolve());
        });
        server.write(data);
        await answered;
        server.destroy();
      });
      client.destroy();
    });
  }
}
