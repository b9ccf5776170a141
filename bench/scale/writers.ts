import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { mlflowEnvironment } from '../../test/mlflow/mlflow-versions.js';
import type { WriterOrder, WriterWord } from './writer.js';

const ENTRY = fileURLToPath(new URL('./writer.js', import.meta.url));

/** Seconds from the moment when all processes may begin until the last one's rows have landed. */
export async function secondsOf(processes: number, order: WriterOrder, folder: string): Promise<number> {
  const children = Array.from({ length: processes }, () => {
    const child = fork(ENTRY, [], {
      // Neither the environment nor a repository around the folder says anything about the runs.
      cwd: folder,
      env: mlflowEnvironment(),
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    child.send(order);
    return child;
  });
  try {
    const ends = children.map((child) => once(child, 'close'));
    await Promise.all(children.map((child) => said(child, 'ready')));
    const landed = children.map((child) => said(child, 'landed'));
    const start = performance.now();
    for (const child of children) child.send('go');
    await Promise.all(landed);
    const seconds = (performance.now() - start) / 1000;
    await Promise.all(ends);
    return seconds;
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

function said(child: ChildProcess, word: WriterWord): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on('message', (message) => {
      if (message === word) resolve();
    });
    child.once('close', (code, signal) => reject(new Error(`a writer ended (${code ?? signal}) before it was ${word}`)));
  });
}
