/** An address that leads to a server, by a way on which bytes get stuck or lost. */
import type { Socket } from 'node:net';
import { Relay } from '../../bench/server/relay.js';

export type Way =
  /** As a wire. */
  | 'through'
  /** Nothing goes through, and nobody says so. */
  | 'stuck'
  /** Each request takes two seconds to arrive. */
  | 'slow'
  /** Some requests break off in the middle, on both sides. */
  | 'cut';

const REQUEST = /^(?:GET|POST) /;
const SLOW_MS = 2000;
/** So that a request comes through after some tries. */
const CUT_EVERY = 3;

export class FaultyRelay extends Relay {
  /** How often the way had its effect. */
  readonly fired: Record<Exclude<Way, 'through'>, number> = { stuck: 0, slow: 0, cut: 0 };
  #way: Way = 'through';
  #requests = 0;
  /** Connections on which something is stuck. */
  readonly #stuck = new Set<Socket>();

  static override async to(url: string): Promise<FaultyRelay> {
    const relay = new FaultyRelay(new URL(url));
    await relay.open();
    return relay;
  }

  set way(way: Way) {
    this.#way = way;
    if (way === 'stuck') return;
    for (const socket of this.#stuck) socket.resetAndDestroy();
    this.#stuck.clear();
  }

  protected override carry(near: Socket, far: Socket): void {
    near.on('data', (bytes: Buffer) => {
      const isRequest = REQUEST.test(bytes.toString('latin1', 0, 8));
      if (this.#way === 'stuck') {
        if (isRequest) this.fired.stuck++;
        this.#stuck.add(near);
      } else if (this.#way === 'slow') {
        if (isRequest) this.fired.slow++;
        setTimeout(() => void (far.destroyed || far.write(bytes)), SLOW_MS);
      } else if (this.#way === 'cut' && isRequest && ++this.#requests % CUT_EVERY === 0) {
        this.fired.cut++;
        far.write(bytes.subarray(0, bytes.length >>> 1), () => {
          near.resetAndDestroy();
          far.resetAndDestroy();
        });
      } else if (!this.#stuck.has(near)) far.write(bytes);
    });
    far.on('data', (bytes: Buffer) => {
      if (this.#way === 'stuck') this.#stuck.add(near);
      if (!this.#stuck.has(near)) near.write(bytes);
    });
    far.once('end', () => near.end());
  }
}
