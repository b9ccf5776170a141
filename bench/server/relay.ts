import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** An address that leads to the server, until it is closed: then its connections are reset and nobody listens there. */
export class Relay {
  private readonly target: { readonly host: string; readonly port: number };
  private readonly sockets = new Set<Socket>();
  private readonly listener: Server;
  private port = 0;

  protected constructor(target: URL) {
    this.target = { host: target.hostname, port: Number(target.port) };
    this.listener = createServer({ noDelay: true }, (near) => this.join(near));
  }

  static async to(url: string): Promise<Relay> {
    const relay = new Relay(new URL(url));
    await relay.open();
    return relay;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** At the same address as before. */
  async open(): Promise<void> {
    if (this.listener.listening) return;
    this.listener.listen(this.port, '127.0.0.1');
    await once(this.listener, 'listening');
    const address = this.listener.address();
    // A server that listens on TCP has an address with a port.
    if (address !== null && typeof address !== 'string') this.port = address.port;
  }

  async close(): Promise<void> {
    if (!this.listener.listening) return;
    const closed = once(this.listener, 'close');
    this.listener.close();
    for (const socket of this.sockets) socket.resetAndDestroy();
    await closed;
  }

  private join(near: Socket): void {
    const far = connect({ ...this.target, noDelay: true });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(socket);
      // Its close follows, and says all that the other side has to know.
      socket.on('error', () => {});
      socket.once('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
    this.carry(near, far);
  }

  protected carry(near: Socket, far: Socket): void {
    near.pipe(far);
    far.pipe(near);
  }
}
