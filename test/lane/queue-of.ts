import { RunQueue } from '../../src/lane/run-queue.js';
import type { RunRequest } from '../../src/lane/task.js';

export function requestOf(id: string): RunRequest {
  return {
    id,
    resume: true,
    experiment: {},
    name: undefined,
    userId: 'u',
    startTime: 0,
    tags: [],
    scriptPath: '',
    parentRunId: undefined,
    context: undefined,
  };
}

/** A run that tells nobody how it fares. */
export function queueOf(id: string): RunQueue {
  const account = {
    settledTo: 0,
    refused: () => Promise.resolve(),
    created: () => Promise.resolve(),
    settled: () => undefined,
    ended: () => undefined,
  };
  return new RunQueue(account, requestOf(id));
}
