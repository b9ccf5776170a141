import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('./scenario-process.js', import.meta.url));

export interface Order {
  readonly question: string;
  readonly scenario: string;
  readonly input: unknown;
}

export type Reply = { readonly result: unknown } | { readonly error: string };

/** Runs one scenario in a process and an empty folder of its own: no warm code, heap or file from another one. */
export async function inFreshProcess(order: Order): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'headrace-bench-'));
  try {
    // stdout is the table's: TensorFlow.js greets there.
    const child = fork(ENTRY, [], {
      cwd: folder,
      env: plainEnvironment(),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    let reply: Reply | undefined;
    child.once('message', (message) => {
      reply = message as Reply; // the only message that scenario-process.ts sends
    });
    child.send(order);
    const [code, signal] = await once(child, 'exit');
    const name = `${order.question}, ${order.scenario}`;
    if (reply === undefined) throw new Error(`${name}: the process ended (${String(code ?? signal)}) without an answer`);
    if ('error' in reply) throw new Error(`${name}: ${reply.error}`);
    if (code !== 0) throw new Error(`${name}: the process ended with ${String(code ?? signal)}`);
    return reply.result;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The defaults are what is measured. */
function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(MLFLOW|HEADRACE)_/.test(name)));
}
