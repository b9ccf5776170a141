import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Counts, Order } from './sink-process.js';

const ENTRY = fileURLToPath(new URL('./sink-process.js', import.meta.url));

/** A server in a process of its own that answers at once and counts what it is sent. */
export class Sink {
  readonly url: string;
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.child = child;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async serve<T>(use: (sink: Sink) => Promise<T>): Promise<T> {
    const child = fork(ENTRY, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    try {
      return await use(new Sink(child, (await said(child)) as number)); // its first message is the port
    } finally {
      child.kill();
    }
  }

  /** Its connections are reset and nobody listens at its address, or again somebody does. */
  async go(where: 'down' | 'up'): Promise<void> {
    await this.ask(where);
  }

  async counts(runId: string): Promise<Counts> {
    return (await this.ask({ counts: runId })) as Counts; // its answer to that
  }

  private async ask(order: Order): Promise<unknown> {
    const answer = said(this.child);
    this.child.send(order);
    return await answer;
  }
}

async function said(child: ChildProcess): Promise<unknown> {
  const over = new AbortController();
  const { signal } = over;
  try {
    return await Promise.race([
      once(child, 'message', { signal }).then(([message]) => message),
      once(child, 'exit', { signal }).then(() => Promise.reject(new Error('the server that counts has ended'))),
    ]);
  } finally {
    over.abort();
  }
}
