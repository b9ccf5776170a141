import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { mlflowEnvironment } from '../../test/mlflow/mlflow-versions.js';
import type { Order, Reply, Wish } from './parent.js';
import { CONNECTIONS } from './rows.js';
import type { Input, Result, ScenarioName } from './scenarios.js';

const ENTRY = fileURLToPath(new URL('./scenario-process.js', import.meta.url));

/** Runs one scenario in a process of its own. `grant` does what it wishes; without it a wish is an error. */
export async function inProcess<N extends ScenarioName>(
  scenario: N,
  input: Input<N>,
  folder: string,
  grant?: (wish: Wish) => Promise<void>,
): Promise<Result<N>> {
  const child = fork(ENTRY, [], {
    // Neither the environment nor a repository around the folder says anything about the runs.
    cwd: folder,
    env: mlflowEnvironment({ MLFLOW_HTTP_POOL_MAXSIZE: String(CONNECTIONS) }),
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let final: Exclude<Reply, { wish: Wish }> | undefined;
  let refused: unknown;
  child.on('message', (message) => {
    const reply = message as Reply; // sent by scenario-process.ts and by nobody else
    if (!('wish' in reply)) {
      final = reply;
      return;
    }
    const granted = grant === undefined ? Promise.reject(new Error('nobody grants wishes here')) : grant(reply.wish);
    granted.then(
      () => child.send('done'),
      (error: unknown) => {
        refused = error;
        child.kill();
      },
    );
  });
  child.send({ scenario, input } satisfies Order);
  await ended(child, scenario, () => refused);
  if (final === undefined) throw new Error(`${scenario}: the process ended without an answer`);
  if ('error' in final) throw new Error(`${scenario}: ${final.error}`);
  // What this scenario returned, cloned.
  return final.result as Result<N>;
}

/** Runs a Python script that prints JSON, and returns what it printed. */
export async function inPython(python: string, script: URL, input: unknown, folder: string): Promise<unknown> {
  const { child, printed } = startScript(python, script, input, folder);
  await ended(child, script.pathname, () => undefined);
  return JSON.parse(printed());
}

/** Starts a script with its input as JSON. `printed`: what it has printed so far. */
export function startScript(
  command: string,
  script: URL,
  input: unknown,
  folder: string,
): { child: ChildProcess; printed: () => string } {
  const child = spawn(command, [fileURLToPath(script), JSON.stringify(input)], {
    cwd: folder,
    env: mlflowEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  return { child, printed: () => printed };
}

async function ended(child: ChildProcess, name: string, refused: () => unknown): Promise<void> {
  const [code, signal] = await once(child, 'close');
  const cause = refused();
  if (code !== 0 || cause !== undefined) {
    throw new Error(`${name}: the process ended with ${String(code ?? signal)}`, { cause });
  }
}
