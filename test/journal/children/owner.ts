/** Takes the lock of each folder that it is told at a moment that it is told, and never lets go. */
import { createInterface } from 'node:readline';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { OwnerLock } from '../../../src/journal/owner-lock.js';

function acquireAt(line: string): string {
  const [at = '0', folder = ''] = line.split(' ');
  // So that two begin at the same moment, as near as it gets.
  while (Date.now() < Number(at));
  return OwnerLock.acquire(folder) === undefined ? 'refused' : 'owner';
}

if (!isMainThread) {
  parentPort?.on('message', (line: string) => parentPort?.postMessage(acquireAt(line)));
} else if (process.argv[2] === 'threads') {
  const workers = [new Worker(__filename), new Worker(__filename)];
  createInterface(process.stdin).on('line', (line) => {
    const answers: string[] = [];
    for (const worker of workers) {
      worker.once('message', (answer: string) => {
        answers.push(answer);
        if (answers.length === workers.length) process.stdout.write(`${answers.sort().join(' ')}\n`);
      });
      worker.postMessage(line);
    }
  });
} else {
  createInterface(process.stdin).on('line', (line) => process.stdout.write(`${acquireAt(line)}\n`));
}
